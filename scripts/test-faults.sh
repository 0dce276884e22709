#!/usr/bin/env bash
# Lets every allocation fail in turn; see Tests/Faults.
#
# Usage: scripts/test-faults.sh [--scenario NAME] [--mode one|two|all|every|collect] [--nth N]
#        scripts/test-faults.sh abi|abi-asan [N [IN_A_ROW] | --stride STEP]
#   With options, runs the bridge's program alone, with these; with `abi`, the program over the public interface alone,
#   on the library in STAGE, and with `abi-asan` on the one that test-asan.sh has built. PLAIN=yes compiles the bridge's
#   program without sanitizers. JOBS says how many of the modes run at once (2).
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-faults}
FLAGS=(-Wall -Wextra -Werror -g -O1)
if [[ -z ${PLAIN:-} ]]; then
    # Lua is instrumented, too; all of it by the toolchain's clang.
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    CC=$clang CXX=$clang++ LUA_VARIANT=${LUA_VARIANT-sanitized}
    FLAGS+=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
fi
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
read -r -a INCLUDES <<<"$(pkg-config --cflags lua5.4 jansson)"
read -r -a LIBRARIES <<<"$(pkg-config --libs lua5.4 jansson)"
# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0

STAGE=${STAGE:-$PWD/.build/stage}
UNSTRIPPED=${UNSTRIPPED:-$PWD/.build/release/libluawait.so}

ABI_FLAGS=(-std=c11 -Wall -Wextra -Werror -pedantic -g -O1 -ITests/Faults)

test_abi() {
    "${CC:-cc}" "${ABI_FLAGS[@]}" -fPIC -shared Tests/Faults/failing_malloc.c -o "$BUILD/libfailing_malloc.so"
    "${CC:-cc}" "${ABI_FLAGS[@]}" "-I$STAGE/include" Tests/Faults/abi_faults.c -o "$BUILD/abi_faults" "-L$BUILD" \
        -lfailing_malloc "-L$STAGE/lib" -lluawait "-Wl,-rpath,$BUILD,-rpath,$STAGE/lib" -pthread
    find_callers
    LD_PRELOAD=$BUILD/libfailing_malloc.so "$BUILD/abi_faults" "$@"
}

# The sanitizer's allocator is part of the program, so the failing one is, too, and hands on to it. It is not
# instrumented: it is called before the sanitizer has begun.
test_abi_asan() {
    local clang
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    STAGE=$PWD/.build-asan/stage
    UNSTRIPPED=$PWD/.build-asan/debug/libluawait.so
    if [[ ! -e $UNSTRIPPED ]]; then
        echo "$UNSTRIPPED is missing: run scripts/test-asan.sh none" >&2
        return 1
    fi
    "$clang" "${ABI_FLAGS[@]}" '-DBELOW(name)=__interceptor_##name' -c Tests/Faults/failing_malloc.c \
        -o "$BUILD/failing_malloc.o"
    "$clang" -fsanitize=address "${ABI_FLAGS[@]}" "-I$STAGE/include" Tests/Faults/abi_faults.c \
        "$BUILD/failing_malloc.o" -o "$BUILD/abi_faults_asan" \
        "-L$STAGE/lib" -lluawait "-Wl,-rpath,$STAGE/lib" -fuse-ld=lld -pthread
    find_callers
    "$BUILD/abi_faults_asan" "$@"
}

# Tells the failing allocator where the functions are whose allocations fail.
find_callers() {
    # The staged library has been stripped of these names, and is otherwise the same.
    local names='^(lwb_allocate|lwb_buffer_append|lwb_context_new|lwb_eval_prepare|lwb_stopper_new)$'
    FAILING_MALLOC_RANGES=$(nm -S "$UNSTRIPPED" | awk -v names="$names" '$4 ~ names { print $1, $2 }' | tr '\n' ' ')
    if (($(wc -w <<<"$FAILING_MALLOC_RANGES") != 10)); then
        echo "$UNSTRIPPED: not all of $names are there" >&2
        return 1
    fi
    export FAILING_MALLOC_RANGES
}

mkdir -p "$BUILD"
case ${1:-} in
abi)
    shift
    test_abi "$@"
    exit
    ;;
abi-asan)
    shift
    test_abi_asan "$@"
    exit
    ;;
esac
"${CXX:-c++}" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include "${INCLUDES[@]}" \
    -c Sources/CLuaBridge/values/number_format.cpp -o "$BUILD/number_format.o"
# Looks for orders everywhere, so that slices end in the middle of the library's functions, too.
C_FLAGS=(-std=gnu11 -pedantic "${FLAGS[@]}" -DLWB_STEPS_BETWEEN_LOOKS=20 -DLWB_PATTERN_WINDOW=7
    "-I$PWD/Sources/CLuaBridge" "-I$PWD/Sources/CLuaBridge/include" "-I$PWD/Tests/Faults" "${INCLUDES[@]}")
rm -rf "$BUILD/bridge"
mkdir "$BUILD/bridge"
(cd "$BUILD/bridge" && "${CC:-cc}" "${C_FLAGS[@]}" -c "$OLDPWD"/Sources/CLuaBridge/*/*.c)
WRAP=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=lwb_allocate
BRIDGE=("$BUILD"/bridge/*.o "$BUILD/number_format.o" "${LIBRARIES[@]}" -lstdc++ -lm -pthread)
"${CC:-cc}" "${C_FLAGS[@]}" Tests/Faults/hook_faults.c "${BRIDGE[@]}" -o "$BUILD/hook_faults"
"${CC:-cc}" "${C_FLAGS[@]}" Tests/Faults/bridge_faults.c Tests/Faults/{faults,refusals,scenarios}.c "${BRIDGE[@]}" \
    -o "$BUILD/bridge_faults" "$WRAP"
"${CC:-cc}" "${C_FLAGS[@]}" Tests/Faults/stop_faults.c Tests/Faults/{faults,refusals}.c "${BRIDGE[@]}" \
    -o "$BUILD/stop_faults" "$WRAP,--wrap=lwb_stopper_look"
if (($# > 0)); then
    "$BUILD/bridge_faults" "$@"
    exit
fi
status=0
printf '%s\n' one two all every collect | xargs -P "${JOBS:-2}" -I '{}' "$BUILD/bridge_faults" --mode '{}' || status=1
"$BUILD/hook_faults" || status=1
"$BUILD/stop_faults" || status=1
test_abi || status=1
exit "$status"
