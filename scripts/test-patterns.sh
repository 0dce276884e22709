#!/usr/bin/env bash
# Compares the bridge's patterns with Lua's own on generated cases; see Tests/Fuzz/pattern_compare.h.
#
# Usage: scripts/test-patterns.sh [--cases N] [--seed S] [--first N] [--locale NAME]
#   Without any, 200,000 cases of a fixed seed. They run twice: with looks for orders everywhere, and as in the library.
#   SANITIZE=yes compiles with AddressSanitizer and UBSan.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-fuzz}
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
        Tests/Fuzz/pattern_differential.c Sources/CLuaBridge/*/*.c "$BUILD/number_format.o" -o "$BUILD/$program" \
        "${LIBRARIES[@]}" -lstdc++ -lm -pthread
}

mkdir -p "$BUILD"
"${CXX:-c++}" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include "${INCLUDES[@]}" \
    -c Sources/CLuaBridge/values/number_format.cpp -o "$BUILD/number_format.o"
compile patterns_sliced -DLWB_STEPS_BETWEEN_LOOKS=2 -DLWB_PATTERN_WINDOW=7
compile patterns_whole
"$BUILD/patterns_sliced" "$@"
"$BUILD/patterns_whole" "$@"
