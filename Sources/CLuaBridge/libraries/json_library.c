// The script's `json` table: json.null and json.array.
#include "libraries/json_library.h"

#include "libraries/base_library.h"
#include "values/array_mark.h"

#include <lauxlib.h>
#include <lua.h>

// json.array(table): marks it, so that it is an array even when empty. Without an argument, a new one. The mark takes
// the place of the table's metatable, as with setmetatable: so it must not be a protected one.
static int mark_array(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lwb_check_metatable(L);
    lua_settop(L, 1);
    lwb_push_array_mark(L);
    lua_setmetatable(L, 1);
    return 1;
}

static int null_to_string(lua_State *L) {
    lua_pushstring(L, lua_touserdata(L, 1) == NULL ? "null" : "userdata");
    return 1;
}

void lwb_open_json(lua_State *L) {
    lwb_open_array_mark(L);
    lua_createtable(L, 0, 2);
    lua_pushlightuserdata(L, NULL);
    // All light userdata share one metatable, and this is the only one that scripts ever see.
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, null_to_string);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, mark_array);
    lua_setfield(L, -2, "array");
}
