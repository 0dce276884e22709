// tostring, ipairs, pairs, next and pcall: what Lua's own do, but a __tostring and an __index that they call may wait
// on the host; and an error that pcall catches, and a step through a table, are work that few instructions do.
//
// Left to Lua: select (its arguments are on the stack already), and whatever else calls __tostring and __name: print,
// string.format's %s, error messages. There a host call cannot wait.
#include "libraries/base_library.h"

#include "core/c_stack.h"
#include "core/context_record.h"
#include "stop/preemption.h"
#include "tables/table_element.h"

#include <lauxlib.h>
#include <lua.h>

static int described(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    if (!lua_isstring(L, -1)) return luaL_error(L, "'__tostring' must return a string");
    lua_tostring(L, -1); // a number becomes one
    return 1;
}

static int to_string(lua_State *L) {
    luaL_checkany(L, 1);
    int type = lua_type(L, 1);
    bool may_call = type == LUA_TTABLE || type == LUA_TUSERDATA;
    if (!may_call || luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
        luaL_tolstring(L, 1, NULL);
        return 1;
    }
    lwb_check_c_stack(L);
    lua_pushvalue(L, 1);
    lua_callk(L, 1, 1, 0, described);
    return described(L, LUA_OK, 0);
}

// With the index and the element on top; a nil ends the loop.
static int given(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    return lua_isnil(L, -1) ? 1 : 2;
}

static lua_Integer push_next_index(lua_State *L) {
    lua_Integer index = (lua_Integer)((lua_Unsigned)luaL_checkinteger(L, 2) + 1);
    lua_pushinteger(L, index);
    return index;
}

// For what calls nothing when it is read.
static int next_plain_element(lua_State *L) {
    lua_Integer index = push_next_index(L);
    return lua_geti(L, 1, index) == LUA_TNIL ? 1 : 2;
}

static int next_element(lua_State *L) {
    lwb_check_c_stack(L);
    lua_Integer index = push_next_index(L);
    if (!lwb_begin_get(L, 1, index)) lua_callk(L, 2, 1, 0, given);
    return given(L, LUA_OK, 0);
}

static int iterate(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushcfunction(L, lwb_is_plain(L, 1) ? next_plain_element : next_element);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

// A step visits all the empty places up to the next key: of a table that has been emptied, hundreds of thousands.
int lwb_next_pair(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2); // no key is nil: the first one comes next
    lwb_do_work(lwb_context_of(L), LWB_WORK_OF_A_STEP);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

static int pairs_given(lua_State *L, int status, lua_KContext extra) {
    (void)L, (void)status, (void)extra;
    return 3;
}

static int iterate_pairs(lua_State *L) {
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lwb_check_c_stack(L);
        lua_pushvalue(L, 1);
        lua_callk(L, 1, 3, 0, pairs_given);
        return 3;
    }
    lua_pushcfunction(L, lwb_next_pair);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

int lwb_protected_call_done(lua_State *L, int status, lua_KContext below) {
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)below;
    lwb_do_work(lwb_context_of(L), LWB_WORK_OF_A_CAUGHT_ERROR);
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

// An error that Lua's own `error` raises leaves this function by a jump, which ThreadSanitizer does not notice: it
// takes each such call for one level deeper, and has room for 65,536.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LEFT_BY_JUMPS __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef LEFT_BY_JUMPS
#define LEFT_BY_JUMPS
#endif

LEFT_BY_JUMPS static int call_protected(lua_State *L) {
    luaL_checkany(L, 1);
    lwb_check_c_stack(L);
    lua_pushboolean(L, 1); // the first result
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, lwb_protected_call_done);
    return lwb_protected_call_done(L, status, 0);
}

void lwb_check_metatable(lua_State *L) {
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) luaL_error(L, "cannot change a protected metatable");
}

void lwb_add_base_functions(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"ipairs", iterate},       {"next", lwb_next_pair}, {"pairs", iterate_pairs},
        {"pcall", call_protected}, {"tostring", to_string}, {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
