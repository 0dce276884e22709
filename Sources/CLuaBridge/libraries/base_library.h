// Lua's base functions.
#ifndef LUAWAIT_BRIDGE_BASE_LIBRARY_H
#define LUAWAIT_BRIDGE_BASE_LIBRARY_H

#include <lua.h>

// Sets them in the table at the top.
void lwb_add_base_functions(lua_State *L);
// The script's `next`.
int lwb_next_pair(lua_State *L);
// The end of pcall and xpcall, with `below` values below the results.
int lwb_protected_call_done(lua_State *L, int status, lua_KContext below);
// Raises if the metatable of the value at 1 is protected.
void lwb_check_metatable(lua_State *L);

#endif
