// The functions of `string` that are neither patterns nor Lua's.
#ifndef LUAWAIT_BRIDGE_STRING_LIBRARY_H
#define LUAWAIT_BRIDGE_STRING_LIBRARY_H

#include <lua.h>

// Sets them in the table at the top.
void lwb_add_string_functions(lua_State *L);

#endif
