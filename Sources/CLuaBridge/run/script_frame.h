// The frame below the script.
#ifndef LUAWAIT_BRIDGE_SCRIPT_FRAME_H
#define LUAWAIT_BRIDGE_SCRIPT_FRAME_H

#include <lua.h>

// The first function of an eval's coroutine, which compiles the script and calls it.
int lwb_run_script(lua_State *L);

#endif
