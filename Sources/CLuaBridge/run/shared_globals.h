// A context whose evals have globals of their own, laid over what all of them see.
#ifndef LUAWAIT_BRIDGE_SHARED_GLOBALS_H
#define LUAWAIT_BRIDGE_SHARED_GLOBALS_H

#include <jansson.h>
#include <lua.h>

// Keeps a copy of what is there for them, on a new state, and gives all of them the members of `globals`; NULL: none.
void lwb_keep_prototype(lua_State *L, const json_t *globals);
// Pushes new globals of an eval's own.
void lwb_push_overlay(lua_State *L);

#endif
