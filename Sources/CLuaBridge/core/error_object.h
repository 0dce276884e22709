// The table a script sees for a failed host call.
#ifndef LUAWAIT_BRIDGE_ERROR_OBJECT_H
#define LUAWAIT_BRIDGE_ERROR_OBJECT_H

#include <lua.h>

#define LWB_ERROR_METATABLE "luawait.error"
void lwb_open_error_object(lua_State *L);
// Takes the message from the top of the stack, leaves the error object there.
void lwb_push_error_object(lua_State *L, const char *type, const char *function);
int lwb_raise_error(lua_State *L, const char *type, const char *function, const char *format, ...);

#endif
