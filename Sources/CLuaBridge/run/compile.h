// Compiling Lua source, so that it can be stopped.
#ifndef LUAWAIT_BRIDGE_COMPILE_H
#define LUAWAIT_BRIDGE_COMPILE_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lwb_script {
    const char *text;
    size_t length;
    const char *chunk_name; // as messages show it
    int64_t cpu_end_ns;     // of this thread's processor time, for what runs outside an eval; INT64_MAX: no end
} lwb_script;

// Pushes the compiled script, and returns LUA_OK; or the error, and returns Lua's status. An expression is compiled as
// one that is returned, as Lua's REPL does. Raises when the eval is condemned, or out of memory for the chunk's name.
int lwb_compile(lua_State *L, const lwb_script *script);

// `load` of scripts.
int lwb_load(lua_State *L);

#endif
