// Library functions that can be left half-way and gone on with: at a call of the script's code that waits on the host,
// and at the end of a time slice.
//
// Such a function keeps all its state in a struct and its values on the Lua stack. Its body stands between RESUMABLE
// and RESUMABLE_END, where the macros below may be used: each notes in the state where it stands, so that the body,
// begun anew by the continuation, jumps there. A variable of C does not live past such a place, and no two calls may
// share a line.
//
// Where nothing of the script's can be called the state may be a variable of C, for no yield can come then. Else it is
// a userdata on the stack: after a yield no frame of C is left, and it must survive that the coroutine is never
// resumed.
#ifndef LUAWAIT_BRIDGE_RESUMABLE_H
#define LUAWAIT_BRIDGE_RESUMABLE_H

#include "core/c_stack.h"
#include "stop/interrupt.h"
#include "tables/table_element.h"

#include <lua.h>

typedef struct lwb_resumable {
    int place;  // in the body; 0 is the beginning
    bool plain; // no table of the function's can call a function of the script's when it is read or written
    bool kept;  // the state is a userdata
    lwb_interrupt interrupt;
} lwb_resumable;

// `self` is the state's lwb_resumable, its first member, and `body_of` the continuation.
#define RESUMABLE(self)                                                                                                \
    switch ((self)->place) {                                                                                           \
    case 0:
#define RESUMABLE_END }

// Calls the function below `arguments` values, as lua_call does.
#define CALL(self, arguments, results, body_of)                                                                        \
    do {                                                                                                               \
        (self)->place = 2 * __LINE__;                                                                                  \
        lwb_check_c_stack(L);                                                                                          \
        lua_callk(L, (arguments), (results), (lua_KContext)(self), (body_of));                                         \
        __attribute__((fallthrough));                                                                                  \
    case 2 * __LINE__:;                                                                                                \
    } while (0)

// Pushes the element `key` of the value at `index`, which is not relative to the top.
#define GET(self, index, key, body_of)                                                                                 \
    do {                                                                                                               \
        if ((self)->plain) {                                                                                           \
            lua_geti(L, (index), (key));                                                                               \
        } else if (!lwb_begin_get(L, (index), (key))) {                                                                \
            CALL(self, 2, 1, body_of);                                                                                 \
        }                                                                                                              \
    } while (0)

// Pops a value and makes it the element.
#define SET(self, index, key, body_of)                                                                                 \
    do {                                                                                                               \
        if ((self)->plain) {                                                                                           \
            lua_seti(L, (index), (key));                                                                               \
        } else if (!lwb_begin_set(L, (index), (key))) {                                                                \
            CALL(self, 3, 0, body_of);                                                                                 \
        }                                                                                                              \
    } while (0)

// Looks for a stop; ends the slice if that is due and the state is kept.
#define CHECKPOINT(self, cost, body_of)                                                                                \
    do {                                                                                                               \
        if (!(self)->kept) {                                                                                           \
            lwb_checkpoint(&(self)->interrupt, (cost));                                                                \
        } else if (lwb_slice_is_due(&(self)->interrupt, (cost))) {                                                     \
            (self)->place = 2 * __LINE__ + 1;                                                                          \
            return lwb_end_slice(L, (lua_KContext)(self), (body_of));                                                  \
        case 2 * __LINE__ + 1:;                                                                                        \
        }                                                                                                              \
    } while (0)

#endif
