// What is done where memory is short.
#ifndef LUAWAIT_BRIDGE_MEMORY_SHORTAGE_H
#define LUAWAIT_BRIDGE_MEMORY_SHORTAGE_H

#include <lua.h>
#include <stddef.h>

// Raises Lua's own error for a lack of memory, which no script can tell from one that Lua has raised.
int lwb_raise_lack_of_memory(lua_State *L);
// Collects garbage if a string of this size would meet the memory limit, and notes the place if that does not help. Lua
// collects by itself but for the boxes of luaL_Buffer, for which it asks the allocator alone. To be called before they
// grow, where a collection may be.
void lwb_make_room(lua_State *L, size_t size);

#endif
