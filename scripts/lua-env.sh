# To be sourced by scripts, in the project's folder: pkg-config finds the Lua of LUA_VARIANT (scripts/lua.sh), or without
# one that of the last build.
if [[ -n ${LUA_VARIANT:-} ]]; then
    scripts/lua.sh make "$LUA_VARIANT"
elif [[ ! -e .build/lua/chosen ]]; then
    scripts/lua.sh choose
fi
export PKG_CONFIG_PATH=$PWD/.build/lua/${LUA_VARIANT:-chosen}/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
