// A Lua world: made, limited, freed.
#include "CLuaBridge.h"

#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/coroutine_limit.h"
#include "core/eval_record.h"
#include "core/lua_identity.h"
#include "core/memory.h"
#include "core/memory_place.h"
#include "libraries/libraries.h"
#include "run/failure_description.h"
#include "run/host_call.h"
#include "run/sandbox.h"
#include "run/shared_globals.h"
#include "stop/stay.h"
#include "values/json_encode.h"

#include <jansson.h>
#include <locale.h>
#include <lua.h>
#include <stdlib.h>

typedef struct world {
    const json_t *globals;
    const lwb_function *functions;
    size_t count;
} world;

static int build(lua_State *L) {
    const world *parts = lua_touserdata(L, 1);
    lwb_open_sandbox(L);
    lwb_open_libraries(L, lwb_context_of(L)->options.libraries);
    lwb_note_raisers(L);
    lwb_define_functions(L, parts->functions, parts->count);
    if (lwb_context_of(L)->options.is_shared) lwb_keep_prototype(L, parts->globals);
    return 0;
}

lwb_context *lwb_context_new(const lwb_options *options, const lwb_function *functions, size_t count,
                             const json_t *globals) {
    lwb_context *context = calloc(1, sizeof *context);
    if (context == NULL) return NULL;
    context->options = *options;
    context->options.memory_limit = 0; // the limit is for scripts, not for the libraries they find
    context->memory_mark = SIZE_MAX;
    context->path = calloc((size_t)options->max_depth + 1, sizeof *context->path);
    context->main = NULL;
    context->coroutine_size = lwb_coroutine_size();
    lwb_set_lua_hash_seed(options->hash_seed);
    context->c_stack_margin = lwb_c_stack_margin();
    bool is_ready = context->path != NULL && context->coroutine_size != 0 && context->c_stack_margin != 0;
    if (is_ready) context->main = lua_newstate(lwb_allocate, context);
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
    locale_t before = lwb_use_c_locale();
    int status = lua_pcall(L, 1, 0, 0);
    lwb_use_locale(before);
    if (status != LUA_OK) {
        lwb_context_free(context);
        return NULL;
    }
    context->options = *options;
    lwb_set_garbage_limit(context);
    return context;
}

void lwb_context_free(lwb_context *context) {
    if (context == NULL) return;
    // No finalizers of scripts run here: __gc is refused, and __close of a coroutine's variables is not lua_close's
    // affair.
    if (context->main != NULL) lua_close(context->main);
    if (context->held != NULL) json_decref(context->held);
    while (context->evals != NULL) {
        lwb_eval *eval = context->evals;
        context->evals = eval->next;
        lwb_forget_input(eval);
        lwb_buffer_free(&eval->note.text);
        free(eval);
    }
    free(context->path);
    lwb_buffer_free(&context->output);
    lwb_buffer_free(&context->note.text);
    free(context);
}

void lwb_context_set_options(lwb_context *context, const lwb_options *options) {
    lwb_options made_with = context->options;
    context->options = *options;
    context->options.max_depth = made_with.max_depth; // the path has been allocated for this one
    context->options.libraries = made_with.libraries;
    if (options->memory_limit != made_with.memory_limit) lwb_set_garbage_limit(context);
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
