// Where a script was when it failed or was told to stop: the line, and the traceback.
#include "core/failure_place.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/failure.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

// Lua's traceback shows both ends of a stack. The far end of a deep one takes it longer to find than a stop may take:
// here are the innermost levels, in the same words.
static void push_short_traceback(lua_State *L, int level) {
    enum { LEVELS = 10 };
    lua_Debug frame;
    lua_pushliteral(L, "stack traceback:");
    for (int end = level + LEVELS; level < end && lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Slnt", &frame);
        lua_pushfstring(L, "\n\t%s:", frame.short_src);
        if (frame.currentline > 0) lua_pushfstring(L, "%d:", frame.currentline);
        if (*frame.namewhat != '\0') {
            lua_pushfstring(L, " in %s '%s'", frame.namewhat, frame.name);
        } else if (*frame.what == 'C') {
            lua_pushliteral(L, " in ?");
        } else {
            lua_pushfstring(L, " in function <%s:%d>", frame.short_src, frame.linedefined);
        }
        if (frame.istailcall) lua_pushliteral(L, "\n\t(...tail calls...)");
        lua_concat(L, 3 + (frame.currentline > 0) + frame.istailcall);
    }
    lua_pushliteral(L, "\n\t...\t(a deep stack)");
    lua_concat(L, 2);
}

static void push_traceback(lua_State *L, int level) {
    enum { DEEP = 1000 };
    lua_Debug frame;
    if (lua_getstack(L, level + DEEP, &frame)) {
        push_short_traceback(L, level);
    } else {
        luaL_traceback(L, L, NULL, level);
    }
}

void lwb_note_place(lua_State *L, lwb_context *context, int level) {
    lua_Debug frame;
    for (int at = level; lua_getstack(L, at, &frame); at++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        context->note.line = frame.currentline;
        lwb_keep_text(context, &context->note.chunk, frame.short_src, strlen(frame.short_src));
        break;
    }
    // A function that has filled what it had reserved of the stack may be told to stop like any other. Hooks and
    // handlers have as much room by themselves, and need no memory for it.
    if (!lua_checkstack(L, LUA_MINSTACK - 4)) return;
    size_t length;
    push_traceback(L, level);
    const char *traceback = lua_tolstring(L, -1, &length);
    lwb_keep_text(context, &context->note.traceback, traceback, length);
    lua_pop(L, 1);
}

void lwb_note_stop(lua_State *L, lwb_context *context) {
    lwb_clear_failure(context);
    // At the memory limit Lua would collect all garbage before it gave this up, which takes longer than a stop may
    // take.
    context->describing = true;
    lwb_note_place(L, context, 0);
    context->describing = false;
}
