// The script's `coroutine` table. It does what Lua's own does, and two things more:
//
// - A park or a slice inside a coroutine travels: the resumer, seeing that the coroutine did not yield of its own will,
//   yields to its own resumer in turn, until lwb_eval_resume has it. On the way back each resumer resumes its coroutine
//   again, without the script noticing. So a host call works in any coroutine.
// - The context always knows which coroutine is running, because a stop must set its hook on that one; and whether a
//   yield can travel all the way out, because a resumer inside a reader of load cannot pass it on.
//
// A yield is a longjmp, after which the processor has predicted the place of each return up to the resumer's function
// wrongly: between lua_resume and the script there is one frame, not three, because the functions of the way are
// inlined.
#include "libraries/coroutine_library.h"

#include "CLuaBridge.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/coroutine_limit.h"
#include "core/eval_record.h"
#include "core/stack_reserve.h"
#include "stop/preemption.h"

#include <lauxlib.h>
#include <lua.h>

typedef enum mode { MODE_RESUME, MODE_WRAP } mode;

#define ON_THE_WAY __attribute__((always_inline)) static inline

static bool is_main(lua_State *L) {
    const lwb_context *context = lwb_context_of(L);
    return context->current != NULL && context->current->coroutine == L;
}

static lua_State *check_coroutine(lua_State *L, int index) {
    lua_State *coroutine = lua_tothread(L, index);
    luaL_argexpected(L, coroutine != NULL, index, "coroutine");
    return coroutine;
}

static const char *status_of(lua_State *L, lua_State *coroutine) {
    if (L == coroutine) return "running";
    if (lwb_is_held_up(coroutine)) return "normal";
    switch (lua_status(coroutine)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK: {
        lua_Debug frame;
        if (lua_getstack(coroutine, 0, &frame)) return "normal";
        return lua_gettop(coroutine) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
    }
}

// Closes a coroutine's pending variables: their __close handlers run in it, where nothing can yield.
static int reset(lua_State *L, lua_State *coroutine) {
    lwb_context *context = lwb_context_of(L);
    bool could_travel = context->can_travel;
    context->can_travel = false;
    lwb_set_running(context, coroutine);
    int status = lua_resetthread(coroutine);
    context->can_travel = could_travel;
    lwb_set_running(context, L);
    lwb_check_stop(L, context);
    return status;
}

static int finish_failed(lua_State *L, lua_State *coroutine, int status, mode mode) {
    if (mode == MODE_RESUME) {
        lua_pushboolean(L, 0);
        lua_xmove(coroutine, L, 1);
        return 2;
    }
    // As Lua's coroutine.wrap: the coroutine is closed, and a text gets the position of the caller in front.
    if (status != LUA_OK && status != LUA_YIELD) {
        reset(L, coroutine);
        lua_xmove(coroutine, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int raise_too_many_results(lua_State *L, mode mode) {
    lua_pushliteral(L, "too many results to resume");
    if (mode == MODE_WRAP) return lua_error(L);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int driven(lua_State *L, int status, lua_KContext context);

// Resumes, and goes on resuming after parks and slices. `arguments` values are on the coroutine's stack.
ON_THE_WAY int drive(lua_State *L, lua_State *coroutine, int arguments, mode mode) {
    lwb_context *context = lwb_context_of(L);
    bool could_travel = context->can_travel;
    int results = 0;
    context->can_travel = could_travel && lua_isyieldable(L);
    lwb_set_running(context, coroutine);
    int status = lua_resume(coroutine, L, arguments, &results);
    context->can_travel = could_travel;
    lwb_set_running(context, L);
    bool is_held_up = status == LUA_YIELD && context->yield != LWB_YIELD_SCRIPT;
    // First of all: another eval may find a coroutine whose resumer a stop has unwound.
    if (is_held_up) lwb_set_held_up(coroutine, true);
    lwb_check_stop(L, context);
    if (is_held_up) return lua_yieldk(L, 0, mode, driven);
    if (status != LUA_OK && status != LUA_YIELD) return finish_failed(L, coroutine, status, mode);
    // What resume and wrapped functions have been called with has left the stack, but for one: there is room for a few.
    if (results + 2 > LUA_MINSTACK && !lwb_reserve_stack(L, L, results + 1)) {
        lua_settop(coroutine, -results - 1);
        return raise_too_many_results(L, mode);
    }
    if (mode == MODE_RESUME) lua_pushboolean(L, 1);
    lua_xmove(coroutine, L, results);
    return results + (mode == MODE_RESUME ? 1 : 0);
}

static int driven(lua_State *L, int status, lua_KContext context) {
    (void)status;
    // One that was parked on a larger stack stays held up for good: whoever catches this must not resume it in
    // mid-call.
    lwb_check_c_stack(L);
    lua_State *coroutine = context == MODE_WRAP ? lua_tothread(L, lua_upvalueindex(1)) : lua_tothread(L, 1);
    lwb_set_held_up(coroutine, false);
    return drive(L, coroutine, 0, (mode)context);
}

// One that has not begun, or waits in coroutine.yield: in a C function, which has room for a few values to begin with.
static bool has_room_for_arguments(lua_State *L, lua_State *coroutine, int count) {
    return lua_gettop(coroutine) + count < LUA_MINSTACK || lwb_reserve_stack(L, coroutine, count);
}

static bool can_be_resumed(lua_State *L, lua_State *coroutine) {
    if (lua_status(coroutine) == LUA_YIELD) return !lwb_is_held_up(coroutine);
    return status_of(L, coroutine)[0] == 's';
}

static void push_why_not(lua_State *L, lua_State *coroutine) {
    const char *status = status_of(L, coroutine);
    lua_pushfstring(L, "cannot resume %s coroutine", status[0] == 'd' ? "dead" : "non-suspended");
}

// Moves `arguments` values to the coroutine and starts driving it; or pushes why that is impossible and returns -1.
ON_THE_WAY int start_driving(lua_State *L, lua_State *coroutine, int arguments, mode mode) {
    lwb_check_c_stack(L);
    if (!can_be_resumed(L, coroutine)) {
        push_why_not(L, coroutine);
        return -1;
    }
    if (arguments > 0) {
        if (!has_room_for_arguments(L, coroutine, arguments)) {
            lua_pushliteral(L, "too many arguments to resume");
            return -1;
        }
        lua_xmove(L, coroutine, arguments);
    }
    return drive(L, coroutine, arguments, mode);
}

static int co_resume(lua_State *L) {
    lua_State *coroutine = check_coroutine(L, 1);
    int pushed = start_driving(L, coroutine, lua_gettop(L) - 1, MODE_RESUME);
    if (pushed >= 0) return pushed;
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int wrapped(lua_State *L) {
    lua_State *coroutine = lua_tothread(L, lua_upvalueindex(1));
    int pushed = start_driving(L, coroutine, lua_gettop(L), MODE_WRAP);
    if (pushed >= 0) return pushed;
    return finish_failed(L, coroutine, LUA_OK, MODE_WRAP);
}

static int co_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lwb_admit_coroutine(L);
    lua_State *coroutine = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, coroutine, 1);
    return 1;
}

static int co_wrap(lua_State *L) {
    co_create(L);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

static int co_yield(lua_State *L) {
    // The script's main coroutine is one to Lua, but not to the script.
    if (is_main(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    lwb_context_of(L)->yield = LWB_YIELD_SCRIPT;
    return lua_yield(L, lua_gettop(L));
}

static int co_status(lua_State *L) {
    lua_pushstring(L, status_of(L, check_coroutine(L, 1)));
    return 1;
}

static int co_running(lua_State *L) {
    lua_pushthread(L);
    lua_pushboolean(L, is_main(L));
    return 2;
}

static int co_isyieldable(lua_State *L) {
    lua_State *coroutine = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, !is_main(coroutine) && lua_isyieldable(coroutine));
    return 1;
}

static int co_close(lua_State *L) {
    lua_State *coroutine = check_coroutine(L, 1);
    const char *status = status_of(L, coroutine);
    if (status[0] != 'd' && status[0] != 's') return luaL_error(L, "cannot close a %s coroutine", status);
    // Lua begins to count C calls anew in it.
    lwb_check_c_stack(L);
    if (reset(L, coroutine) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(coroutine, L, 1);
    return 2;
}

void lwb_open_coroutine(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", co_create}, {"resume", co_resume}, {"running", co_running}, {"status", co_status},
        {"wrap", co_wrap},     {"yield", co_yield},   {"close", co_close},     {"isyieldable", co_isyieldable},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
}
