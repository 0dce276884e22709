// What a running script does when it is told to stop.
#ifndef LUAWAIT_BRIDGE_PREEMPTION_H
#define LUAWAIT_BRIDGE_PREEMPTION_H

#include "core/context_record.h"
#include "stop/stopper.h"

#include <lua.h>

// Turns the end of a budget of processor time into a stop. It asks the system for the time.
void lwb_check_budget(lwb_context *context);

// Sets the hook that orders need, if they need one, or that this stay needs, on the coroutine that runs. Does not
// raise.
void lwb_hook_running(lwb_context *context);
int lwb_raise_stop(lua_State *L, lwb_context *context);
// Has the hook call lwb_look_at_memory() at the next instruction. Does not raise.
void lwb_look_at_memory_soon(lwb_context *context);

// A look where nothing can be raised and no yield is possible, an allocation, say: what there is to obey, the hook does
// at the next instruction. Only where orders are looked for by counting. Does not raise.
void lwb_look_in_passing(lwb_context *context);

// In bytes, what an instruction copies or hashes is about as long as what it allocates for it: some tens of
// microseconds.
enum {
    LWB_WORK_BETWEEN_LOOKS = 256 * 1024,
    LWB_WORK_OF_A_SWITCH = LWB_WORK_BETWEEN_LOOKS / 64,
    LWB_WORK_OF_A_STEP = LWB_WORK_BETWEEN_LOOKS / 16, // through a table
    // Lua visits all frames of the stack, of which there may be a hundred thousand, for each error that is caught.
    LWB_WORK_OF_A_CAUGHT_ERROR = LWB_WORK_BETWEEN_LOOKS / 4,
};

// Notes work that takes long for the few instructions it is. Does not raise.
static inline void lwb_do_work(lwb_context *context, size_t work) {
    if ((context->work_until_look -= (int64_t)work) < 0) lwb_look_in_passing(context);
}

// Both of these are done at each switch between coroutines, most often in vain.
// Publishes which coroutine executes, and passes on orders that came meanwhile. Does not raise.
static inline void lwb_set_running(lwb_context *context, lua_State *L) {
    context->running = L;
    // A handler that ran before this line has set its hook on the coroutine that ran before; one that runs after sees
    // L.
    bool needs = context->condemned || context->orders || context->counts_for_once || context->memory_look_due;
    if (needs) lwb_hook_running(context);
    // Each coroutine counts its own instructions: those that never come to a count would not look in all their lives.
    lwb_do_work(context, LWB_WORK_OF_A_SWITCH);
}

// Obeys orders that came while the script was in C. Raises when condemned.
static inline void lwb_check_stop(lua_State *L, lwb_context *context) {
    if (context->condemned) lwb_raise_stop(L, context);
}

// Neither raises. The second is what the signal handler calls: it is async-signal-safe.
void lwb_obey(lwb_context *context, int orders);
void lwb_obey_signal(lwb_context *context, int orders);
enum { LWB_SIGNALS_IN_VAIN = 8 }; // so many find a hook set before it is set anew
void lwb_hook_counting(lua_State *L, const lwb_stopper *stopper);
// What a look for orders does, in the hook and in loops in C: takes in those that are counted, and condemns an eval
// that is told to yield when its processor time is over. Does not raise.
void lwb_take_in_orders(lwb_context *context);
// The slice's end has been obeyed, or cannot be here. Does not raise.
void lwb_forget_slice(lua_State *L, lwb_context *context);

#endif
