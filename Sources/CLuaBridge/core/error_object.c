// What a script catches when a host call fails: a table with type, message, function, host_type and data, which
// behaves like its message where text is wanted.
#include "core/error_object.h"

#include "core/c_stack.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdarg.h>

// __tostring. Reads raw: a script may have changed the fields, but no code of its own runs here.
static int error_to_string(lua_State *L) {
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TTABLE) return luaL_error(L, "an error object expected");
    lua_pushliteral(L, "message");
    lua_rawget(L, 1);
    if (!lua_isstring(L, -1)) lua_pushliteral(L, "(error without a message)");
    return 1;
}

// __concat: "failed: " .. err, which every handler written for string errors does.
static int error_concat(lua_State *L) {
    lwb_check_c_stack(L); // the other operand may have a __tostring
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

void lwb_open_error_object(lua_State *L) {
    luaL_newmetatable(L, LWB_ERROR_METATABLE);
    lua_pushcfunction(L, error_to_string);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, error_concat);
    lua_setfield(L, -2, "__concat");
    // A script that could replace these would change what the host is told of its other errors.
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void lwb_push_error_object(lua_State *L, const char *type, const char *function) {
    lua_createtable(L, 0, 5);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
    if (function != NULL) {
        lua_pushstring(L, function);
        lua_setfield(L, -2, "function");
    }
    luaL_setmetatable(L, LWB_ERROR_METATABLE);
}

int lwb_raise_error(lua_State *L, const char *type, const char *function, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    lua_pushvfstring(L, format, arguments);
    va_end(arguments);
    lwb_push_error_object(L, type, function);
    return lua_error(L);
}
