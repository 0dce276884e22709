#!/usr/bin/env bash
# Runs generated programs whose metamethods, callbacks and coroutines move Lua's stack, collect garbage, park and raise, and
# disturbs them in every way there is; see Tests/Chaos.
#
# Usage: scripts/test-chaos.sh [CASES [SEED]]
#        scripts/test-chaos.sh --seed S --first N --cases N [--way NAME] [--show]
#   Without any, 25 cases of a fixed seed. They run on a Lua that asserts its API's use, under AddressSanitizer, and then on
#   one whose stack moves and whose garbage is collected wherever they may; LUA_VARIANT names another one to run on alone.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-chaos}
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
FLAGS=(-Wall -Wextra -Werror -g -O1 "-fsanitize=address,undefined" -fno-sanitize-recover=all)
# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return. A Lua that is not
# instrumented shall not find what it has freed as it was.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:quarantine_size_mb=32
export ASAN_OPTIONS=$ASAN_OPTIONS:max_free_fill_size=65536:free_fill_byte=165

# compile VARIANT
compile() (
    export LUA_VARIANT=$1
    folder=$BUILD/$1
    # shellcheck source=scripts/lua-env.sh
    . scripts/lua-env.sh
    read -r -a includes <<<"$(pkg-config --cflags lua5.4 jansson)"
    read -r -a libraries <<<"$(pkg-config --libs lua5.4 jansson)"
    rm -rf "$folder"
    mkdir -p "$folder"
    "$clang++" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include -c Sources/CLuaBridge/number_format.cpp \
        -o "$folder/number_format.o"
    # Looks for orders everywhere, so that slices end in the middle of the library's functions, too.
    "$clang" -std=gnu11 "${FLAGS[@]}" -DLWB_STEPS_BETWEEN_LOOKS=2 -DLWB_PATTERN_WINDOW=7 \
        -ISources/CLuaBridge -ISources/CLuaBridge/include -ITests/Faults "${includes[@]}" -fuse-ld=lld \
        Tests/Chaos/*.c Tests/Faults/refusals.c \
        Sources/CLuaBridge/*.c "$folder/number_format.o" -Wl,--wrap=lwb_allocate -o "$folder/chaos" "${libraries[@]}" \
        -lstdc++ -lm -pthread
)

# run VARIANT [OPTION...]
run() {
    compile "$1"
    "$BUILD/$1/chaos" Tests/Chaos "${@:2}"
}

if [[ ${1:-} == --* ]]; then
    options=("$@")
else
    options=(--cases "${1:-25}" --seed "${2:-1}")
fi
if [[ -n ${LUA_VARIANT:-} ]]; then
    run "$LUA_VARIANT" "${options[@]}"
    exit
fi
run sanitized "${options[@]}" --write "$BUILD/lives"
run moving "${options[@]}" --expect "$BUILD/lives"
