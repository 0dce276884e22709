// Compiling: the script of an eval, and what scripts give to load.
//
// Lua's compiler asks for its source in pieces, and between two of them it can be stopped. The pieces are small,
// because there are sources in which each word takes it longer the more came before: every `or` of a long chain looks
// through the whole chain. A slice does not end in it: the compiler cannot be left and gone on with.
#include "run/compile.h"

#include "CLuaBridge.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/eval_record.h"
#include "run/source_jumps.h"
#include "stop/interrupt.h"
#include "stop/preemption.h"
#include "stop/stopper.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

enum {
    PIECE = 64,
    // Asking the system for processor time takes as long as compiling some pieces.
    PIECES_BETWEEN_TIMES = 32,
};

typedef struct source {
    lwb_interrupt interrupt;
    const char *name;   // of the chunk, for errors that are found here
    const char *prefix; // what comes first; NULL when it has been given out
    const char *rest;   // then this
    size_t left;
    int reader_piece;   // on the stack: the last text of the reader at 1, which gives more; 0: there is none
    size_t given, most; // bytes; `most` 0: any number
    bool counts_jumps;
    bool takes_binary;
    bool was_refused; // not for what is wrong with it
    lwb_jumps jumps;
    int64_t cpu_end_ns;
    int pieces;
} source;

// Pushes a source that has nothing in it yet. Not on the C stack: readers of load may load, two hundred deep.
static source *push_source(lua_State *L) {
    return lua_newuserdatauv(L, sizeof(source), 0);
}

static void begin(lua_State *L, source *from, const char *name, const char *text, size_t length) {
    from->interrupt = lwb_interrupt_begin(L);
    from->name = name;
    from->prefix = NULL;
    from->rest = text;
    from->left = length;
    from->reader_piece = 0;
    from->given = from->most = 0;
    from->counts_jumps = true;
    from->takes_binary = true;
    from->was_refused = false;
    lwb_begin_counting_jumps(&from->jumps);
    from->cpu_end_ns = INT64_MAX;
    from->pieces = 0;
}

// As Lua's own load does it.
static bool ask_reader(lua_State *L, source *from) {
    luaL_checkstack(L, 2, "too many nested functions");
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1); // the compiler keeps what it makes right here
        return false;
    }
    if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
    lua_replace(L, from->reader_piece); // where it lives while the compiler reads it
    from->rest = lua_tolstring(L, from->reader_piece, &from->left);
    return from->left > 0;
}

static void check_time(lua_State *L, source *from) {
    if (from->cpu_end_ns == INT64_MAX || ++from->pieces % PIECES_BETWEEN_TIMES != 0) return;
    if (lwb_thread_cpu_ns() < from->cpu_end_ns) return;
    from->was_refused = true;
    lwb_raise_error(L, "limit", NULL, "%s: takes too much processor time to compile (cpu_ms)", from->name);
}

static void check_source(lua_State *L, source *from, const char *piece, size_t length) {
    bool is_binary = from->given == 0 && *piece == LUA_SIGNATURE[0];
    if (is_binary && !from->takes_binary) {
        lua_pushliteral(L, "attempt to load a binary chunk (only text is allowed)");
        lua_error(L);
    }
    if (is_binary) from->counts_jumps = false; // a compiled one has none of its own
    from->given += length;
    if (from->most != 0 && from->given > from->most) {
        from->was_refused = true;
        lua_pushfstring(L, "%s: more than %I bytes of source (max_script_bytes)", from->name, (LUAI_UACINT)from->most);
        lua_error(L);
    }
    if (from->counts_jumps && !lwb_count_jumps(&from->jumps, piece, length)) {
        from->was_refused = true;
        lwb_raise_too_many_jumps(L, &from->jumps, from->name);
    }
}

// What it raises is what lua_load() fails with.
static const char *read_piece(lua_State *L, void *data, size_t *length) {
    source *from = data;
    const char *piece = from->prefix;
    if (piece != NULL) {
        from->prefix = NULL;
        *length = strlen(piece);
        return piece;
    }
    lwb_interrupt_look(&from->interrupt);
    check_time(L, from);
    *length = 0;
    if (from->left == 0 && (from->reader_piece == 0 || !ask_reader(L, from))) return NULL;
    piece = from->rest;
    *length = from->left < PIECE ? from->left : PIECE;
    from->rest += *length;
    from->left -= *length;
    check_source(L, from, piece, *length);
    return piece;
}

// A stop is no error of the source's.
static int load_source(lua_State *L, source *from, const char *name, const char *mode) {
    int status = lua_load(L, read_piece, from, name, mode);
    if (status != LUA_OK) lwb_check_stop(L, lwb_context_of(L));
    return status;
}

int lwb_compile(lua_State *L, const lwb_script *script) {
    source *from = push_source(L);
    const char *name = lua_pushfstring(L, "=%s", script->chunk_name);
    int name_index = lua_gettop(L);
    // A binary chunk must be seen for what it is, and not as an odd expression.
    bool is_binary = script->length > 0 && script->text[0] == LUA_SIGNATURE[0];
    int status = LUA_ERRSYNTAX;
    for (int as_expression = !is_binary; as_expression >= 0; as_expression--) {
        begin(L, from, script->chunk_name, script->text, script->length);
        if (as_expression) from->prefix = "return ";
        from->cpu_end_ns = script->cpu_end_ns;
        lua_settop(L, name_index);
        status = load_source(L, from, name, "t");
        if (status == LUA_OK || status == LUA_ERRMEM || from->was_refused) break;
    }
    lua_remove(L, name_index);
    lua_remove(L, name_index - 1);
    return status;
}

// ---- load ----------------------------------------------------------------------------------------------------------

static int fail(lua_State *L) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

// What Lua's own does, but for text alone where bytecode is not allowed: a crafted binary chunk can crash the
// interpreter. Lua refuses it where the mode is "t"; where the mode refuses text as well that is Lua's to say of a
// text.
int lwb_load(lua_State *L) {
    enum { CHUNK = 1, NAME, MODE, GLOBALS, PIECE_OF_READER };
    lwb_check_c_stack(L);
    const lwb_context *context = lwb_context_of(L);
    bool takes_bytecode = context->options.libraries & LWB_LIBRARY_BYTECODE;
    bool has_globals = lua_gettop(L) >= GLOBALS; // a nil counts as well
    const char *mode = luaL_optstring(L, MODE, "bt");
    if (!takes_bytecode && strchr(mode, 't') != NULL) mode = "t";
    size_t length = 0;
    const char *text = lua_tolstring(L, CHUNK, &length);
    if (text == NULL) luaL_checktype(L, CHUNK, LUA_TFUNCTION);
    const char *name = luaL_optstring(L, NAME, text != NULL ? text : "=(load)");
    lua_settop(L, PIECE_OF_READER);
    source *from = push_source(L);
    begin(L, from, "load", text, length);
    from->most = context->options.source_limit;
    from->takes_binary = takes_bytecode || *mode == 't';
    if (text == NULL) from->reader_piece = PIECE_OF_READER;
    if (load_source(L, from, name, mode) != LUA_OK) return fail(L);
    if (has_globals) {
        lua_pushvalue(L, GLOBALS);
    } else if (context->current->globals != LUA_NOREF) {
        lwb_push_globals(L, context->current); // lua_load knows the context's alone
    } else {
        return 1;
    }
    if (lua_setupvalue(L, -2, 1) == NULL) lua_pop(L, 1);
    return 1;
}
