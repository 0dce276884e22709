// The record of an error, from which the host is told. Nothing here raises.
#ifndef LUAWAIT_BRIDGE_FAILURE_H
#define LUAWAIT_BRIDGE_FAILURE_H

#include "CLuaBridge.h"
#include "core/buffer.h"

// One place a failure's text is kept: offsets into its `text`, because that may move as it grows.
typedef struct lwb_span {
    size_t start, length;
    bool present;
} lwb_span;

// What has been noted of an error. It belongs to the eval: one whose __close handlers wait on the host after its error
// lets the others of its context run, and fail, in between.
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

// These keep a part of what the host is told, of a long text only its beginning, or all. Out of memory the part is
// absent.
void lwb_keep_text(lwb_context *context, lwb_span *span, const char *bytes, size_t length);
void lwb_keep_whole_text(lwb_context *context, lwb_span *span, const char *bytes, size_t length);

extern const char lwb_lack_of_memory[]; // in Lua's words

#endif
