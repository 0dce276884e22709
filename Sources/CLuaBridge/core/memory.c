// Lua's allocator: it counts what a world uses, and its coroutines, and refuses what is beyond the limit.
//
// Lua tells it when a block is for a new coroutine, but not when one that it frees was. All coroutines are of one size,
// so blocks of this size get one byte more, which says whether they are one.
#include "core/memory.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/memory_place.h"
#include "stop/preemption.h"

#include <lua.h>
#include <stdlib.h>

// What may be allocated above the limit to describe an error: a script that filled its memory should still be told
// where.
enum { DESCRIPTION_RESERVE = 256 * 1024 };

// What may be allocated above the limit of a shared context to begin an eval: the coroutine, the compiled script, its
// table of globals, room for a few calls. None of it outlives the eval, so what fills a context to its limit cannot
// fill this, and an eval that only lets go of something begins in a full one. Less than the other, so that its errors
// can be described.
enum { BEGINNING_RESERVE = 128 * 1024 };

static bool is_within_limit(const lwb_context *context, size_t more) {
    size_t limit = context->options.memory_limit;
    if (limit == 0) return true;
    size_t reserve = context->describing ? DESCRIPTION_RESERVE : context->beginning ? BEGINNING_RESERVE : 0;
    if (limit < SIZE_MAX - reserve) limit += reserve;
    return context->memory_used <= limit && more <= limit - context->memory_used;
}

static void look_at_use(lwb_context *context, size_t used, bool was_refused) {
    bool has_fallen = used < context->memory_mark / 4 * 3;
    if (context->describing || context->options.memory_limit == 0) return;
    if (was_refused || has_fallen) lwb_set_memory_mark(context, used);
    if (used > context->memory_mark) {
        lwb_memory_has_grown(context, used);
    } else if (was_refused) {
        lwb_look_at_memory_soon(context);
    }
}

// The C library had no memory.
static void *lack(lwb_context *context) {
    context->memory_refused = true;
    return NULL;
}

// For blocks that are, or become, as large as a coroutine.
static void *reallocate_marked(lwb_context *context, void *block, size_t old_size, size_t new_size) {
    size_t coroutine_size = context->coroutine_size;
    bool is_coroutine = block == NULL && old_size == LUA_TTHREAD;
    if (new_size == 0) {
        context->coroutines -= ((char *)block)[coroutine_size];
        free(block);
        return NULL;
    }
    char *moved = realloc(block, new_size == coroutine_size ? new_size + 1 : new_size);
    if (moved == NULL && block != NULL && new_size < old_size) moved = block; // it has room enough
    if (moved == NULL || new_size != coroutine_size) return moved;            // a coroutine never becomes anything else
    moved[new_size] = is_coroutine;
    context->coroutines += is_coroutine;
    return moved;
}

// Everything that lwb_allocate does not do by itself. Like `make` not inlined there, where their saving of registers
// would be done for every block that is freed.
__attribute__((noinline)) static void *reallocate(lwb_context *context, void *block, size_t old_size, size_t new_size) {
    // Where there is no block Lua passes the kind of object in place of the size, a small number.
    size_t freed = block == NULL ? 0 : old_size;
    if (new_size > freed) {
        lwb_do_work(context, new_size - freed);
        if (!is_within_limit(context, new_size - freed)) {
            context->refused = new_size;
            context->memory_refused = true;
            return NULL;
        }
        // Lua has collected garbage and asked once more: the limit is near.
        bool was_refused = context->refused == new_size;
        context->refused = 0;
        look_at_use(context, context->memory_used + (new_size - freed), was_refused);
    }
    void *moved = NULL;
    if (old_size == context->coroutine_size || new_size == context->coroutine_size) {
        moved = reallocate_marked(context, block, old_size, new_size);
    } else if (new_size != 0) {
        moved = realloc(block, new_size);
    } else {
        free(block);
    }
    if (moved == NULL && block != NULL && new_size != 0 && new_size <= freed) {
        moved = block; // it has room enough: to Lua, making a block smaller cannot fail everywhere
    } else if (moved == NULL && new_size != 0) {
        return lack(context);
    }
    context->memory_used = context->memory_used - freed + new_size;
    return moved;
}

// So many instructions as pass between two looks cannot do much work on smaller ones.
enum { LARGE_BLOCK = 1024 };

// A block for what is neither a coroutine nor beyond the mark.
__attribute__((noinline)) static void *make(lwb_context *context, size_t kind, size_t size) {
    size_t mark = context->memory_mark, used = context->memory_used;
    bool is_simple = size != 0 && size != context->coroutine_size && context->refused == 0;
    if (!is_simple || used > mark || size > mark - used) return reallocate(context, NULL, kind, size);
    void *made = malloc(size); // realloc would cost half of it again
    if (made == NULL) return lack(context);
    if (size >= LARGE_BLOCK) lwb_do_work(context, size);
    context->memory_used = used + size;
    return made;
}

// What scripts do most is done at once: making objects and freeing them. In a function that does everything, keeping
// the accounts costs a sixth of loops that do nothing else.
void *lwb_allocate(void *user_data, void *block, size_t old_size, size_t new_size) {
    lwb_context *context = user_data;
    if (block == NULL) return make(context, old_size, new_size);
    if (new_size != 0 || old_size == context->coroutine_size) return reallocate(context, block, old_size, new_size);
    context->memory_used -= old_size;
    free(block);
    return NULL;
}

bool lwb_is_nearly_full(const lwb_context *context) {
    size_t limit = context->options.memory_limit;
    return limit != 0 && context->memory_used + BEGINNING_RESERVE > limit;
}
