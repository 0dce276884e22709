#!/usr/bin/env bash
# Runs the stress program, the kept inputs of fuzz_options, allocations that fail, the hostile scripts and the C tests
# against a library built with AddressSanitizer and LeakSanitizer.
#
# Usage: test-asan.sh [PART...]
# A part is `stress`, `fuzz`, `faults`, `hostile`, `c`, or the name of a C test as for test-c.sh; without any, all parts
# run. `none` builds the library alone. LUAWAIT_STRESS_SECONDS says how long the stress program runs, LUAWAIT_SEED from
# which seed; with FAULTS_STRIDE=1 each allocation fails, else every tenth of the later ones.
set -euo pipefail
cd "$(dirname "$0")/.."

export LUA_VARIANT=sanitized
# shellcheck source=scripts/sanitizer-env.sh
. scripts/sanitizer-env.sh
stage_sanitized address "$PWD/.build-asan"

# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0
export LINK_FLAGS=-fuse-ld=lld

# What fails does not keep the rest from running.
status=0
names=()
(($# > 0)) || set -- stress fuzz faults hostile c
for part in "$@"; do
    case $part in
    none) ;;
    stress) scripts/stress.sh || status=1 ;;
    fuzz) scripts/fuzz.sh replay fuzz_options || status=1 ;;
    faults) scripts/test-faults.sh abi-asan --stride "${FAULTS_STRIDE:-10}" || status=1 ;;
    hostile) scripts/test-hostile.sh || status=1 ;;
    c) scripts/test-c.sh || status=1 ;;
    *) names+=("$part") ;;
    esac
done
((${#names[@]} == 0)) || scripts/test-c.sh "${names[@]}" || status=1
exit "$status"
