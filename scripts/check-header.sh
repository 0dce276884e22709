#!/usr/bin/env bash
# Checks the public header: it compiles alone, as C11 and as C++17, with every compiler at hand; two translation units
# that include it link; its opening example compiles as it stands and prints what the header says.
set -euo pipefail
cd "$(dirname "$0")/.."

header=Include/luawait.h
stage=$PWD/.build/stage
if [[ ! -e $stage/lib/libluawait.so ]]; then
    echo "$stage/lib/libluawait.so is missing: run \`make build\` first" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME COMMAND...: shows what the command prints only if it fails, and goes on.
check() {
    local name=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        sed 's/^/    /' "$work/output"
        failed=$((failed + 1))
    fi
}

strict=(-Wall -Wextra -Werror -pedantic -Wshadow -Wundef -Wconversion -IInclude)
strict_c=(-std=c11 "${strict[@]}" -Wstrict-prototypes -Wmissing-prototypes)
strict_cxx=(-std=c++17 "${strict[@]}" -Wold-style-cast)
link=("-L$stage/lib" -lluawait "-Wl,-rpath,$stage/lib")

# The header first and alone: it brings what it needs. Twice: it guards itself.
printf '#include <luawait.h>\n#include <luawait.h>\n' >"$work/alone.c"
cp "$work/alone.c" "$work/alone.cpp"
cat >"$work/one.c" <<'END'
#include <luawait.h>
const char *version_of_library(void);
const char *version_of_library(void) { return luawait_version(); }
END
cat >"$work/two.c" <<'END'
#include <luawait.h>
#include <string.h>
const char *version_of_library(void);
int main(void) { return strcmp(version_of_library(), LUAWAIT_VERSION); }
END
# C++ finds the functions by their C names.
cat >"$work/user.cpp" <<'END'
#include <luawait.h>
int main() { return luawait_abi_version() == LUAWAIT_ABI_VERSION ? 0 : 1; }
END

links_as_c() { "$1" "${strict_c[@]}" "$work/one.c" "$work/two.c" -o "$work/linked" "${link[@]}" && "$work/linked"; }
links_as_cxx() { "$1" "${strict_cxx[@]}" "$work/user.cpp" -o "$work/linked" "${link[@]}" && "$work/linked"; }

check staged_header_is_the_header cmp "$header" "$stage/include/luawait.h"
for compiler in gcc clang; do
    if command -v "$compiler" >/dev/null; then
        check "compiles_alone_as_c11_with_$compiler" "$compiler" "${strict_c[@]}" -fsyntax-only "$work/alone.c"
        check "two_units_link_as_c11_with_$compiler" links_as_c "$compiler"
    fi
done
for compiler in g++ clang++; do
    if command -v "$compiler" >/dev/null; then
        check "compiles_alone_as_cxx17_with_$compiler" "$compiler" "${strict_cxx[@]}" -fsyntax-only "$work/alone.cpp"
        check "links_as_cxx17_with_$compiler" links_as_cxx "$compiler"
    fi
done

# Swift compares, matches and assigns the constants without casts.
cat >"$work/user.swift" <<'END'
import CLuawaitHeader
func isNews(_ status: luawait_status) -> Bool {
    switch status {
    case LUAWAIT_OK: true
    case LUAWAIT_NONE: false
    default: status != LUAWAIT_ERR_MEMORY
    }
}
let status: luawait_status = LUAWAIT_ERR_JSON
var state: Int32 = LUAWAIT_IN_PROGRESS
var event = luawait_event()
event.kind = LUAWAIT_EVENT_REQUEST
END
check constants_have_the_type_of_values_in_swift swiftc -typecheck -I Include "$work/user.swift"

# The first example, without the comment's prefix and with nothing else changed.
awk '/@endcode/ { exit } in_code { sub(/^ \* ?/, ""); print } /@code/ { in_code = 1 }' "$header" >"$work/example.c"

example_is_there() { grep -q 'int main(void)' "$work/example.c" && grep -q 'luawait_engine_free' "$work/example.c"; }

# -Wmissing-field-initializers is in -Wextra, poll() is POSIX: these are the flags of any strict program.
example_compiles() {
    "${CC:-cc}" -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -IInclude "$work/example.c" \
        -o "$work/example" "${link[@]}"
}

example_prints_its_line() {
    timeout 60 "$work/example" >"$work/printed" || return
    diff <(echo 'succeeded: 42') "$work/printed"
}

check example_is_there example_is_there
check example_compiles_strictly example_compiles
check example_prints_its_line example_prints_its_line

echo "$passed passed, $failed failed"
((failed == 0))
