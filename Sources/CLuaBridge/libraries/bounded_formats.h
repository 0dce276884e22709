// Functions of Lua's that do what they do within bounds.
#ifndef LUAWAIT_BRIDGE_BOUNDED_FORMATS_H
#define LUAWAIT_BRIDGE_BOUNDED_FORMATS_H

#include <lua.h>

// Each sets them in the table at the top, which is that of `string`,
void lwb_bound_string_formats(lua_State *L);
// of the globals,
void lwb_look_before_numbers(lua_State *L);
// of `os`.
void lwb_bound_date(lua_State *L);

#endif
