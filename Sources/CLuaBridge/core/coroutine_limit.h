// How many coroutines scripts may have.
#ifndef LUAWAIT_BRIDGE_COROUTINE_LIMIT_H
#define LUAWAIT_BRIDGE_COROUTINE_LIMIT_H

#include <lua.h>
#include <stddef.h>

// What `lwb_context.coroutine_size` is; 0 when out of memory. Does not raise.
size_t lwb_coroutine_size(void);
// Called before a script makes a coroutine.
void lwb_admit_coroutine(lua_State *L);

#endif
