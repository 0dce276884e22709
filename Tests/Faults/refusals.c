// The seam between Lua and the bridge's allocator (the program is linked with --wrap=lwb_allocate): each request of
// Lua's for more memory is refused once, as if it were beyond the limit. Lua collects all garbage and asks again.
#include "refusals.h"

#include "core/context_record.h"
#include "core/memory.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

// ---- Blocks for which Lua asks but once ----------------------------------------------------------------------------
//
// The box of a luaL_Buffer, in the Lua library's own code, and in newer Luas a stack that grows. The allocator is not
// told what a block is for. But a stack is the first vector after a coroutine has been made; and a box is the first one
// that is larger than the buffer which it takes over from, after a userdata has: there is no other userdata in the
// sandbox.

// More than the memory of any world here has room for, at some thousand bytes for each. Not allocated: the programs
// count the blocks that are left behind.
enum { MOST_ONCE_ONLY = 1 << 16 };

static void *once_only[MOST_ONCE_ONLY];
static size_t once_only_count;
static bool stack_comes, box_comes;

static bool is_box(size_t kind, size_t size) {
    return box_comes && kind == 0 && size > LUAL_BUFFERSIZE;
}

static size_t place_of(const void *block) {
    size_t place = 0;
    while (place < once_only_count && once_only[place] != block)
        place++;
    return place;
}

// Follows a block of them on its way: `block` has become `given`.
static void move_once_only(const void *block, void *given) {
    size_t place = place_of(block);
    if (place == once_only_count) return;
    once_only[place] = given != NULL ? given : once_only[--once_only_count];
}

static void note_once_only(void *made) {
    if (once_only_count == MOST_ONCE_ONLY) {
        fprintf(stderr, "more coroutines than there is room for\n");
        abort();
    }
    once_only[once_only_count++] = made;
}

// ---- Refusing ------------------------------------------------------------------------------------------------------

static size_t refusals_left;
static size_t most_used;
static struct {
    void *block;
    size_t size; // 0: none
} refused;

void *__real_lwb_allocate(void *user_data, void *block, size_t old_size, size_t new_size);
void *__wrap_lwb_allocate(void *user_data, void *block, size_t old_size, size_t new_size);

void refusals_begin(size_t most) {
    refusals_left = most;
}

void refusals_end(void) {
    refusals_left = 0;
    refused.size = 0;
}

size_t refusals_most_used(void) {
    return most_used;
}

void refusals_forget_most_used(void) {
    most_used = 0;
}

static bool is_refused(const void *block, size_t old_size, size_t new_size) {
    if (refusals_left == 0 || (refused.size == new_size && refused.block == block)) return false;
    return block == NULL ? !is_box(old_size, new_size) : place_of(block) == once_only_count;
}

// The bridge's own refusal, so that what it notes of the place is noted, too.
static void *refuse(lwb_context *context, void *block, size_t old_size, size_t new_size) {
    size_t limit = context->options.memory_limit;
    context->options.memory_limit = context->memory_used > 0 ? context->memory_used : 1;
    void *given = __real_lwb_allocate(context, block, old_size, new_size);
    context->options.memory_limit = limit;
    if (given == NULL) {
        refusals_left--;
        refused.block = block;
        refused.size = new_size;
    }
    return given;
}

static void note_new(size_t kind, size_t size, void *made) {
    if (made == NULL) return;
    if (stack_comes && kind == 0) {
        note_once_only(made);
        stack_comes = false;
    } else if (is_box(kind, size)) {
        note_once_only(made);
        box_comes = false;
    }
    if (kind == LUA_TTHREAD) stack_comes = true;
    if (kind == LUA_TUSERDATA) box_comes = true;
}

void *__wrap_lwb_allocate(void *user_data, void *block, size_t old_size, size_t new_size) {
    lwb_context *context = user_data;
    bool grows = new_size > (block == NULL ? 0 : old_size);
    void *given = NULL;
    if (grows && is_refused(block, old_size, new_size)) {
        given = refuse(context, block, old_size, new_size);
        if (given == NULL) return NULL;
    } else {
        given = __real_lwb_allocate(context, block, old_size, new_size);
    }
    if (context->memory_used > most_used) most_used = context->memory_used;
    if (grows) refused.size = 0; // while it collects, blocks become smaller
    if (grows && block == NULL) note_new(old_size, new_size, given);
    if (block != NULL && (given != NULL || new_size == 0)) move_once_only(block, given);
    return given;
}
