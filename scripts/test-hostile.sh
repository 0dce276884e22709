#!/usr/bin/env bash
# Compiles and runs the hostile scripts of Tests/Hostile on engines of every make.
#
# Usage: test-hostile.sh [TEST...]
# CC, LINK_FLAGS, STAGE and BUILD as in test-c.sh. HOSTILE_ONLY names a single script, HOSTILE_ROUNDS says how
# often all of them run (1). Lines that begin with `# `
# are figures: how late after deadlines and cancels the scripts ended. JOBS says how many makes are tried at once (2);
# for figures that mean something it is 1. The last line is `N passed, N failed`, counting tests.
set -euo pipefail
cd "$(dirname "$0")/.."

stage=${STAGE:-$PWD/.build/stage}
directory=${BUILD:-$PWD/.build/tests-c}
if [[ ! -e $stage/lib/libluawait.so ]]; then
    echo "$stage/lib/libluawait.so is missing: run \`make build\` first" >&2
    exit 1
fi

mkdir -p "$directory"
# Both may be several words, or none.
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -O1 "-I$stage/include" -ITests/C \
    Tests/Hostile/*.c Tests/C/harness.c Tests/C/host.c Tests/C/pool.c Tests/C/json.c -o "$directory/run_hostile" \
    ${LINK_FLAGS:-} "-L$stage/lib" -lluawait "-Wl,-rpath,$stage/lib" -pthread

# glibc keeps what has been freed in an arena for some of the threads each, where others do not find it: how much the
# process has grown would say which thread came to which arena, rather than what the library needs.
export MALLOC_ARENA_MAX=1

# A process for each way of running them, so that a crash is the failure of that one alone.
tests=("$@")
if ((${#tests[@]} == 0)); then
    mapfile -t tests < <(sed -n 's/^    TEST(\(.*\)),$/\1/p' Tests/Hostile/run_hostile.c)
fi
run_test() {
    local test=$1 log=$directory/hostile-$1.log status=0
    # A hang guard far beyond what it takes.
    timeout --kill-after=10 900 "$directory/run_hostile" Tests/Hostile "$test" >"$log" 2>&1 || status=$?
    if ((status != 0)) && ! grep -q '^FAILED ' "$log"; then echo "FAILED $test: ended with status $status" >>"$log"; fi
    # One write, so that the output of those that run at once does not mix.
    echo "$(<"$log")"
}
export directory
export -f run_test
# Bash is named in full: xargs starts it anew for each, with the function above from the environment.
# shellcheck disable=SC2016
printf '%s\n' "${tests[@]}" | xargs -P "${JOBS:-2}" -I '{}' bash -c 'set -euo pipefail; run_test "$1"' run_test '{}' |
    tee "$directory/run_hostile.log"

passed=$(grep -c '^ok ' "$directory/run_hostile.log" || true)
failed=$(grep -c '^FAILED ' "$directory/run_hostile.log" || true)
echo "$passed passed, $failed failed"
((failed == 0 && passed == ${#tests[@]}))
