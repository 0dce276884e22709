// Compiling a script without running it, and what is wrong with one that does not compile.
#include "run/check.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/failure.h"
#include "run/compile.h"
#include "run/failure_description.h"
#include "stop/stay.h"
#include "stop/stopper.h"

#include <locale.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

// The line that a syntax error's message names: "chunk:line: …".
static void note_syntax_place(lwb_context *context, const char *chunk_name) {
    lwb_failure failure = lwb_context_failure(context);
    if (failure.message.bytes == NULL) return;
    // Lua shows at most LUA_IDSIZE - 1 bytes of a chunk's name.
    size_t shown = strlen(chunk_name) < LUA_IDSIZE - 1 ? strlen(chunk_name) : LUA_IDSIZE - 1;
    if (failure.message.length <= shown || strncmp(failure.message.bytes, chunk_name, shown) != 0) return;
    if (failure.message.bytes[shown] != ':') return;
    int line = atoi(failure.message.bytes + shown + 1);
    if (line <= 0) return;
    context->note.line = line;
    size_t start = context->note.text.length;
    if (lwb_buffer_append(&context->note.text, chunk_name, shown)) {
        context->note.chunk = (lwb_span){start, shown, true};
    }
}

void lwb_describe_compilation(lwb_context *context, int status, int compiled, const char *chunk_name) {
    lwb_describe(context, compiled == LUA_ERRMEM ? LUA_ERRMEM : status);
    if (context->note.type != LWB_FAILURE_RUNTIME) return; // memory, or a limit
    context->note.type = LWB_FAILURE_SYNTAX;
    note_syntax_place(context, chunk_name);
}

typedef struct compilation {
    lwb_script script;
    int compiled;
} compilation;

static int check(lua_State *L) {
    compilation *work = lua_touserdata(L, 1);
    work->compiled = lwb_compile(L, &work->script);
    return work->compiled == LUA_OK ? 0 : lua_error(L);
}

lwb_event lwb_context_check(lwb_context *context, const char *script, size_t length, const char *chunk_name,
                            int64_t cpu_limit_ns) {
    lua_State *L = context->main;
    lwb_find_c_stack(context);
    if (!lwb_has_c_stack(context)) {
        lwb_set_failure(context, LWB_FAILURE_LIMIT, lwb_c_stack_overflow);
        return LWB_FAILED;
    }
    int64_t end = cpu_limit_ns == 0 ? INT64_MAX : lwb_thread_cpu_ns() + cpu_limit_ns;
    compilation work = {{script, length, chunk_name, end}, LUA_OK};
    lua_pushcfunction(L, check);
    lua_pushlightuserdata(L, &work);
    locale_t before = lwb_use_c_locale();
    int status = lua_pcall(L, 1, 0, 0);
    lwb_use_locale(before);
    if (status == LUA_OK) return LWB_READY;
    lwb_describe_compilation(context, status, work.compiled, chunk_name);
    return LWB_FAILED;
}
