// table.sort.
#ifndef LUAWAIT_BRIDGE_TABLE_SORT_H
#define LUAWAIT_BRIDGE_TABLE_SORT_H

#include <lua.h>

// Pushes the function.
void lwb_push_sort(lua_State *L);

#endif
