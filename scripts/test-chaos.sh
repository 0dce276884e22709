#!/usr/bin/env bash
# Runs generated programs whose metamethods, callbacks and coroutines move Lua's stack, collect garbage, park and raise,
# and disturbs them in every way there is; see Tests/Chaos.
#
# Usage: scripts/test-chaos.sh [CASES [SEED]]
#        scripts/test-chaos.sh --seed S --first N --cases N [--way NAME] [--show]
#   Without any, 10 cases of a fixed seed. They run on a Lua that asserts its API's use, under AddressSanitizer, and a
#   third of them then on one whose stack moves and whose garbage is collected wherever they may, where they must do
#   what they did before. LUA_VARIANT names a Lua to run on alone.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-chaos}
only=${LUA_VARIANT:-}
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
    "$clang++" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include -c Sources/CLuaBridge/values/number_format.cpp \
        -o "$folder/number_format.o"
    # Looks for orders everywhere, so that slices end in the middle of the library's functions, too.
    "$clang" -std=gnu11 "${FLAGS[@]}" -DLWB_STEPS_BETWEEN_LOOKS=2 -DLWB_PATTERN_WINDOW=7 \
        -ISources/CLuaBridge -ISources/CLuaBridge/include -ITests/Faults "${includes[@]}" -fuse-ld=lld \
        Tests/Chaos/*.c Tests/Faults/refusals.c \
        Sources/CLuaBridge/*/*.c "$folder/number_format.o" -Wl,--wrap=lwb_allocate -o "$folder/chaos" "${libraries[@]}" \
        -lstdc++ -lm -pthread
)

# run VARIANT [OPTION...]
run() { "$BUILD/$1/chaos" Tests/Chaos "${@:2}"; }

if [[ ${1:-} == --* ]]; then
    options=("$@")
    fewer=("$@")
else
    options=(--cases "${1:-10}" --seed "${2:-1}")
    fewer=(--cases "$(((${1:-10} + 2) / 3))" --seed "${2:-1}")
fi
if [[ -n $only ]]; then
    compile "$only"
    run "$only" "${options[@]}"
    exit
fi
if ! { scripts/lua.sh make sanitized && scripts/lua.sh make moving; }; then
    # On a Lua with memory faults many of the programs find them.
    echo "the sources of a sound Lua are not to be had: nothing has been tested" >&2
    exit
fi
compile moving &
compile sanitized
wait "$!"
run sanitized "${options[@]}" --write "$BUILD/lives"
run moving "${fewer[@]}" --expect "$BUILD/lives"
