#!/usr/bin/env bash
# Compiles and runs the C tests and the example hosts against the staged library.
#
# Usage: scripts/test-c.sh [--valgrind] [NAME...]
#   NAME is a test file (`cancel` or `test_cancel`) or an example (`host_poll`); without any, all run.
# A single test: .build/tests-c/test_cancel a_running_eval_ends
#
# Each file is a process of its own, so that a crash or a hang is the failure of that file alone. CC names the compiler,
# LINK_FLAGS what it needs for linking alone, JOBS how many run at once, STAGE where library and header are, BUILD where
# the programs go. The last line is `N passed, N failed`, counting single tests.
set -euo pipefail
cd "$(dirname "$0")/.."

STAGE=${STAGE:-$PWD/.build/stage}
VALGRIND=
if [[ ${1:-} == --valgrind ]]; then
    VALGRIND=yes
    shift
fi
BUILD=${BUILD:-$PWD/.build/tests-c${VALGRIND:+-valgrind}}
# A hang guard for a whole file, far beyond what it takes.
LIMIT=120
if [[ -n $VALGRIND ]]; then
    LIMIT=600
    export LUAWAIT_TEST_SCALE=small
fi
export STAGE BUILD VALGRIND LIMIT

if [[ ! -e $STAGE/lib/libluawait.so ]]; then
    echo "$STAGE/lib/libluawait.so is missing: run \`make build\` first" >&2
    exit 1
fi

compile() {
    local output=$1
    shift
    # CC may carry flags of its own ("gcc -m64").
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -O1 "-I$STAGE/include" -ITests/C \
        "$@" -o "$output"
}

link() {
    # LINK_FLAGS may be several words, or none.
    # shellcheck disable=SC2086
    compile "$@" ${LINK_FLAGS:-} "-L$STAGE/lib" -lluawait "-Wl,-rpath,$STAGE/lib" -pthread -lm
}

# What all tests are linked with, compiled once: it takes longer than any of them.
compile_support() {
    local name
    mkdir -p "$BUILD/support"
    for name in harness host events contexts endless pool json c_stack; do
        compile "$BUILD/support/$name.o" -c "Tests/C/$name.c"
    done
}

under_guard() {
    if [[ -n $VALGRIND ]]; then
        # The scheduler of the default takes turns by chance: with it a busy script can hold up everybody for seconds.
        timeout --kill-after=10 "$LIMIT" valgrind --quiet --fair-sched=try --error-exitcode=99 --leak-check=full \
            --errors-for-leak-kinds=definite --show-leak-kinds=definite --num-callers=30 "$@"
    else
        timeout --kill-after=10 "$LIMIT" "$@"
    fi
}

# Says on the last line of the log why a run counts as failed, beyond the tests it names itself.
explain() {
    case $1 in
    1) echo "compiling or a test failed" ;;
    99) echo "valgrind found errors" ;;
    124 | 137) echo "ended by the hang guard after $LIMIT s" ;;
    *) echo "ended with status $1" ;;
    esac
}

run_test() {
    local name=$1 begun=$2 log=$BUILD/$1.log status=0
    {
        link "$BUILD/$name" "Tests/C/$name.c" "$BUILD"/support/*.o &&
            under_guard "$BUILD/$name"
    } >"$log" 2>&1 || status=$?
    finish "$name" "$log" "$status" "$begun"
}

# What an example is compiled with, by its pkg-config name, and run with.
package_of() {
    case $1 in
    loop_glib) echo glib-2.0 ;;
    loop_libuv | executor_libuv) echo libuv ;;
    esac
}
arguments_of() {
    case $1 in
    loop_game_60hz) echo 30 ;;
    esac
}

# An example passes when it exits with 0 and prints what its .expected file says. Lines that begin with `# ` are figures
# it has measured, and are shown in its log alone.
run_example() {
    local name=$1 begun=$2 log=$BUILD/$1.log status=0 package flags='' arguments
    package=$(package_of "$name")
    arguments=$(arguments_of "$name")
    # Each of these may be several words, or none.
    # shellcheck disable=SC2086
    {
        { [[ -z $package ]] || flags=$(pkg-config --cflags --libs "$package"); } &&
            link "$BUILD/$name" "examples/c/$name.c" $flags &&
            under_guard "$BUILD/$name" $arguments >"$BUILD/$name.output" &&
            { grep '^# ' "$BUILD/$name.output" || true; } &&
            sed '/^# /d' "$BUILD/$name.output" | diff -u "examples/c/$name.expected" - &&
            echo "ok ${name}_prints_its_report"
    } >"$log" 2>&1 || status=$?
    finish "$name" "$log" "$status" "$begun"
}

finish() {
    local name=$1 log=$2 status=$3 tenths=$(((${EPOCHREALTIME/./} - $4) / 100000)) passed failed skipped
    local seconds=$((tenths / 10)).$((tenths % 10))
    passed=$(grep -c '^ok ' "$log" || true)
    skipped=$(grep -c '^skipped ' "$log" || true)
    failed=$(grep -c '^FAILED ' "$log" || true)
    if ((status != 0)) && { ((failed == 0)) || ((status != 1)); }; then
        failed=$((failed + 1))
        echo "FAILED $name: $(explain "$status")" >>"$log"
    fi
    if ((failed > 0)); then
        # One write, so that the output of files that run at once does not mix.
        echo "$name: $passed passed, $failed failed"$'\n'"$(grep -v '^ok ' "$log" | sed 's/^/    /')"
    else
        echo "$name: $passed passed$( ((skipped == 0)) || echo ", $skipped skipped") ($seconds s)"
    fi
    echo "$passed $failed" >"$BUILD/$name.count"
}

run_one() {
    # Also says how long each file takes: the first place to look when the whole takes long.
    local begun=${EPOCHREALTIME/./}
    if [[ $1 == test_* ]]; then
        run_test "$1" "$begun"
    else
        run_example "$1" "$begun"
    fi
}

# A locale unlike C, for the tests that scripts do not depend on the host's. localedef wants all categories and
# complains of those that are not there.
make_locale() {
    export LOCPATH=$BUILD/locale
    if [[ ! $LOCPATH/comma/LC_NUMERIC -nt Tests/C/comma.locale ]]; then
        rm -rf "$LOCPATH"
        mkdir -p "$LOCPATH"
        localedef --force --quiet --charmap=ISO-8859-1 --inputfile=Tests/C/comma.locale "$LOCPATH/comma" \
            >/dev/null 2>&1 || true
    fi
}

names=()
for name in "$@"; do
    if [[ -e examples/c/$name.expected || $name == test_* ]]; then
        names+=("$name")
    else
        names+=("test_$name")
    fi
done
if ((${#names[@]} == 0)); then
    for file in Tests/C/test_*.c examples/c/*.expected; do
        name=${file##*/}
        names+=("${name%.*}")
    done
fi

mkdir -p "$BUILD"
# A second run waits for the first: they would write the same files.
exec 9>"$BUILD/lock"
flock 9
rm -f "$BUILD"/*.count
make_locale
compile_support
export -f compile link under_guard explain package_of arguments_of run_test run_example finish run_one
# Bash is named in full: xargs starts it anew for each name, with the functions above from the environment.
# shellcheck disable=SC2016
printf '%s\n' "${names[@]}" | xargs -P "${JOBS:-2}" -I '{}' bash -c 'set -euo pipefail; run_one "$1"' run_one '{}'

all_passed=0
all_failed=0
for name in "${names[@]}"; do
    # A file that left no count did not even get as far as its log.
    read -r passed failed <"$BUILD/$name.count" || { passed=0 failed=1; }
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
done
echo "$all_passed passed, $all_failed failed"
((all_failed == 0 && all_passed > 0))
