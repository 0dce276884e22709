#!/usr/bin/env bash
# Runs the stress program, the kept inputs of fuzz_options and the C tests against a library built with AddressSanitizer
# and LeakSanitizer. Usage: test-asan.sh [NAME...], as test-c.sh; `none` runs the stress program alone.
# LUAWAIT_STRESS_SECONDS says how long it runs, LUAWAIT_SEED from which seed. The sanitizers' runtime comes with the Swift
# toolchain, and so does the clang that goes with it.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$PWD/.build-asan
stage=$scratch/stage
swift build --sanitize=address --scratch-path "$scratch" --product luawait
mkdir -p "$stage/lib" "$stage/include"
cp "$scratch/debug/libluawait.so" "$stage/lib/libluawait.so.0"
ln -sf libluawait.so.0 "$stage/lib/libluawait.so"
cp Include/luawait.h "$stage/include/"

clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0
export LUAWAIT_TEST_SCALE=small
export STAGE=$stage BUILD=$scratch/tests-c CC="$clang -fsanitize=address"
scripts/stress.sh
(($# > 0)) || scripts/fuzz.sh replay fuzz_options
[[ $* == none ]] || scripts/test-c.sh "$@"
