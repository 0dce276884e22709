#!/usr/bin/env bash
# Runs the probes of known memory faults on a liblua5.4. Usage: scripts/probe-lua.sh [CFLAGS LIBS [NAME...]]
#
# CFLAGS and LIBS say how to compile and link against it (default: what pkg-config says of lua5.4); with names, only
# those probes run. Prints `pass NAME` or `fail NAME<tab>what was wrong` for each, and fails only when it could not
# probe.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD=${BUILD:-$PWD/.build/lua-probes}
cflags=${1-$(pkg-config --cflags lua5.4)}
libs=${2-$(pkg-config --libs lua5.4)}
shift $(($# < 2 ? $# : 2))
mkdir -p "$BUILD"
# shellcheck disable=SC2086 # flags are words
"${CC:-cc}" -O2 -Wall -Wextra -Werror $cflags scripts/lua-probes/*.c -o "$BUILD/lua-probes" $libs
exec "$BUILD/lua-probes" scripts/lua-probes/probes "$@"
