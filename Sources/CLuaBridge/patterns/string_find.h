// The bridge's find, match, gmatch and gsub.
#ifndef LUAWAIT_BRIDGE_STRING_FIND_H
#define LUAWAIT_BRIDGE_STRING_FIND_H

#include <lua.h>

// Puts them into the table at the top.
void lwb_replace_patterns(lua_State *L);

#endif
