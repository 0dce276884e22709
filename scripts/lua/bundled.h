// Included before each file of the bundled Lua, which itself stays unmodified.
#ifndef LUAWAIT_BUNDLED_LUA_H
#define LUAWAIT_BUNDLED_LUA_H

// The seed of the hashes of strings is the engine's: config `seed` fixes the order of `pairs`, and without one it is
// hard to guess. Lua's own mixes the time in seconds with addresses. The bridge defines this (lua_identity.c).
unsigned int lwb_lua_hash_seed(void);
#define luai_makeseed(L) ((void)(L), lwb_lua_hash_seed())

// Where `require` of trusted scripts looks for modules written in Lua: also where Debian's packages put them.
#define LUA_PATH_DEFAULT                                                                                               \
    "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;"                                              \
    "/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;./?.lua;./?/init.lua"

#endif
