// What an eval lends to others.
#ifndef LUAWAIT_BRIDGE_EVAL_H
#define LUAWAIT_BRIDGE_EVAL_H

#include "core/eval_record.h"

#include <jansson.h>
#include <lua.h>

// Lets go of the globals and arguments that the eval still has as JSON. Does not raise.
void lwb_forget_input(lwb_eval *eval);
// Sets the members of an object as globals, in the table that is at the top.
void lwb_set_globals_at_top(lua_State *L, const json_t *globals, bool keep_nulls);

#endif
