// Room on Lua's stack, for which a lack of memory is an error of its own.
#include "core/stack_reserve.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/memory_place.h"
#include "core/memory_shortage.h"

#include <lauxlib.h>
#include <lua.h>

bool lwb_reserve_stack(lua_State *L, lua_State *target, int count) {
    lwb_context *context = lwb_context_of(L);
    context->memory_refused = false;
    // Newer Lua allocates the whole stack there may be before it says that so many values are too many for it.
    if (count > LUAI_MAXSTACK) return false;
    if (lua_checkstack(target, count)) return true;
    if (!context->memory_refused) return false;
    // Newer Lua does not collect garbage for its stack.
    lua_gc(L, LUA_GCCOLLECT);
    context->memory_refused = false;
    if (lua_checkstack(target, count)) return true;
    if (!context->memory_refused) return false;
    lwb_note_memory_place(L, context);
    lwb_raise_lack_of_memory(L);
    return false;
}

void lwb_check_stack(lua_State *L, int count, const char *message) {
    if (lwb_reserve_stack(L, L, count)) return;
    if (message != NULL) luaL_error(L, "stack overflow (%s)", message);
    luaL_error(L, "stack overflow");
}
