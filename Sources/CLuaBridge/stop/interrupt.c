// Stops and slices inside loops in C, where no hook fires: a library function that may run for long counts its steps
// and looks, every so many, for what the script has been told.
//
// An order reaches a loop through the context's words, `condemned` and `orders`, which the signal handler has written
// on this very thread before it set its hook; a loop that sees them sees what the hook would see at the next
// instruction, and does what it would do. Nothing is lost when both act: an order that the loop has obeyed is gone from
// `orders`, and the hook, finding none, takes itself off; one that the loop leaves alone stays for the hook. Where
// orders are looked for by counting, no handler runs, and a look takes them from the thread's stopper, as the counting
// hook does.
#include "stop/interrupt.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "stop/preemption.h"

#include <lua.h>

// Gives what the running script has been told: takes orders in where they are counted, and turns the end of a budget of
// processor time into a stop. Raises when condemned.
static bool is_told_to_yield(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    // Outside lwb_eval_resume the bridge itself is at work, on values that are its own.
    if (context->stopper == NULL) return false;
    lwb_take_in_orders(context);
    lwb_check_stop(L, context);
    return context->orders;
}

void lwb_interrupt_look(lwb_interrupt *interrupt) {
    interrupt->steps = LWB_STEPS_BETWEEN_LOOKS;
    // A slice waits for the function's return, or for a loop that can end it.
    (void)is_told_to_yield(interrupt->L);
}

bool lwb_interrupt_look_for_slice(lwb_interrupt *interrupt) {
    lua_State *L = interrupt->L;
    interrupt->steps = LWB_STEPS_BETWEEN_LOOKS;
    if (!is_told_to_yield(L)) return false;
    lwb_context *context = lwb_context_of(L);
    if (context->can_travel && lua_isyieldable(L)) return true;
    // Where it cannot yield the slice goes on, and the next order finds it somewhere else.
    lwb_forget_slice(L, context);
    return false;
}

int lwb_end_slice(lua_State *L, lua_KContext extra, lua_KFunction go_on) {
    lwb_context *context = lwb_context_of(L);
    lwb_forget_slice(L, context);
    context->yield = LWB_YIELD_SLICE;
    return lua_yieldk(L, 0, extra, go_on);
}
