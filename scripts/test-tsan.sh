#!/usr/bin/env bash
# Runs the stress program and the C tests against a library built with ThreadSanitizer. Usage: test-tsan.sh [NAME...],
# as test-c.sh; `none` runs the stress program alone. LUAWAIT_STRESS_SECONDS says how long it runs, LUAWAIT_SEED from
# which seed.
set -euo pipefail
cd "$(dirname "$0")/.."

export LUA_VARIANT=checked
# shellcheck source=scripts/sanitizer-env.sh
. scripts/sanitizer-env.sh
stage_sanitized thread "$PWD/.build-tsan"

runtime=$(dirname "$toolchain")/lib/swift/linux
# The sanitizer's runtime that comes with the toolchain knows dispatch, and so needs it, and the runtime of blocks.
export LINK_FLAGS="-Wl,--no-as-needed -L$runtime -ldispatch -lBlocksRuntime -Wl,-rpath,$runtime"
export TSAN_OPTIONS="suppressions=$PWD/scripts/tsan.supp halt_on_error=0 exitcode=66 second_deadlock_stack=1"
# A signal waits until the thread makes a system call, which an endless loop in Lua never does.
export LUAWAIT_STRESS_PREEMPTION=count LUAWAIT_TEST_PREEMPTION=count

scripts/stress.sh

if (($# == 0)); then
    # Without the examples: they are hosts that interrupt scripts by signals.
    # And without c_stack: the sanitizer's frames are many times larger, and it takes a part of each thread's stack.
    for file in Tests/C/test_*.c; do
        name=${file##*/}
        [[ $name != test_c_stack.c ]] || continue
        set -- "$@" "${name%.c}"
    done
fi
[[ $* == none ]] || scripts/test-c.sh "$@"
