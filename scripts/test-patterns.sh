#!/usr/bin/env bash
# Compares the bridge's patterns with Lua's own on generated cases; see Tests/Fuzz/pattern_compare.h.
#
# Usage: scripts/test-patterns.sh [--cases N] [--seed S] [--first N] [--locale NAME]
#   Without any, 200,000 cases of a fixed seed. They run twice: with looks for orders everywhere, and as in the library.
#   SANITIZE=yes compiles with AddressSanitizer and UBSan.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/differential-env.sh
. scripts/differential-env.sh
compile Tests/Fuzz/pattern_differential.c patterns_sliced -DLWB_STEPS_BETWEEN_LOOKS=2 -DLWB_PATTERN_WINDOW=7
compile Tests/Fuzz/pattern_differential.c patterns_whole
"$BUILD/patterns_sliced" "$@"
"$BUILD/patterns_whole" "$@"
