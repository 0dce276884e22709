// From values of Lua to JSON, in the context's output.
#ifndef LUAWAIT_BRIDGE_JSON_ENCODE_H
#define LUAWAIT_BRIDGE_JSON_ENCODE_H

#include "CLuaBridge.h"

#include <lua.h>

// Where the encoder is: one entry for each table it is inside of, so that an error can name the path.
typedef struct lwb_path_entry {
    const void *table; // for the search for cycles
    const char *key;   // NULL for an index
    size_t key_length;
    lua_Integer index;
} lwb_path_entry;

// Appends the value at `index` to the context's output. `root` names it in errors, `function` is the host
// function the value goes to (NULL for the script's own result).
void lwb_encode(lua_State *L, lwb_context *context, int index, const char *root, const char *function);
// Appends the values from 1 to the top as an array: root[1], root[2] …
void lwb_encode_all(lua_State *L, lwb_context *context, const char *root, const char *function);
void lwb_append(lua_State *L, lwb_context *context, const char *bytes, size_t length, const char *function);

#endif
