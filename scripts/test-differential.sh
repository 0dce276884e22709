#!/usr/bin/env bash
# Compares the bridge's table, utf8 and string functions with Lua's own on random calls; see
# Tests/Fuzz/table_differential.lua.
#
# Usage: scripts/test-differential.sh [CASES [SEED [FIRST]]]
#   Without any, 20,000 cases of a fixed seed. They run twice: with looks for orders everywhere, and as in the library.
#   SANITIZE=yes compiles with AddressSanitizer and UBSan.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/differential-env.sh
. scripts/differential-env.sh
compile Tests/Fuzz/table_differential.c tables_sliced -DLWB_STEPS_BETWEEN_LOOKS=2
compile Tests/Fuzz/table_differential.c tables_whole
for program in tables_sliced tables_whole; do
    "$BUILD/$program" Tests/Fuzz/table_differential.lua "${2:-1}" "${1:-20000}" "${3:-1}"
done
