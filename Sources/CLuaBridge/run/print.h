// print.
#ifndef LUAWAIT_BRIDGE_PRINT_H
#define LUAWAIT_BRIDGE_PRINT_H

#include <lua.h>

// A function of Lua's.
int lwb_print_line(lua_State *L);

#endif
