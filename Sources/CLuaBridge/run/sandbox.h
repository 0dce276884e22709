// What a script finds in its world.
#ifndef LUAWAIT_BRIDGE_SANDBOX_H
#define LUAWAIT_BRIDGE_SANDBOX_H

#include <lua.h>
#include <stdint.h>

// Opens the libraries, on a new state.
void lwb_open_sandbox(lua_State *L);
// Seeds the random numbers of the context's own `math`.
void lwb_seed_random(lua_State *L, uint64_t seed);
// Gives the copy of `math` at the top random numbers of its own.
void lwb_renew_random(lua_State *L, uint64_t seed);

#endif
