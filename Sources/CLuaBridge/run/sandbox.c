// What a script finds in its world: Lua's libraries without what reaches out of the world or could not be stopped.
#include "run/sandbox.h"

#include "CLuaBridge.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "libraries/base_library.h"
#include "libraries/bounded_formats.h"
#include "libraries/coroutine_library.h"
#include "libraries/json_library.h"
#include "libraries/string_library.h"
#include "libraries/utf8_library.h"
#include "patterns/string_find.h"
#include "run/compile.h"
#include "run/print.h"
#include "stop/interrupt.h"
#include "tables/table_library.h"
#include "values/array_mark.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

static void remove_fields(lua_State *L, int index, const char *const *names) {
    index = lua_absindex(L, index);
    for (; *names != NULL; names++) {
        lua_pushnil(L);
        lua_setfield(L, index, *names);
    }
}

// setmetatable without finalizers: they would run at a time, and on a stack, that nobody can foresee.
static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    lwb_check_metatable(L);
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "__gc is not available");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

// getmetatable, which does not show the mark of arrays: it is the library's, and a script that could put a __gc into it
// would have finalizers after all.
static int get_metatable(lua_State *L) {
    luaL_checkany(L, 1);
    if (!lua_getmetatable(L, 1)) {
        lua_pushnil(L);
        return 1;
    }
    lwb_push_array_mark(L);
    if (lua_rawequal(L, -1, -2)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pop(L, 1);
    luaL_getmetafield(L, 1, "__metatable");
    return 1;
}

// collectgarbage for looking and collecting; tuning it would be tuning the host.
static int collect_garbage(lua_State *L) {
    static const char *const options[] = {"collect", "count", "step", "isrunning", NULL};
    static const int codes[] = {LUA_GCCOLLECT, LUA_GCCOUNT, LUA_GCSTEP, LUA_GCISRUNNING};
    int code = codes[luaL_checkoption(L, 1, "collect", options)];
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    if (code != LUA_GCCOUNT) lwb_interrupt_look(&interrupt); // a loop of collections is few instructions
    if (code == LUA_GCCOUNT) {
        lua_pushnumber(L, (lua_Number)lua_gc(L, LUA_GCCOUNT) + (lua_Number)lua_gc(L, LUA_GCCOUNTB) / 1024);
    } else if (code == LUA_GCCOLLECT) {
        lua_pushinteger(L, lua_gc(L, code));
    } else {
        lua_pushboolean(L, code == LUA_GCSTEP ? lua_gc(L, code, 0) : lua_gc(L, code));
    }
    return 1;
}

// The message handler of xpcall: the script's own (the upvalue), unless the eval is condemned. Lua calls message
// handlers with hooks off when the error came from a hook, so a handler that loops could not be stopped.
static int handle_message(lua_State *L) {
    const lwb_context *context = lwb_context_of(L);
    if (context->condemned) return 1;
    // Raised, it would come back here, deeper each time.
    if (!lwb_has_c_stack(context)) return lwb_push_c_stack_overflow(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int call_protected_with_handler(lua_State *L) {
    int arguments = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lwb_check_c_stack(L);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1); // the first result
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); // handler at 2, then true, function, arguments
    int status = lua_pcallk(L, arguments - 2, LUA_MULTRET, 2, 2, lwb_protected_call_done);
    return lwb_protected_call_done(L, status, 2);
}

static bool has_library(lua_State *L, lwb_library library) {
    return lwb_context_of(L)->options.libraries & library;
}

static void open_base(lua_State *L) {
    static const char *const unsafe[] = {"dofile", "loadfile", NULL};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    if (!has_library(L, LWB_LIBRARY_IO)) remove_fields(L, -1, unsafe);
    lwb_add_base_functions(L);
    lwb_look_before_numbers(L);
    lua_pop(L, 1);
    lua_register(L, "load", lwb_load);
    lua_register(L, "setmetatable", set_metatable);
    lua_register(L, "getmetatable", get_metatable);
    lua_register(L, "collectgarbage", collect_garbage);
    lua_register(L, "xpcall", call_protected_with_handler);
    lua_register(L, "print", lwb_print_line);
}

static void open_string(lua_State *L) {
    static const char *const unsafe[] = {"dump", NULL};
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    if (!has_library(L, LWB_LIBRARY_BYTECODE)) remove_fields(L, -1, unsafe);
    lwb_replace_patterns(L);
    lwb_add_string_functions(L);
    lwb_bound_string_formats(L);
    // The metatable of strings is shared by every string there is.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 3);
}

// os.setlocale for trusted scripts, as on a system that has no other locale than C: scripts run in that one, and the
// process's is the host's.
static int set_locale(lua_State *L) {
    static const char *const categories[] = {"all", "collate", "ctype", "monetary", "numeric", "time", NULL};
    const char *name = luaL_optstring(L, 1, "C");
    (void)luaL_checkoption(L, 2, "all", categories);
    if (strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0) {
        lua_pushliteral(L, "C");
    } else {
        luaL_pushfail(L);
    }
    return 1;
}

static void open_os(lua_State *L) {
    static const char *const unsafe[] = {"exit", "execute", "getenv", "remove", "rename", "setlocale", "tmpname", NULL};
    static const char *const fatal[] = {"exit", NULL}; // it would end the host
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 1);
    if (has_library(L, LWB_LIBRARY_OS)) {
        remove_fields(L, -1, fatal);
        lua_pushcfunction(L, set_locale);
        lua_setfield(L, -2, "setlocale");
    } else {
        remove_fields(L, -1, unsafe);
    }
    lwb_bound_date(L);
    lua_pop(L, 1);
}

static const char randomseed; // its address is the key in the registry

static void open_math(lua_State *L) {
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    lua_getfield(L, -1, "randomseed");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &randomseed);
    lua_pop(L, 1);
}

// Lua itself seeds with the time in seconds and an address, which the next state may have again.
void lwb_seed_random(lua_State *L, uint64_t seed) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &randomseed);
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
}

// The state of Lua's generator is an upvalue that its two functions share, and a library opened anew has another.
void lwb_renew_random(lua_State *L, uint64_t seed) {
    static const char *const names[] = {"random", "randomseed"};
    lua_pushcfunction(L, luaopen_math);
    lua_call(L, 0, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        lua_getfield(L, -1, names[i]);
        lua_getfield(L, -3, names[i]);
        bool is_luas = lua_tocfunction(L, -1) == lua_tocfunction(L, -2); // and no host function of that name
        lua_pop(L, 1);
        if (is_luas) {
            lua_setfield(L, -3, names[i]);
        } else {
            lua_pop(L, 1);
        }
    }
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}

// Makes the table at the top a library: a global, and a module that is loaded, which is where Lua finds the names that
// messages and tracebacks call functions by.
static void add_library(lua_State *L, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    lua_setglobal(L, name);
}

void lwb_open_sandbox(lua_State *L) {
    open_base(L);
    open_string(L);
    open_os(L);
    lwb_open_table(L);
    lwb_open_utf8(L);
    open_math(L);
    lwb_open_coroutine(L);
    add_library(L, LUA_COLIBNAME);
    lwb_open_json(L);
    add_library(L, "json");
    lwb_open_error_object(L);
}
