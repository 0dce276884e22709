#!/usr/bin/env bash
# Drives many random lives of an engine against the model of what its host may see. Usage: simulate.sh [SCHEDULES].
#
# Compiled with optimisation, in a folder of its own: a hundred thousand lives take about a minute that way. A life that
# disagrees with the model is printed with the command that replays it.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh

export LUAWAIT_SCHEDULES=${1:-100000}
log=.build/logs/simulation.log
mkdir -p "$(dirname "$log")"
swift test -c release --scratch-path .build-sim -Xswiftc -enable-testing \
    --filter EngineSimulationTests 2>&1 | tee "$log"
grep ' schedules from seed ' "$log"
