// What a running script does when it is told to stop: the hook, and who sets it where.
//
// Nothing costs anything until a stop is asked for: scripts run without hooks. The signal handler then sets one on the
// coroutine that is running. For a slice it counts: at the next instruction the coroutine yields. A condemned eval gets
// all four masks, and the hook raises at every event from then on, so that a pcall that catches one error meets the
// next at its next instruction, and C functions called from C are caught at their calls and returns.
#include "stop/preemption.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/eval_record.h"
#include "core/failure_place.h"
#include "core/memory_place.h"
#include "stop/stopper.h"

#include <lua.h>

static const char stop_value; // its address is the error a condemned script dies of

static void hook(lua_State *L, lua_Debug *event);

// Setting a hook visits every frame of the stack, of which a deep recursion has half a million: only where it changes.
static void change_hook(lua_State *L, int mask, int count) {
    if (lua_gethookmask(L) != mask || lua_gethookcount(L) != count) lua_sethook(L, mask ? hook : NULL, mask, count);
}

static int hook_mask(const lwb_context *context) {
    return context->condemned ? LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE : LUA_MASKCOUNT;
}

static void set_hook(const lwb_context *context, lua_State *L) {
    change_hook(L, hook_mask(context), 1);
}

// Whether scripts are interrupted by counting. Outside a stay on a thread there is no stopper.
static bool counts(const lwb_context *context) {
    return context->stopper != NULL && lwb_stopper_counts(context->stopper);
}

// Whether the coroutine that runs needs another hook to carry out its orders. The hook that counts instructions comes
// by anyway and sees that the slice is over: in a deep recursion two changes cost more than the slice, which then would
// never get anywhere.
static bool needs_hook(const lwb_context *context) {
    return context->condemned || (context->orders && !counts(context));
}

// Where slices are counted instructions the look waits for the next count, because their ends must not depend on
// memory.
static bool looks_at_memory(const lwb_context *context) {
    return context->memory_look_due && !lwb_stopper_slices_by_instructions(context->stopper);
}

static void unset_hook(const lwb_context *context, lua_State *L) {
    if (counts(context)) {
        lwb_hook_counting(L, context->stopper);
    } else {
        change_hook(L, 0, 0);
    }
    // A signal that came before the last line was carried out has had its hook taken off again.
    if (needs_hook(context)) set_hook(context, L);
}

void lwb_hook_counting(lua_State *L, const lwb_stopper *stopper) {
    change_hook(L, LUA_MASKCOUNT, lwb_stopper_interval(stopper));
}

static void keep(lwb_context *context, int orders) {
    if (orders & LWB_ORDER_CONDEMN) context->condemned = 1;
    if (orders & LWB_ORDER_SLICE) context->orders = 1;
}

void lwb_obey(lwb_context *context, int orders) {
    keep(context, orders);
    if (context->running != NULL) lwb_hook_running(context);
}

// lua_sethook may be called from a signal handler (Lua's own interpreter does); nothing else here touches Lua.
//
// A hook that is there already may be lost: an instruction that was just taking back Lua's sign of an earlier hook has
// taken back that of this one, too, and a loop without calls would not come to it until it is set anew. The watchdog
// sends a signal for each slice. Not each of them sets it: on a deep stack that takes longer than a slice, and the next
// signal would be there before the next instruction.
void lwb_obey_signal(lwb_context *context, int orders) {
    keep(context, orders);
    lua_State *running = context->running;
    if (running == NULL || !needs_hook(context)) return;
    int mask = hook_mask(context);
    bool is_set = lua_gethookmask(running) == mask && lua_gethookcount(running) == 1;
    context->signals_in_vain = is_set ? context->signals_in_vain + 1 : 0;
    if (context->signals_in_vain % LWB_SIGNALS_IN_VAIN == 0) lua_sethook(running, hook, mask, 1);
}

void lwb_hook_running(lwb_context *context) {
    if (needs_hook(context) || looks_at_memory(context)) {
        set_hook(context, context->running);
    } else if (context->counts_for_once) {
        lwb_hook_counting(context->running, context->stopper);
    }
}

// Setting a hook reads no stack, so the allocator may do it: see lwb_obey_signal.
void lwb_look_at_memory_soon(lwb_context *context) {
    if (context->running == NULL || context->condemned) return;
    context->memory_look_due = true;
    if (looks_at_memory(context)) set_hook(context, context->running);
}

static void describe_stop(lua_State *L, lwb_context *context) {
    if (context->stop_described) return;
    context->stop_described = true;
    lwb_note_stop(L, context);
}

int lwb_raise_stop(lua_State *L, lwb_context *context) {
    // When the script has ended, and what came of it is being converted, there is no place to describe, and no code to
    // stop.
    if (context->running != NULL) {
        set_hook(context, L);
        describe_stop(L, context);
    }
    // A function may have filled what it had reserved of the stack. Without memory for more, this is one of the few
    // slots that Lua keeps for its own errors.
    (void)lua_checkstack(L, 1);
    // Not text: making text allocates, and a script at its memory limit would get another error instead.
    lua_pushlightuserdata(L, (void *)(uintptr_t)&stop_value);
    return lua_error(L);
}

static bool over_budget(lwb_context *context) {
    lwb_eval *eval = context->current;
    if (eval->cpu_left_ns == INT64_MAX || lwb_thread_cpu_ns() < context->cpu_end_ns) return false;
    eval->cpu_exceeded = true;
    return true;
}

void lwb_check_budget(lwb_context *context) {
    if (!context->condemned && over_budget(context)) context->condemned = 1;
}

void lwb_take_in_orders(lwb_context *context) {
    int orders = lwb_stopper_look(context->stopper);
    // Asked once in an interval, and that is the slice.
    if (counts(context) && lwb_stopper_slices_by_instructions(context->stopper)) orders |= LWB_ORDER_SLICE;
    if (orders != 0) lwb_obey(context, orders);
    if (context->orders) lwb_check_budget(context);
}

// Whether a yield gets all the way out.
static bool can_leave(lua_State *L, const lwb_context *context) {
    return context->can_travel && lua_isyieldable(L);
}

// Setting the hook, and setting it back when the slice is over, visits every frame of the stack: only where the slice
// can end. Never where slices are counted instructions: how much work is left depends on what the context has done
// before.
static bool can_end_slice(const lwb_context *context) {
    if (!context->orders || lwb_stopper_slices_by_instructions(context->stopper)) return false;
    return can_leave(context->running, context);
}

void lwb_look_in_passing(lwb_context *context) {
    // The allocator comes here outside of scripts, too.
    bool counting = counts(context);
    context->work_until_look = counting || context->stopper == NULL ? LWB_WORK_BETWEEN_LOOKS : INT64_MAX;
    if (!counting || context->running == NULL) return;
    int orders = lwb_stopper_look(context->stopper);
    if (orders != 0) lwb_obey(context, orders);
    if (context->orders) lwb_check_budget(context);
    if (context->condemned || can_end_slice(context)) set_hook(context, context->running);
}

void lwb_forget_slice(lua_State *L, lwb_context *context) {
    context->orders = 0;
    unset_hook(context, L);
}

// Lua lets a hook yield in count and line events only.
static bool is_at_an_instruction(const lua_Debug *event) {
    return event->event == LUA_HOOKCOUNT || event->event == LUA_HOOKLINE;
}

// Leaves the condemned script for good, without unwinding it: Lua visits all frames of the stack for each pcall that
// catches the error, and a script may have nested a hundred thousand of them in its slices. Nobody resumes the
// coroutine any more.
static void abandon(lua_State *L, lwb_context *context) {
    describe_stop(L, context);
    lwb_set_held_up(L, true);
    context->yield = LWB_YIELD_SLICE;
    lua_yield(L, 0);
}

static void hook(lua_State *L, lua_Debug *event) {
    // The count event of this instruction has made the coroutine yield, and this is its line event.
    if (lua_status(L) == LUA_YIELD) return;
    lwb_context *context = lwb_context_of(L);
    if (context->memory_look_due && is_at_an_instruction(event)) lwb_look_at_memory(L, context);
    lwb_take_in_orders(context);
    if (context->condemned) {
        if (!can_leave(L, context)) {
            lwb_raise_stop(L, context);
        } else if (is_at_an_instruction(event)) {
            abandon(L, context);
        }
        // A C function is called or returns, and can be left at the next instruction. An error here would be caught by
        // the pcall around it, whose return is the next event: that way each of a hundred thousand would catch one.
        return;
    }
    if (!context->orders) {
        unset_hook(context, L); // an order that another coroutine has obeyed already
        return;
    }
    // Before it is condemned a script has no hook for other events.
    if (!is_at_an_instruction(event)) return;
    lwb_forget_slice(L, context);
    // Where it cannot yield the slice goes on, and the next order finds it somewhere else.
    if (!can_leave(L, context)) return;
    context->yield = LWB_YIELD_SLICE;
    lua_yield(L, 0);
}
