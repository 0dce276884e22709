#!/usr/bin/env bash
# Compiles and runs the hostile scripts of Tests/Hostile on engines of every make. Usage: test-hostile.sh [--asan] [TEST...]
#
# --asan takes the library that test-asan.sh has built. HOSTILE_ONLY names a single script. Lines that begin with `# ` are
# figures: how late after deadlines and cancels the scripts ended. The last line is `N passed, N failed`, counting tests.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$PWD/.build
compiler=(cc)
directory=$scratch/tests-c
if [[ ${1:-} == --asan ]]; then
    shift
    scratch=$PWD/.build-asan
    directory=$scratch/tests-c
    compiler=("$(dirname "$(readlink -f "$(command -v swift)")")/clang" -fsanitize=address)
    # Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return.
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0
fi
stage=$scratch/stage
if [[ ! -e $stage/lib/libluawait.so ]]; then
    echo "$stage/lib/libluawait.so is missing: run \`make build\`, or scripts/test-asan.sh for --asan" >&2
    exit 1
fi

mkdir -p "$directory"
"${compiler[@]}" -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -O1 "-I$stage/include" -ITests/C \
    Tests/Hostile/*.c Tests/C/harness.c Tests/C/host.c Tests/C/pool.c Tests/C/json.c -o "$directory/run_hostile" \
    "-L$stage/lib" -lluawait "-Wl,-rpath,$stage/lib" -pthread

# A hang guard for all of it, far beyond what it takes.
status=0
timeout --kill-after=10 900 "$directory/run_hostile" Tests/Hostile "$@" | tee "$directory/run_hostile.log" || status=$?
passed=$(grep -c '^ok ' "$directory/run_hostile.log" || true)
failed=$(grep -c '^FAILED ' "$directory/run_hostile.log" || true)
if ((status != 0 && failed == 0)); then
    echo "FAILED run_hostile: ended with status $status"
    failed=1
fi
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
