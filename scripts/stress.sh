#!/usr/bin/env bash
# Compiles and runs the stress program against the staged library. Usage: scripts/stress.sh [SECONDS [SEED]]
#
# Without arguments: LUAWAIT_STRESS_SECONDS (5) and LUAWAIT_SEED (by the clock). LUAWAIT_STRESS_PREEMPTION says how
# scripts are interrupted, "signal" or "count"; without it they take turns. CC, LINK_FLAGS, STAGE and BUILD as in
# test-c.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

STAGE=${STAGE:-$PWD/.build/stage}
BUILD=${BUILD:-$PWD/.build/tests-c}
seconds=${1:-${LUAWAIT_STRESS_SECONDS:-5}}
seed=${2:-${LUAWAIT_SEED:-}}

if [[ ! -e $STAGE/lib/libluawait.so ]]; then
    echo "$STAGE/lib/libluawait.so is missing: run \`make build\` first" >&2
    exit 1
fi
mkdir -p "$BUILD"
# CC may carry flags of its own.
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -pedantic -g -O1 "-I$STAGE/include" -ITests/C \
    Tests/Stress/*.c Tests/C/json.c -o "$BUILD/stress" ${LINK_FLAGS:-} "-L$STAGE/lib" -lluawait "-Wl,-rpath,$STAGE/lib" -pthread
# A hang guard far beyond what it takes, which leaves a core if the system keeps them.
timeout --signal=ABRT $((${seconds%.*} * 4 + 120)) "$BUILD/stress" "$seconds" ${seed:+"$seed"}
