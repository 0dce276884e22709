// How many coroutines scripts may have, and how large one is, by which the allocator knows them.
#include "core/coroutine_limit.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/error_object.h"

#include <lua.h>
#include <stdatomic.h>
#include <stdlib.h>

static void *learn_size(void *size, void *block, size_t kind, size_t new_size) {
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    if (block == NULL && kind == LUA_TTHREAD) *(size_t *)size = new_size;
    return realloc(block, new_size);
}

static int make_coroutine(lua_State *L) {
    lua_newthread(L);
    return 0;
}

size_t lwb_coroutine_size(void) {
    static _Atomic size_t known;
    size_t size = known;
    if (size != 0) return size;
    // The first of its kind is the state itself, which is larger; the last is the coroutine.
    lua_State *L = lua_newstate(learn_size, &size);
    if (L == NULL) return 0;
    lua_pushcfunction(L, make_coroutine);
    int status = lua_pcall(L, 0, 0, 0);
    lua_close(L);
    if (status != LUA_OK) return 0;
    known = size;
    return size;
}

// Those that scripts have made: each eval has one by itself.
static size_t count_coroutines(const lwb_context *context) {
    return context->coroutines - context->eval_coroutines;
}

void lwb_admit_coroutine(lua_State *L) {
    const lwb_context *context = lwb_context_of(L);
    size_t limit = context->options.coroutine_limit;
    if (limit == 0 || count_coroutines(context) < limit) return;
    // Most of them may be garbage.
    lua_gc(L, LUA_GCCOLLECT);
    if (count_coroutines(context) < limit) return;
    lwb_raise_error(L, "limit", NULL, "more than %I coroutines (max_coroutines)", (LUAI_UACINT)limit);
}
