// Where a script takes its memory, for the error that it has none left.
//
// Lua raises that error without asking anyone, and whoever catches it finds the stack unwound. The allocator cannot
// look, either: it is called in the middle of Lua's own work, and Lua from 5.4.5 on holds no pointers into its stack
// while it moves it. So the allocator only says when there is something to see, and the hook looks at the next
// instruction: each time the memory in use has grown by an eighth, and each time Lua has found room by collecting
// garbage. The place of the error is where the script was seen last, which is a step of a loop behind at most where the
// loop is what fills the memory. Functions of the bridge that know what they are going to need note their place
// themselves (lwb_make_room).
#include "core/memory_place.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "stop/preemption.h"

#include <lua.h>
#include <string.h>

// A script that runs out of memory in so many nested calls has run out of them, rather: memory for a million calls,
// which is what Lua's own limit allows, is more than the default limit has.
enum { DEEP_RECURSION = 100000 };

enum { LEAST_GROWTH = 4096 };

static void advance_mark(lwb_context *context, size_t used) {
    size_t limit = context->options.memory_limit, next = used + used / 8 + LEAST_GROWTH;
    size_t highest = used < context->garbage_limit ? context->garbage_limit : limit;
    context->memory_mark = limit == 0 ? SIZE_MAX : next < highest ? next : highest;
}

// Newer Lua does not collect garbage when its stack finds no room to grow, so an eighth of the limit is kept free of
// it; as long as collecting that early is worth while.
void lwb_set_memory_mark(lwb_context *context, size_t used) {
    size_t limit = context->options.memory_limit;
    context->garbage_limit = used < limit - limit / 4 ? limit - limit / 8 : limit;
    advance_mark(context, used);
}

void lwb_set_garbage_limit(lwb_context *context) {
    size_t limit = context->options.memory_limit;
    context->garbage_limit = limit - limit / 8;
    advance_mark(context, context->memory_used);
}

// Evals between two collections of a context that holds nearly all it may have, which find nothing.
enum { EVALS_BETWEEN_COLLECTIONS = 16 };

void lwb_begin_to_use_memory(lua_State *L, lwb_context *context) {
    size_t limit = context->options.memory_limit, before = context->memory_used;
    lwb_set_garbage_limit(context);
    if (limit == 0 || before <= context->garbage_limit) return;
    if (context->evals_until_collection > 0) {
        context->evals_until_collection -= 1;
    } else {
        lua_gc(L, LUA_GCCOLLECT);
        bool was_worth_while = context->memory_used + limit / 16 < before;
        context->evals_until_collection = was_worth_while ? 0 : EVALS_BETWEEN_COLLECTIONS;
    }
    lwb_set_memory_mark(context, context->memory_used);
}

void lwb_memory_has_grown(lwb_context *context, size_t used) {
    if (context->memory_mark <= context->garbage_limit && used > context->garbage_limit) context->collection_due = true;
    advance_mark(context, used);
    lwb_look_at_memory_soon(context);
}

void lwb_look_at_memory(lua_State *L, lwb_context *context) {
    context->memory_look_due = false;
    lwb_note_memory_place(L, context);
    if (!context->collection_due) return;
    context->collection_due = false;
    lua_gc(L, LUA_GCCOLLECT);
    lwb_set_memory_mark(context, context->memory_used);
}

void lwb_note_memory_place(lua_State *L, lwb_context *context) {
    lwb_memory_place *place = &context->memory_place;
    lua_Debug frame;
    place->eval = context->current;
    place->line = 0;
    place->in_deep_calls = lua_getstack(L, DEEP_RECURSION, &frame);
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        place->line = frame.currentline;
        memcpy(place->chunk, frame.short_src, sizeof frame.short_src);
        return;
    }
}
