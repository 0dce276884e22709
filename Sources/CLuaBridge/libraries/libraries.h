// The libraries that only trusted scripts get.
#ifndef LUAWAIT_BRIDGE_LIBRARIES_H
#define LUAWAIT_BRIDGE_LIBRARIES_H

#include <lua.h>

// Opens them, behind the sandbox; lwb_library bits.
void lwb_open_libraries(lua_State *L, unsigned libraries);

#endif
