// Where a script takes its memory, for the error that it has none left. Some of this may raise.
#ifndef LUAWAIT_BRIDGE_MEMORY_PLACE_H
#define LUAWAIT_BRIDGE_MEMORY_PLACE_H

#include "CLuaBridge.h"

#include <lua.h>

// Where a script was when it was last seen to take memory.
typedef struct lwb_memory_place {
    const lwb_eval *eval; // whose place it is; NULL: nobody's
    int line;             // 0: nowhere
    char chunk[LUA_IDSIZE];
    bool in_deep_calls; // so many were nested that they are where the memory goes
} lwb_memory_place;

// Memory in use has grown beyond the mark: the next instruction is where.
void lwb_memory_has_grown(lwb_context *context, size_t used);
// Sets the mark anew, for less memory in use.
void lwb_set_memory_mark(lwb_context *context, size_t used);
// Does that for another limit.
void lwb_set_garbage_limit(lwb_context *context);
// An eval begins, in what others may have left. May raise.
void lwb_begin_to_use_memory(lua_State *L, lwb_context *context);
// What the hook does then. May raise.
void lwb_look_at_memory(lua_State *L, lwb_context *context);
// Notes where the script is. It reads the stack: not from the allocator.
void lwb_note_memory_place(lua_State *L, lwb_context *context);

#endif
