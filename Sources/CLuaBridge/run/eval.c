// One run of one script: prepare, resume until something happens, convert what came of it.
#include "CLuaBridge.h"

#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/eval_record.h"
#include "core/failure.h"
#include "core/memory_place.h"
#include "run/check.h"
#include "run/failure_description.h"
#include "run/script_frame.h"
#include "stop/preemption.h"
#include "stop/stay.h"
#include "stop/stopper.h"
#include "values/json_encode.h"

#include <jansson.h>
#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

// ---- Preparing -----------------------------------------------------------------------------------------------------

// Both take as long with ten evals in the context as with fifty thousand.
static void link_to_context(lwb_eval *eval) {
    lwb_context *context = eval->context;
    eval->next = context->evals;
    if (eval->next != NULL) eval->next->previous = eval;
    context->evals = eval;
}

static void unlink_from_context(lwb_eval *eval) {
    if (eval->next != NULL) eval->next->previous = eval->previous;
    if (eval->previous != NULL) {
        eval->previous->next = eval->next;
    } else {
        eval->context->evals = eval->next;
    }
}

static int prepare(lua_State *L) {
    lwb_eval *eval = lua_touserdata(L, 1);
    lwb_begin_to_use_memory(L, eval->context);
    lua_State *coroutine = lua_newthread(L);
    eval->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    eval->coroutine = coroutine;
    eval->context->eval_coroutines += 1;
    lwb_set_held_up(coroutine, true);             // nobody resumes it but lwb_eval_resume
    lua_pushcfunction(coroutine, lwb_run_script); // a light C function: does not allocate
    return 0;
}

lwb_event lwb_eval_prepare(lwb_context *context, const lwb_setup *setup, lwb_eval **result) {
    lua_State *L = context->main;
    size_t name_size = strlen(setup->chunk_name) + 1;
    lwb_eval *eval = calloc(1, sizeof *eval + name_size);
    *result = eval;
    if (eval == NULL) {
        json_decref(setup->globals);
        json_decref(setup->args);
        lwb_set_failure(context, LWB_FAILURE_MEMORY, lwb_lack_of_memory);
        return LWB_FAILED;
    }
    eval->chunk_name = memcpy(eval + 1, setup->chunk_name, name_size);
    eval->context = context;
    eval->reference = eval->globals = LUA_NOREF;
    eval->setup = *setup;
    eval->cpu_left_ns = setup->cpu_limit_ns == 0 ? INT64_MAX : setup->cpu_limit_ns;
    eval->calls_left = setup->call_limit == 0 ? UINT64_MAX : setup->call_limit;
    link_to_context(eval);
    context->beginning = context->options.is_shared;
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, eval);
    int status = lua_pcall(L, 1, 0, 0);
    context->beginning = false;
    if (status == LUA_OK) return LWB_READY;
    lwb_describe(context, status);
    return LWB_FAILED;
}

// ---- Resuming ------------------------------------------------------------------------------------------------------

// Encodes what the script returned: nothing is null, several values are an array.
static int encode_results(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    int count = lua_gettop(L);
    lwb_buffer_clear(&context->output);
    if (count == 0) {
        lwb_append(L, context, "null", 4, NULL);
    } else if (count == 1) {
        lwb_encode(L, context, 1, "result", NULL);
    } else {
        lwb_encode_all(L, context, "result", NULL);
    }
    return 0;
}

static lwb_event stop(lwb_context *context) {
    if (!context->stop_described) lwb_clear_failure(context);
    return LWB_STOPPED;
}

static lwb_event finish(lwb_eval *eval, int results) {
    lwb_context *context = eval->context;
    lua_State *co = eval->coroutine;
    // The coroutine has ended, so it may be used like any state, and its hook must not see this call.
    lua_sethook(co, NULL, 0, 0);
    if (!lua_checkstack(co, 2)) {
        lwb_set_failure(context, LWB_FAILURE_MEMORY, lwb_lack_of_memory);
        return LWB_FAILED;
    }
    lua_pushcfunction(co, encode_results);
    lua_insert(co, -results - 1);
    int status = lua_pcall(co, results, 0, 0);
    if (status == LUA_OK) return LWB_FINISHED;
    if (context->condemned) return stop(context);
    lua_xmove(co, context->main, 1);
    lwb_describe(context, status);
    return LWB_FAILED;
}

// `status` is that of the resume.
static lwb_event fail(lwb_eval *eval, int status) {
    lwb_context *context = eval->context;
    lua_State *co = eval->coroutine;
    // The error may be another than the one that was noted: raised by a __close on the way out, or by a lack of memory.
    bool noted = context->note.noted && context->note.script_status == LUA_ERRRUN &&
                 context->note.noted_type == lua_type(co, -1) && context->note.noted_value == lua_topointer(co, -1);
    if (eval->compiled != LUA_OK) {
        lua_xmove(co, context->main, 1);
        lwb_describe_compilation(context, status, eval->compiled, eval->chunk_name);
    } else if (!noted) {
        lua_xmove(co, context->main, 1);
        // Without memory for the very first call the script's own has not begun.
        lwb_describe(context, context->note.script_status != LUA_OK ? context->note.script_status : status);
        if (context->condemned) return stop(context);
    }
    return LWB_FAILED;
}

static void hold(lwb_context *context, json_t *value) {
    if (context->held != NULL) json_decref(context->held);
    context->held = value;
}

lwb_event lwb_eval_resume(lwb_eval *eval, lwb_stopper *stopper, lwb_answer answer) {
    lwb_context *context = eval->context;
    bool limited = eval->cpu_left_ns != INT64_MAX;
    int64_t begun = lwb_stopper_cpu_mark(stopper);
    int results = 0;

    lwb_buffer_free(&context->note.text);
    context->note = eval->note;
    eval->note = (lwb_note){0};
    hold(context, answer.value);
    eval->answer_kind = answer.kind;
    context->current = eval;
    context->stopper = stopper;
    context->orders = 0;
    // What stopped the last eval of a shared context is not this one's affair.
    context->condemned = 0;
    context->stop_described = false;
    context->describing = false;
    context->can_travel = true;
    lwb_find_c_stack(context);
    context->yield = LWB_YIELD_SCRIPT;
    context->cpu_end_ns = limited ? begun + eval->cpu_left_ns : INT64_MAX;
    context->running = eval->coroutine;
    if (lwb_stopper_counts(stopper)) lwb_hook_counting(eval->coroutine, stopper);
    context->counts_for_once = lwb_stopper_counts_for_once(stopper);
    if (context->counts_for_once) context->work_until_look = LWB_WORK_BETWEEN_LOOKS;
    context->beginning = context->options.is_shared && !eval->has_begun; // for lwb_run_script to end
    eval->has_begun = true;

    // What has been parked on a larger stack cannot be told by an error in the script that there is too little here.
    bool has_stack = lwb_has_c_stack(context);
    lwb_begin_stay(context);
    int status = has_stack ? lua_resume(eval->coroutine, context->main, 0, &results) : LUA_ERRRUN;
    // A stop that comes from here on sets no hook, but ends conversions.
    context->running = NULL;
    context->beginning = false;
    lwb_event event = LWB_STOPPED;
    if (!has_stack) {
        lwb_set_failure(context, LWB_FAILURE_LIMIT, lwb_c_stack_overflow);
        event = LWB_FAILED;
    } else if (status != LUA_YIELD && context->condemned) {
        // Also when it has returned: where a hook has yielded, Lua passes it over once, and that may be the instruction
        // by which a script that has caught the stop returns.
        event = stop(context);
    } else if (status == LUA_OK) {
        event = finish(eval, results);
    } else if (status != LUA_YIELD) {
        event = fail(eval, status);
    }
    lwb_end_stay(context);

    if (status == LUA_YIELD) {
        event = context->yield == LWB_YIELD_PARK ? LWB_PARKED : LWB_SLICED;
        if (event == LWB_SLICED && context->condemned) {
            // It has been left where it was; or it was at the end of a slice when the order came, and has nothing to
            // tell.
            event = stop(context);
        } else {
            eval->note = context->note;
            context->note = (lwb_note){0};
        }
    }
    hold(context, NULL);
    context->current = NULL;
    context->stopper = NULL;
    if (limited) {
        eval->cpu_left_ns -= lwb_stopper_cpu_mark(stopper) - begun;
        // A slice looks at the clock in the hook; this catches what used up its budget without being sliced.
        if (eval->cpu_left_ns <= 0 && event != LWB_FINISHED && event != LWB_FAILED) {
            eval->cpu_left_ns = 0;
            if (event != LWB_STOPPED) {
                eval->cpu_exceeded = true;
                event = LWB_STOPPED;
                if (!context->stop_described) lwb_clear_failure(context);
            }
        }
    }
    return event;
}

void lwb_eval_free(lwb_eval *eval) {
    lwb_context *context = eval->context;
    unlink_from_context(eval);
    lwb_forget_input(eval);
    if (context->memory_place.eval == eval) context->memory_place.eval = NULL; // the next one may get its address
    if (eval->coroutine != NULL) context->eval_coroutines -= 1;
    // Neither can raise: they write to places of the registry that exist.
    luaL_unref(context->main, LUA_REGISTRYINDEX, eval->reference);
    luaL_unref(context->main, LUA_REGISTRYINDEX, eval->globals);
    lwb_buffer_free(&eval->note.text);
    free(eval);
}

uint32_t lwb_eval_function(const lwb_eval *eval) {
    return eval->function;
}

bool lwb_eval_cpu_exceeded(const lwb_eval *eval) {
    return eval->cpu_exceeded;
}

int64_t lwb_eval_cpu_left(const lwb_eval *eval) {
    return eval->cpu_left_ns;
}
