// Room on Lua's stack.
#ifndef LUAWAIT_BRIDGE_STACK_RESERVE_H
#define LUAWAIT_BRIDGE_STACK_RESERVE_H

#include <lua.h>
#include <stdbool.h>

// Makes room for `count` values on the stack of `target`. False when they are too many; a lack of memory, which Lua
// does not tell from that, is raised in L.
bool lwb_reserve_stack(lua_State *L, lua_State *target, int count);
// As luaL_checkstack, but for a lack of memory. `message` may be NULL.
void lwb_check_stack(lua_State *L, int count, const char *message);

#endif
