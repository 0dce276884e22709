// Elements of tables as Lua reads and writes them, with metamethods called in a way that can yield: Lua's own lua_geti
// and lua_seti call them where nothing can.
#include "tables/table_element.h"

#include "core/stack_reserve.h"

#include <lauxlib.h>
#include <lua.h>

// As in Lua, against loops of __index and __newindex.
enum { MAX_CHAIN = 2000 };

// How far lwb_is_plain follows a chain: classes and their bases. What lies deeper is only taken for slower than it is.
enum { MAX_CLASSES = 8 };

static bool may_call(lua_State *L, int index, const char *event) {
    int top = lua_gettop(L);
    bool may = true;
    lua_pushvalue(L, index);
    for (int i = 0; may && i < MAX_CLASSES; i++) {
        int type = luaL_getmetafield(L, -1, event);
        if (type == LUA_TFUNCTION) break;
        // A value without the field: a table keeps its own elements, anything else is an error. Neither calls.
        if (type == LUA_TNIL) may = false;
    }
    lua_settop(L, top);
    return may;
}

bool lwb_is_plain(lua_State *L, int index) {
    if (!lua_istable(L, index)) return false;
    if (!lua_getmetatable(L, index)) return true;
    lua_pop(L, 1);
    if (luaL_getmetafield(L, index, "__len") != LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    return !may_call(L, index, "__index") && !may_call(L, index, "__newindex");
}

static bool has_metafield(lua_State *L, int index, const char *name) {
    if (luaL_getmetafield(L, index, name) == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

void lwb_check_table(lua_State *L, int index, int uses) {
    if (lua_istable(L, index)) return;
    bool has_all = (!(uses & LWB_READS) || has_metafield(L, index, "__index")) &&
                   (!(uses & LWB_WRITES) || has_metafield(L, index, "__newindex")) &&
                   (!(uses & LWB_MEASURES) || has_metafield(L, index, "__len"));
    if (!has_all) luaL_checktype(L, index, LUA_TTABLE);
}

// With the owner of the metafield and the metafield on top: goes on with the metafield as the value to be indexed.
static void follow(lua_State *L) {
    lua_remove(L, -2);
}

static int raise_chain(lua_State *L, const char *event) {
    return luaL_error(L, "'%s' chain too long; possibly a loop", event);
}

bool lwb_begin_get(lua_State *L, int index, lua_Integer key) {
    lwb_check_stack(L, 4, NULL);
    lua_pushvalue(L, index);
    for (int i = 0; i < MAX_CHAIN; i++) {
        if (lua_istable(L, -1)) {
            if (lua_rawgeti(L, -1, key) != LUA_TNIL || luaL_getmetafield(L, -2, "__index") == LUA_TNIL) {
                lua_remove(L, -2);
                return true;
            }
            lua_remove(L, -2); // the nil
        } else if (luaL_getmetafield(L, -1, "__index") == LUA_TNIL) {
            lua_geti(L, -1, key); // raises, in Lua's own words
        }
        if (lua_isfunction(L, -1)) {
            lua_insert(L, -2);
            lua_pushinteger(L, key);
            return false;
        }
        follow(L);
    }
    return raise_chain(L, "__index");
}

bool lwb_begin_set(lua_State *L, int index, lua_Integer key) {
    lwb_check_stack(L, 4, NULL);
    lua_pushvalue(L, index);
    for (int i = 0; i < MAX_CHAIN; i++) {
        if (lua_istable(L, -1)) {
            bool present = lua_rawgeti(L, -1, key) != LUA_TNIL;
            lua_pop(L, 1);
            if (present || luaL_getmetafield(L, -1, "__newindex") == LUA_TNIL) {
                lua_insert(L, -2);
                lua_rawseti(L, -2, key);
                lua_pop(L, 1);
                return true;
            }
        } else if (luaL_getmetafield(L, -1, "__newindex") == LUA_TNIL) {
            lua_pushnil(L);
            lua_seti(L, -2, key); // raises
        }
        if (lua_isfunction(L, -1)) {
            // value, table, function → function, table, key, value
            lua_insert(L, -3);
            lua_insert(L, -2);
            lua_pushinteger(L, key);
            lua_insert(L, -2);
            return false;
        }
        follow(L);
    }
    return raise_chain(L, "__newindex");
}

bool lwb_begin_length(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TSTRING || luaL_getmetafield(L, index, "__len") == LUA_TNIL) {
        lua_len(L, index); // calls nothing, but may raise
        return true;
    }
    lua_pushvalue(L, index);
    lua_pushvalue(L, index); // Lua gives the operand twice
    return false;
}

bool lwb_begin_equal(lua_State *L, int a, int b) {
    // Lua asks no __eq of two values that are the same, of different types, or neither tables nor full userdata.
    bool may_ask = !lua_rawequal(L, a, b) && lua_type(L, a) == lua_type(L, b) &&
                   (lua_istable(L, a) || lua_type(L, a) == LUA_TUSERDATA);
    if (!may_ask || (luaL_getmetafield(L, a, "__eq") == LUA_TNIL && luaL_getmetafield(L, b, "__eq") == LUA_TNIL)) {
        lua_pushboolean(L, lua_rawequal(L, a, b));
        return true;
    }
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    return false;
}

lua_Integer lwb_check_length(lua_State *L) {
    int is_integer;
    lua_Integer length = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer) return luaL_error(L, "object length is not an integer");
    lua_pop(L, 1);
    return length;
}
