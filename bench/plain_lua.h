/* Plain Lua, as any C program would embed it: the yardstick of what runs inside a script. */
#ifndef BENCH_PLAIN_LUA_H
#define BENCH_PLAIN_LUA_H

#include "bench.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static inline lua_State *plain_new(void) {
    lua_State *lua = luaL_newstate();
    BENCH_CHECK(lua != NULL);
    luaL_openlibs(lua);
    return lua;
}

/** Compiles and runs a script which must return exactly this integer. */
static inline void plain_expect(lua_State *lua, const char *script, lua_Integer expected) {
    if (luaL_loadstring(lua, script) != LUA_OK || lua_pcall(lua, 0, 1, 0) != LUA_OK)
        bench_die("plain Lua: %s", lua_tostring(lua, -1));
    BENCH_CHECK(lua_isinteger(lua, -1) && lua_tointeger(lua, -1) == expected);
    lua_pop(lua, 1);
}

#endif /* BENCH_PLAIN_LUA_H */
