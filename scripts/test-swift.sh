#!/usr/bin/env bash
# Runs the Swift unit tests, with the Lua of the build. Usage: scripts/test-swift.sh [ARGUMENT...], those of `swift
# test`.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
swift test "$@"
