// Globals in a context that many evals share. Each eval has a table of its own, layered over what the context has: what it
// sets, nobody else sees. What was there at the beginning, the libraries above all, it gets as a copy of its own when it
// first asks, so that a script that changes `string` changes it for itself. An eval that shares the context's globals uses
// those, and what it sets there all others see, unless the name was there at the beginning.
#include "internal.h"

static const char pristine;        // its address is the key in the registry: what was there at the beginning
static const char layered_globals; // likewise: the metatable of an eval's globals

enum { DEEPEST_COPY = 16 }; // host functions have names of a few parts; more is no library

// Pushes a copy of the table at `index`, with copies of the tables in it.
static void push_copy(lua_State *L, int index, int depth) {
    lwb_check_stack(L, 6, "libraries");
    index = lua_absindex(L, index);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pushvalue(L, -2);
        if (lua_istable(L, -2) && depth < DEEPEST_COPY) {
            push_copy(L, -2, depth + 1);
        } else {
            lua_pushvalue(L, -2);
        }
        lua_rawset(L, -5);
        lua_pop(L, 1);
    }
    if (lua_getmetatable(L, index)) lua_setmetatable(L, -2);
}

// __index of an eval's globals: what was there at the beginning, kept from now on; or what the context has by now.
static int find_global(lua_State *L) {
    lua_settop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pristine);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 3) != LUA_TNIL) {
        if (lua_istable(L, -1)) push_copy(L, -1, 0);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, -2);
        lua_rawset(L, 1);
        return 1;
    }
    lua_pushglobaltable(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

void lwb_keep_pristine(lua_State *L) {
    lua_pushglobaltable(L);
    lua_pushnil(L);
    lua_setfield(L, -2, LUA_GNAME); // no library, and each eval has its own
    // Modules are the context's, and package.loaded leads back to everything.
    lua_getfield(L, -1, LUA_LOADLIBNAME);
    lua_insert(L, -2);
    lua_pushnil(L);
    lua_setfield(L, -2, LUA_LOADLIBNAME);
    push_copy(L, -1, 0);
    // Methods of strings come from where no script can reach: ("x"):rep() is nobody's to change.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, LUA_STRLIBNAME);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &pristine);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_insert(L, -2);
    lua_setfield(L, -2, LUA_LOADLIBNAME);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, find_global);
    lua_setfield(L, -2, "__index");
    // A script that could change this would look into the globals of others.
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &layered_globals);
}

void lwb_push_layered_globals(lua_State *L) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &layered_globals);
    lua_setmetatable(L, -2);
}

void lwb_push_globals(lua_State *L, const lwb_eval *eval) {
    if (eval->globals == LUA_NOREF) {
        lua_pushglobaltable(L);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, eval->globals);
    }
}
