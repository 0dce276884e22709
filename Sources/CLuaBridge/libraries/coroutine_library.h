// The script's `coroutine`.
#ifndef LUAWAIT_BRIDGE_COROUTINE_LIBRARY_H
#define LUAWAIT_BRIDGE_COROUTINE_LIBRARY_H

#include <lua.h>

// Pushes the table.
void lwb_open_coroutine(lua_State *L);

#endif
