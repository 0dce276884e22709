// How an error becomes the record of it.
#ifndef LUAWAIT_BRIDGE_FAILURE_DESCRIPTION_H
#define LUAWAIT_BRIDGE_FAILURE_DESCRIPTION_H

#include "CLuaBridge.h"

#include <lua.h>

// Keeps which functions raise what the script wants, on a new state.
void lwb_note_raisers(lua_State *L);
// The script's message handler: describes the error where it was raised, with the stack still there.
int lwb_note_error(lua_State *L);
// Describes the error that is alone on the main state's stack, and takes it from there. `status` is that of the call
// that failed. Does not raise.
void lwb_describe(lwb_context *context, int status);

#endif
