// The script's `table`.
#ifndef LUAWAIT_BRIDGE_TABLE_LIBRARY_H
#define LUAWAIT_BRIDGE_TABLE_LIBRARY_H

#include <lua.h>

// Makes it a global.
void lwb_open_table(lua_State *L);

#endif
