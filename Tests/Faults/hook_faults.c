// A hook that Lua has lost is set again by one of the next orders.
//
// An instruction at which Lua has found no hook set takes back the sign by which a signal handler makes it look again
// (luaG_traceexec: it reads the mask, then clears `trap`). A handler that runs between the two has set a hook that a
// loop without calls never comes to. It takes a signal within some nanoseconds of a resumption, so it is not waited for
// here, but done: the sign is taken back where Lua keeps it.
#include "CLuaBridge.h"
#include "core/context_record.h"
#include "stop/preemption.h"

#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

// The beginning of Lua 5.4's CallInfo of a Lua function (lstate.h).
typedef struct call_info {
    void *function, *top, *previous, *next;
    const void *saved_pc;
    volatile sig_atomic_t trap;
} call_info;

static lwb_context *context;
static bool fine = true;

static void expect(bool holds, const char *what) {
    if (holds) return;
    printf("FAILED %s\n", what);
    fflush(stdout);
    fine = false;
}

// Called in a callback: of the function that has called it.
static call_info *caller(void) {
    lua_Debug frame;
    lua_getstack(context->running, 1, &frame);
    return (call_info *)frame.i_ci;
}

static lwb_answer lose_a_hook(void *owner, uint32_t function, const char *args, size_t length) {
    (void)owner, (void)function, (void)args, (void)length;
    call_info *script = caller();
    expect(script->trap == 0, "a script runs without a hook until it is told something");
    lwb_obey_signal(context, LWB_ORDER_SLICE);
    expect(script->trap == 1, "an order makes the script look for its hook");
    script->trap = 0;
    for (int i = 0; i < LWB_SIGNALS_IN_VAIN; i++) {
        expect(script->trap == 0, "not every order makes it look again: on a deep stack that takes too long");
        lwb_obey_signal(context, LWB_ORDER_SLICE);
    }
    expect(script->trap == 1, "after some orders it looks again");
    // What follows would not end.
    if (!fine) _exit(1);
    return (lwb_answer){LWB_ANSWER_NONE, NULL};
}

int main(void) {
    static const lwb_function functions[] = {{"lose", 0, true}};
    static const char script[] = "lose() while true do end";
    const lwb_options options = {.max_depth = 10, .print = LWB_PRINT_NONE};
    const lwb_setup setup = {
        .script = script, .script_length = sizeof script - 1, .chunk_name = "script", .callback = lose_a_hook};
    lwb_eval *eval = NULL;
    alarm(60);
    expect(lwb_stop_signal_install(0) > 0, "there is a signal");
    context = lwb_context_new(&options, functions, 1, NULL);
    lwb_stopper *stopper = lwb_stopper_new(false);
    expect(lwb_eval_prepare(context, &setup, &eval) == LWB_READY, "the eval is ready");
    lwb_stopper_bind(stopper);
    lwb_stopper_announce(stopper, 1);
    const lwb_answer none = {LWB_ANSWER_NONE, NULL};
    expect(lwb_eval_resume(eval, stopper, none) == LWB_SLICED, "the slice ends");
    lwb_stopper_unbind(stopper);
    lwb_context_free(context);
    lwb_stopper_free(stopper);
    printf("hook_faults: 1 runs, %d failed\n", !fine);
    return fine ? 0 : 1;
}
