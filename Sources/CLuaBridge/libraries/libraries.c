// Libraries for trusted scripts, which reach out of their world: files, processes, modules, the interpreter's own
// insides. What would take away the stop of a running script stays out even here.
#include "libraries/libraries.h"

#include "CLuaBridge.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/eval_record.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static bool has(unsigned libraries, lwb_library library) {
    return libraries & library;
}

// loadfile, with the globals of the eval: Lua's own, the upvalue, knows the context's alone.
static int load_file(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    lwb_check_c_stack(L); // Lua reads the file into a buffer there
    bool has_globals = lua_gettop(L) >= 3;
    lua_settop(L, has_globals ? 3 : 2);
    if (!has(context->options.libraries, LWB_LIBRARY_BYTECODE)) {
        lua_pushliteral(L, "t");
        lua_replace(L, 2);
    }
    if (!has_globals) lwb_push_globals(L, context->current);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 3, LUA_MULTRET);
    return lua_gettop(L);
}

static int file_done(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    return lua_gettop(L) - 1;
}

// dofile: a call of loadfile, the upvalue, and of what it gives, which may wait on the host.
static int do_file(lua_State *L) {
    lwb_check_c_stack(L);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) return lua_error(L);
    lua_pop(L, 1);
    lua_callk(L, 0, LUA_MULTRET, 0, file_done);
    return file_done(L, LUA_OK, 0);
}

// A call of Lua's own, the upvalue: what looks for a module and what it contains are code of the script's.
static int require(lua_State *L) {
    lwb_check_c_stack(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

// Opens a library of Lua's as a global, and pushes its table.
static void open(lua_State *L, const char *name, lua_CFunction opener) {
    luaL_requiref(L, name, opener, 1);
}

static void remove_field(lua_State *L, const char *name) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

static void open_io(lua_State *L) {
    open(L, LUA_IOLIBNAME, luaopen_io);
    lua_pop(L, 1);
    // A finalizer of files that a script wrote would run where nothing can stop it.
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    // Left there by the sandbox.
    lua_getglobal(L, "loadfile");
    lua_pushcclosure(L, load_file, 1);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "loadfile");
    lua_pushcclosure(L, do_file, 1);
    lua_setglobal(L, "dofile");
}

static void open_debug(lua_State *L) {
    open(L, LUA_DBLIBNAME, luaopen_debug);
    // A running script is stopped by a hook.
    remove_field(L, "sethook");
    remove_field(L, "gethook");
    lua_pop(L, 1);
}

// ---- Modules in C --------------------------------------------------------------------------------------------------
//
// They want the symbols of the system's liblua. Beside the bundled one that would be a second Lua in the process,
// working on states of the first.

static const char no_c_modules[] = "modules in C cannot be loaded: this build of Luawait has a Lua of its own inside "
                                   "(one built with LUA=system can)";

static int refuse_library(lua_State *L) {
    lua_pushnil(L);
    lua_pushstring(L, no_c_modules);
    lua_pushliteral(L, "absent"); // as Lua says it where it cannot load any
    return 3;
}

// One of package.searchers: a text says why nothing was found.
static int search_in_vain(lua_State *L) {
    lua_pushstring(L, no_c_modules);
    return 1;
}

// With the table `package` at the top. Of its searchers the last two look for modules in C.
static void refuse_c_modules(lua_State *L) {
    lua_pushcfunction(L, refuse_library);
    lua_setfield(L, -2, "loadlib");
    lua_getfield(L, -1, "searchers");
    lua_pushcfunction(L, search_in_vain);
    lua_seti(L, -2, 3);
    lua_pushnil(L);
    lua_seti(L, -2, 4);
    lua_pop(L, 1);
}

static void open_package(lua_State *L) {
    open(L, LUA_LOADLIBNAME, luaopen_package);
    if (lwb_lua_is_bundled()) refuse_c_modules(L);
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushcclosure(L, require, 1);
    lua_setglobal(L, "require");
}

void lwb_open_libraries(lua_State *L, unsigned libraries) {
    if (has(libraries, LWB_LIBRARY_IO)) open_io(L);
    if (has(libraries, LWB_LIBRARY_DEBUG)) open_debug(L);
    if (has(libraries, LWB_LIBRARY_PACKAGE)) open_package(L);
}
