#!/usr/bin/env bash
# Installs into an empty prefix, builds and runs a program against it as a user would, uninstalls, and looks for
# anything left. Then the same with DESTDIR, as a packager would.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
# A library that happens to be found otherwise would hide a wrong path.
unset LD_LIBRARY_PATH LIBRARY_PATH CPATH PKG_CONFIG_PATH
# Nor is the make that called this to hand down its own settings.
unset DESTDIR PREFIX MAKEFLAGS MAKEOVERRIDES MFLAGS

fail() {
    echo "FAILED  $*" >&2
    echo "$passed passed, 1 failed"
    exit 1
}

ok() {
    echo "ok      $*"
    passed=$((passed + 1))
}

# expect_no_files DIRECTORY
expect_no_files() {
    local left
    left=$(find "$1" ! -type d)
    [[ -z $left ]] || fail "left behind: $left"
}

version=$(scripts/version.sh)
prefix=$temporary/prefix
cat >"$temporary/prog.c" <<'PROGRAM'
#include <luawait.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    luawait_engine *engine = NULL;
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL;
    if (strcmp(luawait_version(), LUAWAIT_VERSION) != 0 || luawait_abi_version() != LUAWAIT_ABI_VERSION) return 1;
    if (luawait_engine_new(NULL, 0, &engine, NULL) != LUAWAIT_OK) return 2;
    if (luawait_eval(engine, "6 * 7", LUAWAIT_NUL_TERMINATED, NULL, 0, &state, &outcome, NULL, NULL) != LUAWAIT_OK)
        return 3;
    if (state != LUAWAIT_SUCCEEDED) return 4;
    puts(outcome);
    luawait_free(outcome);
    luawait_engine_free(engine);
    return 0;
}
PROGRAM

make --no-print-directory install PREFIX="$prefix" || fail "make install PREFIX=..."
ok "install_into_a_prefix"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
[[ $(pkg-config --modversion luawait) == "$version" ]] || fail "pkg-config --modversion luawait is not $version"
ok "pkg_config_gives_the_header_version"

cd "$temporary"
flags=$(pkg-config --cflags --libs luawait)
libdir=$(pkg-config --variable=libdir luawait)
# SwiftPM refuses any other.
[[ " $flags " =~ ^( -(I|L|l)[^ ]+)+\ *$ ]] || fail "luawait.pc has more than -I, -L and -l: $flags"
ok "pkg_config_gives_no_linker_flags"

# As README says of a prefix where the dynamic linker does not look by itself.
# shellcheck disable=SC2086 # the words of pkg-config's answer are arguments
"${CC:-cc}" prog.c $flags "-Wl,-rpath,$libdir" || fail "cc prog.c \$(pkg-config --cflags --libs luawait)"
output=$(./a.out) || fail "the program ended with status $?"
[[ $output == 42 ]] || fail "the program printed \`$output\` instead of \`42\`"
# shellcheck disable=SC2086
"${CC:-cc}" prog.c $flags -o without || fail "cc prog.c \$(pkg-config --cflags --libs luawait)"
output=$(LD_LIBRARY_PATH=$libdir ./without) || fail "with LD_LIBRARY_PATH the program ended with status $?"
[[ $output == 42 ]] || fail "with LD_LIBRARY_PATH the program printed \`$output\` instead of \`42\`"
ok "program_built_with_pkg_config_runs"

loaded=$(LD_TRACE_LOADED_OBJECTS=1 ./a.out)
[[ $loaded == *"$prefix/lib/libluawait.so.${version%%.*}"* ]] || fail "it does not load the installed library: $loaded"
ok "program_loads_the_installed_library"

# A package in Swift that finds the library by its pkg-config file.
mkdir -p swift-host/Sources/CLuawait swift-host/Sources/host
cat >swift-host/Package.swift <<'SWIFT'
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "host",
    targets: [
        .systemLibrary(name: "CLuawait", pkgConfig: "luawait"),
        .executableTarget(name: "host", dependencies: ["CLuawait"]),
    ]
)
SWIFT
echo '#include <luawait.h>' >swift-host/Sources/CLuawait/shim.h
echo 'module CLuawait [system] { header "shim.h" link "luawait" export * }' >swift-host/Sources/CLuawait/module.modulemap
cat >swift-host/Sources/host/main.swift <<'SWIFT'
import CLuawait

var engine: OpaquePointer?
var state = LUAWAIT_IN_PROGRESS
var outcome: UnsafeMutablePointer<CChar>?
precondition(luawait_engine_new(nil, 0, &engine, nil) == LUAWAIT_OK)
let status: luawait_status = luawait_eval(
    engine, "6 * 7", LUAWAIT_NUL_TERMINATED, nil, 0, &state, &outcome, nil, nil)
switch status {
case LUAWAIT_OK where state == LUAWAIT_SUCCEEDED: print(String(cString: outcome!))
default: print("status", status, "state", state)
}
luawait_free(outcome)
luawait_engine_free(engine)
SWIFT
swift build --package-path swift-host || fail "swift build of a package that finds the library by pkg-config"
output=$(LD_LIBRARY_PATH=$libdir swift-host/.build/debug/host) || fail "the program in Swift ended with status $?"
[[ $output == 42 ]] || fail "the program in Swift printed \`$output\` instead of \`42\`"
ok "swift_package_that_uses_pkg_config_builds_and_runs"
cd "$OLDPWD"

make --no-print-directory install PREFIX="$prefix" || fail "a second make install"
make --no-print-directory uninstall PREFIX="$prefix" || fail "make uninstall"
expect_no_files "$prefix"
ok "uninstall_leaves_no_file"

destination=$temporary/package
make --no-print-directory install PREFIX=/usr DESTDIR="$destination" || fail "make install with DESTDIR"
for file in lib/libluawait.so "lib/libluawait.so.${version%%.*}" "lib/libluawait.so.$version" include/luawait.h \
    lib/pkgconfig/luawait.pc; do
    [[ -e $destination/usr/$file ]] || fail "$file is not in DESTDIR"
done
if grep -F -e "$destination" -e rpath "$destination/usr/lib/pkgconfig/luawait.pc"; then
    fail "luawait.pc names DESTDIR or an rpath"
fi
ok "destdir_is_only_where_files_go"

make --no-print-directory uninstall PREFIX=/usr DESTDIR="$destination" || fail "make uninstall with DESTDIR"
expect_no_files "$destination"
ok "uninstall_from_destdir_leaves_no_file"

echo "$passed passed, 0 failed"
