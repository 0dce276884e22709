#!/usr/bin/env bash
# Runs C tests on the release library under valgrind.
#
# Usage: test-valgrind.sh [--quick] [NAME...], names as for test-c.sh
# Without names all of them run, for some minutes. --quick runs those of the list below: what
# valgrind alone sees, next to the sanitizers, is a value that nobody has set, and these tests carry every kind of value
# through the library, and through Lua and jansson, which the sanitizers do not look into.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=(
    values_in values_out answers requests events event_texts # values, names and texts that come and go
    errors error_struct check bad_scripts timeouts           # what describes a failure, and what of it stays empty
    contexts coroutines free_states                          # states that are shared, left in the middle, thrown away
    patterns table_functions                                 # buffers that the bridge fills itself
    config register start_poll stats print libraries         # options, figures, formats
    callbacks host_run waker                                 # the host's own threads and data
)

if [[ ${1:-} == --quick ]]; then
    shift
    set -- "${quick[@]}" "$@"
fi
if (($# == 0)); then
    # All but c_stack: the main thread's stack is another one here than the system says.
    for file in Tests/C/test_*.c examples/c/*.expected; do
        name=${file##*/}
        [[ $name == test_c_stack.c ]] || set -- "$@" "${name%.*}"
    done
fi
exec scripts/test-c.sh --valgrind "$@"
