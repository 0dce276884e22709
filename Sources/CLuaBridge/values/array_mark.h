// The mark of tables that are arrays also when they are empty: a metatable.
#ifndef LUAWAIT_BRIDGE_ARRAY_MARK_H
#define LUAWAIT_BRIDGE_ARRAY_MARK_H

#include <lua.h>

// Makes it, on a new state.
void lwb_open_array_mark(lua_State *L);
void lwb_push_array_mark(lua_State *L);

#endif
