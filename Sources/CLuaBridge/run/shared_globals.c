// Globals in a context that many evals share.
//
// What Lua and the host have given, libraries and values, is kept as a prototype that no script can reach. Each eval
// has a table of its own for its globals, the overlay: what it sets, nobody else sees, and what it asks for by name it
// gets as a copy of the prototype's, made when it first asks. So a script that changes `string` or `config`, or hangs a
// metatable on one, does so for itself. Beside the prototype an overlay shows what evals that share the context's
// globals have set there.
//
// The prototype is a tree: JSON, libraries and the tables of host functions know no other table than those inside them.
// So a copy needs no search for tables that it has met before.
#include "run/shared_globals.h"

#include "core/context_record.h"
#include "core/eval_record.h"
#include "core/stack_reserve.h"
#include "libraries/base_library.h"
#include "run/sandbox.h"
#include "stop/interrupt.h"
#include "values/json_decode.h"

#include <jansson.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

static const char prototype; // its address is the key in the registry
static const char overlay;   // likewise: the metatable of all overlays

// What an element costs to copy, in steps of an interrupt.
enum { ELEMENT_COST = 10 };

// Pushes a copy of the table at `index`, with copies of the tables in it. A host may have given millions of values, so
// this can be stopped.
static void push_copy(lua_State *L, int index, lwb_interrupt *interrupt) {
    lwb_check_stack(L, 6, "globals are nested too deep");
    index = lua_absindex(L, index);
    lua_Unsigned length = lua_rawlen(L, index);
    lua_createtable(L, length > INT_MAX ? INT_MAX : (int)length, 0);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lwb_checkpoint(interrupt, ELEMENT_COST);
        lua_pushvalue(L, -2);
        if (lua_istable(L, -2)) {
            push_copy(L, -2, interrupt);
        } else {
            lua_pushvalue(L, -2);
        }
        lua_rawset(L, -5);
        lua_pop(L, 1);
    }
    // The mark of arrays, which no script can change.
    if (lua_getmetatable(L, index)) lua_setmetatable(L, -2);
}

static void push_copy_at_top(lua_State *L) {
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    push_copy(L, -1, &interrupt);
}

// Whether the global's name at `index` is this one.
static bool is_named(lua_State *L, int index, const char *name) {
    return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), name) == 0;
}

// Gives the overlay at 1, under the name at `name`, a copy of the prototype's value that is at the top, and leaves it
// there.
static void keep_copy(lua_State *L, int name) {
    if (lua_istable(L, -1)) {
        push_copy_at_top(L);
        // Its random numbers are a function's hidden state, which a copy of the table would share.
        if (is_named(L, name, LUA_MATHLIBNAME)) lwb_renew_random(L, lwb_context_of(L)->current->setup.random_seed);
    }
    lua_pushvalue(L, name);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
}

// __index of an overlay: what the prototype has, or else what the context has by now.
static int find_global(lua_State *L) {
    lua_settop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &prototype);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 3) != LUA_TNIL) {
        keep_copy(L, 2);
        return 1;
    }
    lua_pushglobaltable(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

// __pairs of an overlay: pairs(_G) shows what was given as well, so from here on the overlay has all of it.
static int list_globals(lua_State *L) {
    enum { OVERLAY = 1, PROTOTYPE, NAME, VALUE };
    lua_settop(L, OVERLAY);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &prototype);
    lua_pushnil(L);
    while (lua_next(L, PROTOTYPE) != 0) {
        lua_pushvalue(L, NAME);
        bool is_there = lua_rawget(L, OVERLAY) != LUA_TNIL;
        lua_settop(L, VALUE);
        if (!is_there) keep_copy(L, NAME);
        lua_settop(L, NAME);
    }
    lua_pushcfunction(L, lwb_next_pair);
    lua_pushvalue(L, OVERLAY);
    lua_pushnil(L);
    return 3;
}

// Pushes a copy of the globals as Lua and the host's functions have left them.
static void push_prototype(lua_State *L) {
    lua_pushglobaltable(L);
    lua_pushnil(L);
    lua_setfield(L, -2, LUA_GNAME); // no library, and each eval has its own
    // Modules are the context's, and package.loaded leads back to everything.
    lua_getfield(L, -1, LUA_LOADLIBNAME);
    lua_insert(L, -2);
    lua_pushnil(L);
    lua_setfield(L, -2, LUA_LOADLIBNAME);
    push_copy_at_top(L);
    lua_insert(L, -3);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_insert(L, -2);
    lua_setfield(L, -2, LUA_LOADLIBNAME);
    lua_pop(L, 1);
}

void lwb_keep_prototype(lua_State *L, const json_t *globals) {
    push_prototype(L);
    // Methods of strings come from where no script can reach: ("x"):rep() is nobody's to change.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, LUA_STRLIBNAME);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    if (globals != NULL) {
        lwb_set_members(L, globals, false);
        lua_pushglobaltable(L);
        lwb_set_members(L, globals, false);
        lua_pop(L, 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &prototype);
    lua_newtable(L);
    lua_pushcfunction(L, find_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, list_globals);
    lua_setfield(L, -2, "__pairs");
    // A script that could change this would look into the globals of others.
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &overlay);
}

void lwb_push_overlay(lua_State *L) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &overlay);
    lua_setmetatable(L, -2);
}
