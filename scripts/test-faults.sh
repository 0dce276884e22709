#!/usr/bin/env bash
# Lets every allocation fail in turn; see Tests/Faults.
#
# Usage: scripts/test-faults.sh [--scenario NAME] [--mode one|two|all|every] [--nth N]
#   With options, runs the bridge's program alone, with these. PLAIN=yes compiles it without sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/tests-faults}
FLAGS=(-Wall -Wextra -Werror -g -O1)
if [[ -z ${PLAIN:-} ]]; then
    FLAGS+=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
fi
read -r -a LIBRARIES <<<"$(pkg-config --cflags --libs lua5.4 jansson)"
# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0

mkdir -p "$BUILD"
"${CXX:-c++}" -std=c++17 "${FLAGS[@]}" -ISources/CLuaBridge/include "${LIBRARIES[@]}" \
    -c Sources/CLuaBridge/number_format.cpp -o "$BUILD/number_format.o"
# Looks for orders everywhere, so that slices end in the middle of the library's functions, too.
"${CC:-cc}" -std=gnu11 -pedantic "${FLAGS[@]}" -DLWB_STEPS_BETWEEN_LOOKS=20 -DLWB_PATTERN_WINDOW=7 \
    -ISources/CLuaBridge -ISources/CLuaBridge/include -ITests/Faults \
    Tests/Faults/bridge_faults.c Tests/Faults/faults.c Tests/Faults/scenarios.c Sources/CLuaBridge/*.c \
    "$BUILD/number_format.o" -o "$BUILD/bridge_faults" \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free "${LIBRARIES[@]}" -lstdc++ -lm -pthread
"$BUILD/bridge_faults" "$@"
