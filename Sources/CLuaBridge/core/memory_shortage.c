// What is done where memory is short: room is made, or the lack of it raised.
#include "core/memory_shortage.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/failure.h"
#include "core/memory_place.h"

#include <lua.h>

int lwb_raise_lack_of_memory(lua_State *L) {
    // Lua makes its memory error of exactly this text, which it keeps ready: pushing it allocates nothing.
    lua_pushstring(L, lwb_lack_of_memory);
    return lua_error(L);
}

void lwb_make_room(lua_State *L, size_t size) {
    lwb_context *context = lwb_context_of(L);
    size_t limit = context->options.memory_limit, whole = 2 * size; // the box, and the string that is made of it
    if (limit == 0 || whole + context->memory_used <= limit) return;
    if (size <= limit) lua_gc(L, LUA_GCCOLLECT);
    if (whole + context->memory_used <= limit) return;
    // What is refused next Lua makes an error of without asking anyone where.
    lwb_note_memory_place(L, context);
    if (size > limit) context->memory_place.in_deep_calls = false;
}
