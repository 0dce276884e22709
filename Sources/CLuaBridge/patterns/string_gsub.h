// string.gsub.
#ifndef LUAWAIT_BRIDGE_STRING_GSUB_H
#define LUAWAIT_BRIDGE_STRING_GSUB_H

#include <lua.h>

// A function of Lua's.
int lwb_string_gsub(lua_State *L);

#endif
