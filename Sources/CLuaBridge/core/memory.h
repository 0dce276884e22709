// Lua's allocator, what it counts, and what is done where memory is short.
#ifndef LUAWAIT_BRIDGE_MEMORY_H
#define LUAWAIT_BRIDGE_MEMORY_H

#include "CLuaBridge.h"

#include <lua.h>

// Lua's allocator, of a context. Does not raise.
void *lwb_allocate(void *context, void *block, size_t old_size, size_t new_size);
// What `lwb_context.coroutine_size` is; 0 when out of memory. Does not raise.
size_t lwb_coroutine_size(void);
// Called before a script makes a coroutine.
void lwb_admit_coroutine(lua_State *L);

// Whether what is left below the memory limit is less than there is in reserve to begin an eval. Does not raise.
bool lwb_is_nearly_full(const lwb_context *context);

// Raises Lua's own error for a lack of memory, which no script can tell from one that Lua has raised.
int lwb_raise_lack_of_memory(lua_State *L);
// Makes room for `count` values on the stack of `target`. False when they are too many; a lack of memory, which Lua does not
// tell from that, is raised in L.
bool lwb_reserve_stack(lua_State *L, lua_State *target, int count);
// As luaL_checkstack, but for a lack of memory. `message` may be NULL.
void lwb_check_stack(lua_State *L, int count, const char *message);

// Collects garbage if a string of this size would meet the memory limit, and notes the place if that does not
// help. Lua collects by itself but for the boxes of luaL_Buffer, for which it asks the allocator alone. To be called
// before they grow, where a collection may be.
void lwb_make_room(lua_State *L, size_t size);

#endif
