// The mark of tables that are arrays also when they are empty: a metatable.
#include "values/array_mark.h"

#include <lua.h>

static const char array_mark; // its address is the key in the registry

void lwb_push_array_mark(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_mark);
}

void lwb_open_array_mark(lua_State *L) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_mark);
}
