// One run of one script: compile, resume until something happens, convert what came of it.
#include "run/eval.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/eval_record.h"
#include "core/failure.h"
#include "core/memory.h"
#include "core/memory_place.h"
#include "run/compile.h"
#include "run/sandbox.h"
#include "run/shared_globals.h"
#include "stop/preemption.h"
#include "stop/stay.h"
#include "stop/stopper.h"
#include "values/json_decode.h"
#include "values/json_encode.h"

#include <jansson.h>
#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

// ---- Compiling -----------------------------------------------------------------------------------------------------

// The line that a syntax error's message names: "chunk:line: …".
static void note_syntax_place(lwb_context *context, const char *chunk_name) {
    lwb_failure failure = lwb_context_failure(context);
    if (failure.message.bytes == NULL) return;
    // Lua shows at most LUA_IDSIZE - 1 bytes of a chunk's name.
    size_t shown = strlen(chunk_name) < LUA_IDSIZE - 1 ? strlen(chunk_name) : LUA_IDSIZE - 1;
    if (failure.message.length <= shown || strncmp(failure.message.bytes, chunk_name, shown) != 0) return;
    if (failure.message.bytes[shown] != ':') return;
    int line = atoi(failure.message.bytes + shown + 1);
    if (line <= 0) return;
    context->note.line = line;
    size_t start = context->note.text.length;
    if (lwb_buffer_append(&context->note.text, chunk_name, shown)) {
        context->note.chunk = (lwb_span){start, shown, true};
    }
}

// The error of compiling is alone on the main state's stack; `status` is that of the call in which it was raised.
static void describe_compilation(lwb_context *context, int status, int compiled, const char *chunk_name) {
    lwb_describe(context, compiled == LUA_ERRMEM ? LUA_ERRMEM : status);
    if (context->note.type != LWB_FAILURE_RUNTIME) return; // memory, or a limit
    context->note.type = LWB_FAILURE_SYNTAX;
    note_syntax_place(context, chunk_name);
}

typedef struct compilation {
    lwb_script script;
    int compiled;
} compilation;

static int check(lua_State *L) {
    compilation *work = lua_touserdata(L, 1);
    work->compiled = lwb_compile(L, &work->script);
    return work->compiled == LUA_OK ? 0 : lua_error(L);
}

lwb_event lwb_context_check(lwb_context *context, const char *script, size_t length, const char *chunk_name,
                            int64_t cpu_limit_ns) {
    lua_State *L = context->main;
    lwb_find_c_stack(context);
    if (!lwb_has_c_stack(context)) {
        lwb_set_failure(context, LWB_FAILURE_LIMIT, lwb_c_stack_overflow);
        return LWB_FAILED;
    }
    int64_t end = cpu_limit_ns == 0 ? INT64_MAX : lwb_thread_cpu_ns() + cpu_limit_ns;
    compilation work = {{script, length, chunk_name, end}, LUA_OK};
    lua_pushcfunction(L, check);
    lua_pushlightuserdata(L, &work);
    locale_t before = lwb_use_c_locale();
    int status = lua_pcall(L, 1, 0, 0);
    lwb_use_locale(before);
    if (status == LUA_OK) return LWB_READY;
    describe_compilation(context, status, work.compiled, chunk_name);
    return LWB_FAILED;
}

// ---- The frame below the script ------------------------------------------------------------------------------------

static int script_done(lua_State *L, int status, lua_KContext extra) {
    (void)extra;
    lwb_context *context = lwb_context_of(L);
    context->describing = false; // if an error in lwb_note_error has skipped its end
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
    context->note.script_status = status;
    return lua_error(L);
}

void lwb_set_globals_at_top(lua_State *L, const json_t *globals, bool keep_nulls) {
    json_t *source = (json_t *)(uintptr_t)globals;
    const char *key;
    size_t key_length;
    json_t *value;
    json_object_keylen_foreach(source, key, key_length, value) {
        lua_pushlstring(L, key, key_length);
        lwb_push_json(L, value, keep_nulls);
        lua_rawset(L, -3);
    }
}

// In a shared context: gives the chunk at the top globals of its own.
static void lay_globals_over(lua_State *L, lwb_eval *eval) {
    lwb_push_overlay(L);
    lua_pushvalue(L, -1);
    eval->globals = luaL_ref(L, LUA_REGISTRYINDEX);
    // The globals of a chunk are its first upvalue.
    lua_setupvalue(L, -2, 1);
}

// With the chunk at the top.
static void choose_globals(lua_State *L, lwb_eval *eval) {
    const lwb_setup *setup = &eval->setup;
    lwb_context *context = eval->context;
    if (context->options.is_shared && !setup->shares_globals) {
        lay_globals_over(L, eval);
    } else if (!context->is_seeded) {
        lwb_seed_random(L, setup->random_seed);
        context->is_seeded = true;
    }
}

static void give_globals(lua_State *L, lwb_eval *eval) {
    const lwb_setup *setup = &eval->setup;
    if (setup->globals == NULL) return;
    lwb_push_globals(L, eval);
    lwb_set_globals_at_top(L, setup->globals, setup->keep_nulls);
    lua_pop(L, 1);
}

void lwb_forget_input(lwb_eval *eval) {
    json_decref(eval->setup.globals);
    json_decref(eval->setup.args);
    eval->setup.globals = eval->setup.args = NULL;
}

static int push_arguments(lua_State *L, const lwb_eval *eval) {
    const lwb_setup *setup = &eval->setup;
    size_t count = setup->args == NULL ? 0 : json_array_size(setup->args);
    lwb_check_stack(L, (int)count + 1, "too many arguments");
    for (size_t i = 0; i < count; i++)
        lwb_push_json(L, json_array_get(setup->args, i), setup->keep_nulls);
    return (int)count;
}

// Calls itself so many times, for what Lua keeps of that: room on the stack, and for the calls themselves.
static int make_room_for_calls(lua_State *L) {
    lua_Integer left = lua_tointeger(L, 1);
    if (left == 0) return 0;
    lua_pushcfunction(L, make_room_for_calls);
    lua_pushinteger(L, left - 1);
    lua_call(L, 1, 0);
    return 0;
}

// What an eval needs before the script's own code runs, which in a full context comes out of the reserve. `compiled` becomes
// Lua's status; the chunk, or an error, is at the top.
static void begin_script(lua_State *L, lwb_eval *eval) {
    enum { CALLS = 8 };
    lwb_context *context = eval->context;
    const lwb_script script = {eval->setup.script, eval->setup.script_length, eval->chunk_name, INT64_MAX};
    eval->compiled = lwb_compile(L, &script);
    if (eval->compiled != LUA_OK) return;
    choose_globals(L, eval);
    if (!context->beginning || !lwb_is_nearly_full(context)) return;
    lua_pushcfunction(L, make_room_for_calls);
    lua_pushinteger(L, CALLS);
    lua_call(L, 1, 0);
}

// The first function of an eval's coroutine. The script is called protected, so that an error closes its variables, whose
// __close may wait on the host like anything else; with a message handler, because after that the place of the error is
// gone.
static int run_script(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    lwb_eval *eval = context->current;
    lua_pushcfunction(L, lwb_note_error);
    begin_script(L, eval);
    context->beginning = false;
    if (eval->compiled != LUA_OK) return lua_error(L);
    give_globals(L, eval);
    int arguments = push_arguments(L, eval);
    // It has them as values of its own, which are counted.
    lwb_forget_input(eval);
    return script_done(L, lua_pcallk(L, arguments, LUA_MULTRET, 1, 0, script_done), 0);
}

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
    lwb_set_held_up(coroutine, true);         // nobody resumes it but lwb_eval_resume
    lua_pushcfunction(coroutine, run_script); // a light C function: does not allocate
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
        lwb_set_failure(context, LWB_FAILURE_MEMORY, "not enough memory");
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
        lwb_set_failure(context, LWB_FAILURE_MEMORY, "not enough memory");
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
        describe_compilation(context, status, eval->compiled, eval->chunk_name);
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
    context->beginning = context->options.is_shared && !eval->has_begun; // for run_script to end
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
            // It has been left where it was; or it was at the end of a slice when the order came, and has nothing to tell.
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
