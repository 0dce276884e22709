#!/usr/bin/env bash
# Compares the bridge's table, utf8 and string functions with Lua's own on random calls; see
# Tests/Fuzz/table_differential.lua.
#
# Usage: scripts/test-differential.sh [CASES [SEED [FIRST]]]
#   Without any, 20,000 cases of a fixed seed. They run twice: with looks for orders everywhere, and as in the library.
#   SANITIZE=yes compiles with AddressSanitizer and UBSan.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-differential}
FLAGS=(-Wall -Wextra -Werror -g -O2)
# On a Lua that checks how it is called, and itself.
LUA_VARIANT=${LUA_VARIANT-checked}
if [[ -n ${SANITIZE:-} ]]; then
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    CC=$clang CXX=$clang++ LUA_VARIANT=sanitized
    FLAGS+=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
fi
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
read -r -a INCLUDES <<<"$(pkg-config --cflags lua5.4 jansson)"
read -r -a LIBRARIES <<<"$(pkg-config --libs lua5.4 jansson)"

compile() {
    local program=$1
    shift
    "${CC:-cc}" -std=gnu11 -pedantic "${FLAGS[@]}" "$@" -ISources/CLuaBridge -ISources/CLuaBridge/include "${INCLUDES[@]}" \
        Tests/Fuzz/table_differential.c Sources/CLuaBridge/*/*.c "$BUILD/number_format.o" -o "$BUILD/$program" \
        "${LIBRARIES[@]}" -lstdc++ -lm -pthread
}

mkdir -p "$BUILD"
"${CXX:-c++}" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include "${INCLUDES[@]}" \
    -c Sources/CLuaBridge/values/number_format.cpp -o "$BUILD/number_format.o"
compile tables_sliced -DLWB_STEPS_BETWEEN_LOOKS=2
compile tables_whole
for program in tables_sliced tables_whole; do
    "$BUILD/$program" Tests/Fuzz/table_differential.lua "${2:-1}" "${1:-20000}" "${3:-1}"
done
