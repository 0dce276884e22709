#!/usr/bin/env bash
# Builds the release library and puts it into a stage. Usage: scripts/build.sh [VARIANT]
#
# Without VARIANT with the Lua that scripts/lua.sh chooses, into .build/stage; with one (scripts/lua.sh lists them) with
# that Lua, into .build-lua/VARIANT/stage.
set -euo pipefail
cd "$(dirname "$0")/.."

if (($# == 0)); then
    scratch=.build
    scripts/lua.sh choose
else
    scratch=.build-lua/$1
    export LUA_VARIANT=$1
fi
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
echo "build: swift build -c release --product luawait, with Lua $(pkg-config --modversion lua5.4)" \
    "($(basename "$(readlink -f ".build/lua/${1:-chosen}")"))"
swift build -c release --product luawait --scratch-path "$scratch"
BUILT=$scratch/release/libluawait.so STAGE=$scratch/stage scripts/stage.sh
