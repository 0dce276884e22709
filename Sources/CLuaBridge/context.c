// A Lua world: made, limited, freed.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

// What may be allocated above the limit to describe an error: a script that filled its memory should still be told where.
enum { DESCRIPTION_RESERVE = 256 * 1024 };

// Notes where the script is, for the error that Lua raises if collecting garbage does not help: it unwinds the stack without
// asking anyone. Reading is all this does, at a moment when Lua itself could raise an error.
static void note_memory_place(lwb_context *context) {
    lua_State *L = context->running;
    lua_Debug frame;
    context->memory_line = 0;
    if (L == NULL) return;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        if (!lua_getinfo(L, "Sl", &frame) || frame.currentline <= 0) continue;
        context->memory_line = frame.currentline;
        memcpy(context->memory_chunk, frame.short_src, sizeof frame.short_src);
        return;
    }
}

// Lua's allocator, which counts. Refusing makes Lua collect garbage and ask once more before it raises its memory error.
static void *allocate(void *user_data, void *block, size_t old_size, size_t new_size) {
    lwb_context *context = user_data;
    if (block == NULL) old_size = 0; // Lua passes the kind of object here
    if (new_size == 0) {
        free(block);
        context->memory_used -= old_size;
        return NULL;
    }
    size_t limit = context->options.memory_limit;
    if (limit != 0 && new_size > old_size) {
        size_t more = new_size - old_size;
        if (context->describing && limit < SIZE_MAX - DESCRIPTION_RESERVE) limit += DESCRIPTION_RESERVE;
        if (context->memory_used > limit || more > limit - context->memory_used) {
            note_memory_place(context);
            return NULL;
        }
    }
    void *moved = realloc(block, new_size);
    if (moved == NULL) return NULL;
    context->memory_used = context->memory_used - old_size + new_size;
    return moved;
}

typedef struct world {
    const json_t *globals;
    const lwb_function *functions;
    size_t count;
} world;

static int build(lua_State *L) {
    const world *parts = lua_touserdata(L, 1);
    lwb_open_sandbox(L);
    lwb_define_functions(L, parts->functions, parts->count);
    if (lwb_context_of(L)->options.is_shared) {
        lwb_keep_pristine(L);
        lua_pushglobaltable(L);
        if (parts->globals != NULL) lwb_set_globals_at_top(L, parts->globals, false);
        lua_pop(L, 1);
    }
    return 0;
}

lwb_context *lwb_context_new(const lwb_options *options, const lwb_function *functions, size_t count,
                             const json_t *globals) {
    lwb_context *context = calloc(1, sizeof *context);
    if (context == NULL) return NULL;
    context->options = *options;
    context->options.memory_limit = 0; // the limit is for scripts, not for the libraries they find
    context->path = calloc((size_t)options->max_depth + 1, sizeof *context->path);
    context->main = context->path == NULL ? NULL : lua_newstate(allocate, context);
    if (context->main == NULL) {
        lwb_context_free(context);
        return NULL;
    }
    lua_State *L = context->main;
    *(lwb_context **)lua_getextraspace(L) = context;
    world parts = {globals, functions, count};
    // Neither push can raise: a light C function, a light userdata, and an empty stack.
    lua_pushcfunction(L, build);
    lua_pushlightuserdata(L, &parts);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        lwb_context_free(context);
        return NULL;
    }
    context->options = *options;
    return context;
}

void lwb_context_free(lwb_context *context) {
    if (context == NULL) return;
    // No finalizers of scripts run here: __gc is refused, and __close of a coroutine's variables is not lua_close's affair.
    if (context->main != NULL) lua_close(context->main);
    if (context->held != NULL) json_decref(context->held);
    while (context->evals != NULL) {
        lwb_eval *eval = context->evals;
        context->evals = eval->next;
        lwb_buffer_free(&eval->note.text);
        free(eval);
    }
    free(context->path);
    lwb_buffer_free(&context->output);
    lwb_buffer_free(&context->note.text);
    free(context);
}

void lwb_context_set_options(lwb_context *context, const lwb_options *options) {
    int max_depth = context->options.max_depth; // the path has been allocated for this one
    context->options = *options;
    context->options.max_depth = max_depth;
}

size_t lwb_context_memory_used(const lwb_context *context) {
    return context->memory_used;
}

char *lwb_context_take_output(lwb_context *context, size_t *length) {
    char *text = context->output.bytes;
    *length = context->output.length;
    context->output = (lwb_buffer){0};
    return text;
}
