// From JSON to values of Lua.
#ifndef LUAWAIT_BRIDGE_JSON_DECODE_H
#define LUAWAIT_BRIDGE_JSON_DECODE_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>

// Pushes the value.
void lwb_push_json(lua_State *L, const json_t *value, bool keep_nulls);
// Sets the members of an object in the table that is at the top.
void lwb_set_members(lua_State *L, const json_t *object, bool keep_nulls);

#endif
