#!/usr/bin/env bash
# Runs tests on a Lua that checks every use of its API, and itself.
#
# Usage: scripts/test-checked-lua.sh SOURCE [PART...]
#   SOURCE is the folder with Lua 5.4's *.c files: `apt-get source lua5.4` fetches them. A part is `faults`, `c`,
#   `hostile`, `stress` or `fuzz` (with AddressSanitizer in Lua, too); without any, all parts run. FUZZ_SECONDS is how
#   long scripts and patterns are fuzzed (60).
#
# What is tested is the staged library, with that Lua in the place of the system's liblua. The latter has no such checks, and is
# not instrumented: no sanitizer sees what it writes behind the end of a block.
set -euo pipefail
cd "$(dirname "$0")/.."

if (($# == 0)) || [[ ! -e $1/lapi.c ]]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
source=$1
shift
(($# > 0)) || set -- faults c hostile stress fuzz
BUILD=${BUILD:-$PWD/.build/checked-lua}
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang

# compile_lua NAME COMPILER [FLAG...]. Its symbols have the version that programs linked with Debian's want.
compile_lua() {
    local name=$1 compiler=$2 file
    shift 2
    mkdir -p "$BUILD/$name"
    for file in "$source"/*.c; do
        case $(basename "$file") in
        lua.c | luac.c | onelua.c | ltests.c) continue ;;
        esac
        "$compiler" -O1 -g -fPIC -DLUA_USE_LINUX -DLUA_COMPAT_5_3 -DLUAI_ASSERT -DLUA_USE_APICHECK "$@" -c "$file" \
            -o "$BUILD/$name/$(basename "$file" .c).o"
    done
    echo 'LUA_5.4 { global: lua*; };' >"$BUILD/version-script"
    "$compiler" "$@" -shared "-Wl,-soname,liblua5.4.so.0,--version-script,$BUILD/version-script" -o "$BUILD/$name/liblua5.4.so.0" "$BUILD/$name"/*.o -lm -ldl
}

compile_lua plain cc
export LUAWAIT_TEST_SCALE=small
status=0
for part in "$@"; do
    case $part in
    faults) LD_LIBRARY_PATH=$BUILD/plain scripts/test-faults.sh || status=1 ;;
    c) LD_LIBRARY_PATH=$BUILD/plain scripts/test-c.sh || status=1 ;;
    hostile) LD_LIBRARY_PATH=$BUILD/plain scripts/test-hostile.sh || status=1 ;;
    stress) LD_LIBRARY_PATH=$BUILD/plain scripts/stress.sh || status=1 ;;
    fuzz)
        compile_lua sanitized "$clang" -fsanitize=address
        LD_LIBRARY_PATH=$BUILD/sanitized scripts/fuzz.sh run "${FUZZ_SECONDS:-60}" fuzz_script fuzz_pattern || status=1
        ;;
    *)
        echo "$part: no such part" >&2
        exit 2
        ;;
    esac
done
exit "$status"
