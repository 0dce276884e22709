// A host function as a script sees it: a C closure that parks the coroutine, or asks the host's callback at once.
#include "run/host_call.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/eval_record.h"
#include "stop/interrupt.h"
#include "stop/preemption.h"
#include "stop/stay.h"
#include "values/json_decode.h"
#include "values/json_encode.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

// Upvalues of a host function's closure.
enum { UPVALUE_NAME = 1, UPVALUE_INDEX = 2 };

static const char *function_name(lua_State *L) {
    return lua_tostring(L, lua_upvalueindex(UPVALUE_NAME));
}

void lwb_push_held(lua_State *L, lwb_context *context) {
    if (context->held == NULL) {
        lua_pushnil(L);
        return;
    }
    lwb_push_json(L, context->held, context->current->setup.keep_nulls);
    json_decref(context->held);
    context->held = NULL;
}

// Turns the host's error answer, the table at the top, into the script's error object, and raises it.
static int raise_host_error(lua_State *L, const char *name) {
    int answer = lua_gettop(L);
    lua_getfield(L, answer, "message");
    lwb_push_error_object(L, "host", name);
    lua_getfield(L, answer, "type");
    lua_setfield(L, -2, "host_type");
    lua_getfield(L, answer, "data");
    lua_setfield(L, -2, "data");
    return lua_error(L);
}

// Gives the script what the host answered: `kind` says what `context->held` is.
static int deliver(lua_State *L, lwb_context *context, lwb_answer_kind kind) {
    const char *name = function_name(L);
    lua_settop(L, 0);
    lwb_push_held(L, context);
    switch (kind) {
    case LWB_ANSWER_NONE:
    case LWB_ANSWER_RESULT: return 1;
    case LWB_ANSWER_ERROR: return raise_host_error(L, name);
    case LWB_ANSWER_TIMEOUT: lwb_push_error_object(L, "timeout", name); return lua_error(L);
    case LWB_ANSWER_LIMIT: lwb_push_error_object(L, "limit", name); return lua_error(L);
    case LWB_ANSWER_WITHHELD: break; // the stop has been raised before it comes here
    }
    return luaL_error(L, "unknown kind of answer");
}

// Goes on behind the call when lwb_eval_resume has brought the answer.
static int answered(lua_State *L, int status, lua_KContext kind_is_in_context) {
    (void)status;
    (void)kind_is_in_context;
    lwb_context *context = lwb_context_of(L);
    return deliver(L, context, context->current->answer_kind);
}

// A call that fails is one, too: a script that catches the errors of a million calls has made them.
static void count_call(lua_State *L, lwb_eval *eval) {
    if (eval->calls_left == 0) {
        const char *name = function_name(L);
        lwb_raise_error(L, "limit", name, "%s: more than %I host calls (max_host_calls)", name,
                        (LUAI_UACINT)eval->setup.call_limit);
    }
    eval->calls_left -= 1;
}

// Encodes the arguments: long ones take long, and a loop of calls with such is few instructions.
static void encode_arguments(lua_State *L, lwb_context *context) {
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    lwb_interrupt_look(&interrupt);
    lwb_buffer_clear(&context->output);
    lwb_encode_all(L, context, "arguments", function_name(L));
}

// Asks the host's code and gives the script the answer, on this thread, between Lua's frames.
static int ask(lua_State *L, lwb_callback host, bool waits) {
    lwb_context *context = lwb_context_of(L);
    lwb_eval *eval = context->current;
    lwb_check_c_stack(L);
    encode_arguments(L, context);
    uint32_t index = (uint32_t)lua_tointeger(L, lua_upvalueindex(UPVALUE_INDEX));
    // This is the host's code: no signal may interrupt its system calls. It may also use this context's thread for
    // another engine's scripts, so nothing of ours may be in between.
    lwb_step_out(context);
    lwb_answer answer = host(eval->setup.owner, index, context->output.bytes, context->output.length);
    lwb_step_in(context);
    if (context->held != NULL) json_decref(context->held);
    context->held = answer.value;
    // That there will be no answer is known here, perhaps before the order itself has come.
    if (answer.kind == LWB_ANSWER_WITHHELD) lwb_obey(context, LWB_ORDER_CONDEMN);
    // Its slice begins anew after each wait, so that a script which does little else never comes to the end of one.
    if (waits) lwb_check_budget(context);
    lwb_check_stop(L, context);
    return deliver(L, context, answer.kind);
}

static int call_back(lua_State *L) {
    lwb_eval *eval = lwb_context_of(L)->current;
    count_call(L, eval);
    return ask(L, eval->setup.callback, false);
}

// Pushes where the script is: unlike luaL_where, also when its caller is a function of Lua's, such as pcall.
static void push_place(lua_State *L) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
        return;
    }
    lua_pushliteral(L, "");
}

static int call_by_parking(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    lwb_eval *eval = context->current;
    const char *name = function_name(L);
    const char *obstacle = NULL;
    count_call(L, eval);
    if (!eval->setup.parks) {
        obstacle = "is answered by request, which luawait_eval cannot wait for: use luawait_start";
    } else if (!context->can_travel || !lua_isyieldable(L)) {
        if (eval->setup.wait != NULL) return ask(L, eval->setup.wait, true);
        obstacle = "cannot wait here: it was called from inside a C function that cannot yield "
                   "(a reader of load, a message handler of xpcall, or a __tostring that print or string.format "
                   "calls, say), and the executor has no thread to lend";
    }
    if (obstacle != NULL) {
        push_place(L);
        return lwb_raise_error(L, "runtime", name, "%shost function '%s' %s", lua_tostring(L, -1), name, obstacle);
    }
    encode_arguments(L, context);
    eval->function = (uint32_t)lua_tointeger(L, lua_upvalueindex(UPVALUE_INDEX));
    context->yield = LWB_YIELD_PARK;
    // The arguments are text now; a parked script should not keep them alive.
    lua_settop(L, 0);
    return lua_yieldk(L, 0, 0, answered);
}

// Pushes the table that holds the last part of the dotted name, making tables on the way, and returns that part.
static const char *push_holder(lua_State *L, const char *name) {
    lua_pushglobaltable(L);
    for (const char *dot; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        lua_pushlstring(L, name, (size_t)(dot - name));
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TTABLE) {
            lua_pop(L, 1);
            lua_newtable(L);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    return name;
}

void lwb_define_functions(lua_State *L, const lwb_function *functions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *last = push_holder(L, functions[i].name);
        lua_pushstring(L, last);
        lua_pushstring(L, functions[i].name);
        lua_pushinteger(L, functions[i].index);
        lua_pushcclosure(L, functions[i].is_callback ? call_back : call_by_parking, 2);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
}
