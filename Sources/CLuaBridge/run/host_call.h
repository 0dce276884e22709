// Calls of host functions, and what the host answers.
#ifndef LUAWAIT_BRIDGE_HOST_CALL_H
#define LUAWAIT_BRIDGE_HOST_CALL_H

#include "CLuaBridge.h"

#include <lua.h>

void lwb_define_functions(lua_State *L, const lwb_function *functions, size_t count);
// Pushes `context->held` as a value and releases it.
void lwb_push_held(lua_State *L, lwb_context *context);

#endif
