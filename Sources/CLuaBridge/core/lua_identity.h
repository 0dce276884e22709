// Which Lua this is, for the bridge itself; what Swift asks is in CLuaBridge.h.
#ifndef LUAWAIT_BRIDGE_LUA_IDENTITY_H
#define LUAWAIT_BRIDGE_LUA_IDENTITY_H

#include <stdint.h>

// What the next state that this thread makes takes for its hashes. Does not raise.
void lwb_set_lua_hash_seed(uint32_t seed);

#endif
