// The budget of the C stack, for whatever may call a script's code, or the host's, from C.
#ifndef LUAWAIT_BRIDGE_C_STACK_H
#define LUAWAIT_BRIDGE_C_STACK_H

#include "core/context_record.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What `lwb_context.c_stack_margin` is; 0 when out of memory. Does not raise.
size_t lwb_c_stack_margin(void);
// Finds out where the stack of the calling thread ends. Does not raise.
void lwb_find_c_stack(lwb_context *context);
int lwb_raise_c_stack_overflow(lua_State *L);
int lwb_push_c_stack_overflow(lua_State *L);
extern const char lwb_c_stack_overflow[];

// Whether enough is left to call a script's code, or the host's, from C.
static inline bool lwb_has_c_stack(const lwb_context *context) {
    return (uintptr_t)__builtin_frame_address(0) >= context->c_stack_limit;
}

// Stands at the beginning of each function that may do that.
static inline void lwb_check_c_stack(lua_State *L) {
    if (!lwb_has_c_stack(lwb_context_of(L))) lwb_raise_c_stack_overflow(L);
}

#endif
