# To be sourced by scripts, in the project's folder: pkg-config finds the Lua of LUA_VARIANT (scripts/lua.sh), or
# without one that of the last build. Where a variant's sources cannot be had, it says so, and the build's Lua has to
# do.
# shellcheck shell=bash
if [[ ! -e .build/lua/chosen ]]; then scripts/lua.sh choose; fi
if [[ -n ${LUA_VARIANT:-} ]] && ! scripts/lua.sh make "$LUA_VARIANT"; then
    echo "lua: no $LUA_VARIANT Lua to be had: the one of the build in its place" >&2
    LUA_VARIANT=
fi
export PKG_CONFIG_PATH=$PWD/.build/lua/${LUA_VARIANT:-chosen}/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
