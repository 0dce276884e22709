// What has been noted of an error, and what the host is told of it. Nothing here raises, unless it says otherwise.
#ifndef LUAWAIT_BRIDGE_FAILURE_H
#define LUAWAIT_BRIDGE_FAILURE_H

#include "CLuaBridge.h"
#include "core/buffer.h"

#include <lua.h>

// One place a failure's text is kept: offsets into its `text`, because that may move as it grows.
typedef struct lwb_span {
    size_t start, length;
    bool present;
} lwb_span;

// What has been noted of an error. It belongs to the eval: one whose __close handlers wait on the host after its error lets
// the others of its context run, and fail, in between.
typedef struct lwb_note {
    int script_status; // how the script's call ended, when it failed
    bool noted;        // lwb_note_error has described an error: this one
    bool lost_message; // there was a message, but no memory to keep it
    int noted_type;
    const void *noted_value;
    lwb_buffer text;
    lwb_failure_type type;
    int line;
    lwb_span message, chunk, traceback, function, host_type, data;
} lwb_note;

void lwb_clear_failure(lwb_context *context);
// Sets a failure that needs no Lua.
void lwb_set_failure(lwb_context *context, lwb_failure_type type, const char *message);
// Describes the error that is alone on the main state's stack, and takes it from there. `status` is that of the call that
// failed.
void lwb_describe(lwb_context *context, int status);
// Notes where the script is that is told to stop. May raise.
void lwb_note_stop(lua_State *L, lwb_context *context);
// Keeps which functions raise what the script wants, on a new state. May raise.
void lwb_note_raisers(lua_State *L);
// The script's message handler: describes the error where it was raised, with the stack still there. May raise.
int lwb_note_error(lua_State *L);

#endif
