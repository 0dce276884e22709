// The frame below the script: the first function of an eval's coroutine, and what it does before the script's own code
// runs.
//
// It calls the script protected, so that an error closes its variables, whose __close may wait on the host like
// anything else; with a message handler, because after that the place of the error is gone.
#include "run/script_frame.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/eval_record.h"
#include "core/memory.h"
#include "core/stack_reserve.h"
#include "run/compile.h"
#include "run/failure_description.h"
#include "run/sandbox.h"
#include "run/shared_globals.h"
#include "values/json_decode.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>

static int script_done(lua_State *L, int status, lua_KContext extra) {
    (void)extra;
    lwb_context *context = lwb_context_of(L);
    context->describing = false; // if an error in lwb_note_error has skipped its end
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
    context->note.script_status = status;
    return lua_error(L);
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
    lwb_set_members(L, setup->globals, setup->keep_nulls);
    lua_pop(L, 1);
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

// What an eval needs before the script's own code runs, which in a full context comes out of the reserve. `compiled`
// becomes Lua's status; the chunk, or an error, is at the top.
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

int lwb_run_script(lua_State *L) {
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
