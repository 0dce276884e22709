#!/usr/bin/env bash
# What fuzzing has left behind, in seconds: replays all kept seeds and crashes, and compares the bridge's library
# functions with Lua's own on a few generated cases.
#
# Usage: scripts/test-fuzz.sh [--long]
#   --long compares on many more and fuzzes each target for FUZZ_SECONDS (120), scripts once more on a Lua whose stack
#   moves, all from FUZZ_SEED (1): what it finds is to be found again, and not by whoever
#   changed something else. Longer runs still are `make fuzz`, scripts/test-patterns.sh and
#   scripts/test-differential.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == --long ]]; then
    export FUZZ_SEED=${FUZZ_SEED:-1}
    scripts/test-patterns.sh --cases 2000000 --seed "$FUZZ_SEED"
    scripts/test-differential.sh 200000 "$FUZZ_SEED"
    scripts/fuzz.sh run "${FUZZ_SECONDS:-120}"
    if scripts/lua.sh make moving; then LUA_VARIANT=moving scripts/fuzz.sh run "${FUZZ_SECONDS:-120}" fuzz_script; fi
    echo "nothing was found"
    exit
fi
scripts/test-patterns.sh --cases 40000
scripts/test-differential.sh 3000
scripts/fuzz.sh replay
echo "the kept inputs pass, and the library functions are those of Lua"
