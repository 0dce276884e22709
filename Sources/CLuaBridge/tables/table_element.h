// Elements of tables, as far as they are to be had without calling a function.
#ifndef LUAWAIT_BRIDGE_TABLE_ELEMENT_H
#define LUAWAIT_BRIDGE_TABLE_ELEMENT_H

#include <lua.h>
#include <stdbool.h>

// What a library function does with a table. A value that is none must have a metamethod for each.
enum { LWB_READS = 1, LWB_WRITES = 2, LWB_MEASURES = 4 };

// Raises unless the argument at `index` can be used like that.
void lwb_check_table(lua_State *L, int index, int uses);
// Whether reading and writing elements of the value at `index` is sure to call nothing, as long as nothing is called.
bool lwb_is_plain(lua_State *L, int index);

// Reading t[key] as Lua does, up to the point where a function is to be called. True: the value has been pushed. False:
// the function and its two arguments have been.
bool lwb_begin_get(lua_State *L, int index, lua_Integer key);
// The same of t[key] = value, with the value at the top, which is popped; the function has three arguments.
bool lwb_begin_set(lua_State *L, int index, lua_Integer key);
// The same of #t. What a function gives need not be an integer.
bool lwb_begin_length(lua_State *L, int index);
// The same of a == b.
bool lwb_begin_equal(lua_State *L, int a, int b);
// Takes what the length's function gave.
lua_Integer lwb_check_length(lua_State *L);

#endif
