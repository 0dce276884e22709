#!/usr/bin/env bash
# What fuzzing has left behind, in seconds: replays all kept seeds and crashes, and compares the bridge's library
# functions with Lua's own on a few generated cases. The long runs are `make fuzz`, scripts/test-patterns.sh and
# scripts/test-differential.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/test-patterns.sh --cases 40000
scripts/test-differential.sh 3000
scripts/fuzz.sh replay
echo "the kept inputs pass, and the library functions are those of Lua"
