// Where a script was when it failed or was told to stop.
#ifndef LUAWAIT_BRIDGE_FAILURE_PLACE_H
#define LUAWAIT_BRIDGE_FAILURE_PLACE_H

#include "CLuaBridge.h"

#include <lua.h>

// Notes the innermost place in Lua code of the running coroutine, and its traceback. `level` is the first to look at.
void lwb_note_place(lua_State *L, lwb_context *context, int level);
// Notes where the script is that is told to stop.
void lwb_note_stop(lua_State *L, lwb_context *context);

#endif
