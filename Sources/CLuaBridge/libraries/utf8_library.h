// The script's `utf8`.
#ifndef LUAWAIT_BRIDGE_UTF8_LIBRARY_H
#define LUAWAIT_BRIDGE_UTF8_LIBRARY_H

#include <lua.h>

// Sets its functions in Lua's own.
void lwb_open_utf8(lua_State *L);

#endif
