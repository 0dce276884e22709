// The script's `json`.
#ifndef LUAWAIT_BRIDGE_JSON_LIBRARY_H
#define LUAWAIT_BRIDGE_JSON_LIBRARY_H

#include <lua.h>

// Pushes the table.
void lwb_open_json(lua_State *L);

#endif
