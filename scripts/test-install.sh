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
# shellcheck disable=SC2046 # the words of pkg-config's answer are arguments
"${CC:-cc}" prog.c $(pkg-config --cflags --libs luawait) || fail "cc prog.c \$(pkg-config --cflags --libs luawait)"
output=$(./a.out) || fail "the program ended with status $?"
[[ $output == 42 ]] || fail "the program printed \`$output\` instead of \`42\`"
ok "program_built_with_pkg_config_runs"

loaded=$(LD_TRACE_LOADED_OBJECTS=1 ./a.out)
[[ $loaded == *"$prefix/lib/libluawait.so.${version%%.*}"* ]] || fail "it does not load the installed library: $loaded"
ok "program_loads_the_installed_library"
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
