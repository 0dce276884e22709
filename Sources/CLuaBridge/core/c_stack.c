// The budget of the C stack.
//
// Lua counts calls through C, and ends at 200 of them; but a coroutine that is closed begins to count anew, and 200
// calls of string.gsub with their buffers do not fit into the stack of every thread. So whatever of the bridge may call
// a script's or the host's code from C looks first whether enough is left: for all that Lua nests by itself until it
// counts to 200 or comes to the next such place, and for what library functions need that call nobody. How much a level
// of Lua's takes depends on its version and its compiler, and is measured once.
//
// Where the end of the stack is, is found out at each resume: a script may go on on another thread. A fiber's stack is
// nobody's thread's: there a script has FIBER_BUDGET.
#include "core/c_stack.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/thread_stack.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { FIBER_BUDGET = 200 * 1024 };

// Lua's own limit: LUAI_MAXCCALLS, which none of its public headers has.
enum { LEVELS_OF_LUA = 200 };

// For functions that nest nothing: one that formats numbers or dates, what raises and describes an error, a symbol that
// the dynamic linker looks up at its first call, and the frame of a signal on top. About 4 KiB each.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_OF_LEAVES (64 * 1024)
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_OF_LEAVES (64 * 1024)
#endif
#ifndef STACK_OF_LEAVES
#define STACK_OF_LEAVES (14 * 1024)
#endif

// ---- How much Lua needs --------------------------------------------------------------------------------------------

enum { LEVELS_MEASURED = 10 };

typedef struct measurement {
    uintptr_t begun;
    size_t most; // bytes of a level, of the kind that takes most so far
    int pieces;
} measurement;

static void take(measurement *taken, bool begins) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (begins) {
        taken->begun = here;
    } else if ((taken->begun - here) / LEVELS_MEASURED > taken->most) {
        taken->most = (taken->begun - here) / LEVELS_MEASURED;
    }
}

// What Lua can nest without a function of the bridge in between: `measure(n)` is called with n more levels to come.
static const char nestings[] =
    "local measure, t, mt, n = ...\n"
    "function mt.__index(t, n) measure(n) if n > 0 then return t[n - 1] end end\n"
    "function mt.__add(t, n) measure(n) if n > 0 then return t + (n - 1) end end\n"
    "function mt.__concat(t, n) measure(n) if n > 0 then return t .. (n - 1) end end\n"
    "function mt.__lt(t, n) measure(n) if n > 0 then return t < n - 1 end end\n"
    "local function iterate(_, n) measure(n) if n > 0 then for _ in iterate, nil, n - 1 do end end end\n"
    "local left = n\n"
    "function mt.__close() measure(left) if left > 0 then left = left - 1 local c <close> = t end end\n"
    "local _ = t[n], t + n, t .. n, t < n, iterate(nil, n)\n"
    "local c <close> = t\n";

static int measure(lua_State *L) {
    lua_Integer left = lua_tointeger(L, 1);
    if (left == LEVELS_MEASURED || left == 0) take(lua_touserdata(L, lua_upvalueindex(1)), left != 0);
    return 0;
}

// The compiler has a function inside a function for each piece it has asked for.
static const char *read_function(lua_State *L, void *data, size_t *length) {
    static const char text[] = "local function f() ";
    enum { FIRST_MEASURED = 2, LAST_MEASURED = FIRST_MEASURED + LEVELS_MEASURED };
    measurement *taken = data;
    (void)L;
    taken->pieces += 1;
    if (taken->pieces == FIRST_MEASURED || taken->pieces == LAST_MEASURED) take(taken, taken->pieces == FIRST_MEASURED);
    *length = taken->pieces > LAST_MEASURED ? 0 : sizeof text - 1;
    return text;
}

static int measure_all(lua_State *L) {
    measurement *taken = lua_touserdata(L, 1);
    lua_load(L, read_function, taken, "=measure", "t"); // an error of syntax: they do not end
    lua_settop(L, 1);
    if (luaL_loadbufferx(L, nestings, sizeof nestings - 1, "=measure", "t") != LUA_OK) return lua_error(L);
    lua_pushlightuserdata(L, taken);
    lua_pushcclosure(L, measure, 1);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setmetatable(L, -3);
    lua_pushinteger(L, LEVELS_MEASURED);
    lua_call(L, 4, 0);
    return 0;
}

static void *allocate(void *unused, void *block, size_t old_size, size_t new_size) {
    (void)unused, (void)old_size;
    if (new_size != 0) return realloc(block, new_size);
    free(block);
    return NULL;
}

size_t lwb_c_stack_margin(void) {
    static _Atomic size_t known;
    if (known != 0) return known;
    lua_State *L = lua_newstate(allocate, NULL);
    if (L == NULL) return 0;
    measurement taken = {0};
    lua_pushcfunction(L, measure_all);
    lua_pushlightuserdata(L, &taken);
    int status = lua_pcall(L, 1, 0, 0);
    lua_close(L);
    if (status != LUA_OK) return 0;
    return known = taken.most * LEVELS_OF_LUA + STACK_OF_LEAVES;
}

// ---- How much there is ---------------------------------------------------------------------------------------------

void lwb_find_c_stack(lwb_context *context) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    lwb_thread_stack stack = lwb_find_thread_stack();
    bool is_fiber = here < stack.low || here >= stack.high;
    context->c_stack_limit = (is_fiber ? here - FIBER_BUDGET : stack.low) + context->c_stack_margin;
}

int lwb_push_c_stack_overflow(lua_State *L) {
    lua_pushstring(L, lwb_c_stack_overflow);
    lwb_push_error_object(L, "limit", NULL);
    return 1;
}

int lwb_raise_c_stack_overflow(lua_State *L) {
    lwb_push_c_stack_overflow(L);
    return lua_error(L);
}

const char lwb_c_stack_overflow[] = "C stack overflow"; // as Lua says it
