// How an error becomes what the host is told: type, message, place, traceback, data.
#include "internal.h"

#include <string.h>

void lwb_clear_failure(lwb_context *context) {
    lwb_buffer_clear(&context->failure_text);
    context->failure_type = LWB_FAILURE_RUNTIME;
    context->failure_line = 0;
    context->message = context->chunk = context->traceback = context->function = context->host_type = context->data =
        (lwb_span){0};
}

// Out of memory here leaves the part absent, and the failure tells the rest.
static void keep(lwb_context *context, lwb_span *span, const char *bytes, size_t length) {
    size_t start = context->failure_text.length;
    if (lwb_buffer_append(&context->failure_text, bytes, length)) *span = (lwb_span){start, length, true};
}

void lwb_set_failure(lwb_context *context, lwb_failure_type type, const char *message) {
    lwb_clear_failure(context);
    context->failure_type = type;
    keep(context, &context->message, message, strlen(message));
}

static lwb_text text_of(const lwb_context *context, lwb_span span) {
    if (!span.present) return (lwb_text){NULL, 0};
    return (lwb_text){context->failure_text.bytes + span.start, span.length};
}

lwb_failure lwb_context_failure(const lwb_context *context) {
    return (lwb_failure){
        .type = context->failure_type,
        .line = context->failure_line,
        .message = text_of(context, context->message),
        .chunk = text_of(context, context->chunk),
        .traceback = text_of(context, context->traceback),
        .function = text_of(context, context->function),
        .host_type = text_of(context, context->host_type),
        .data = text_of(context, context->data),
    };
}

// The innermost place in Lua code, and the traceback, of `coroutine`; runs on `L`, which may be the same.
static void note_place(lua_State *L, lwb_context *context, lua_State *coroutine) {
    lua_Debug frame;
    for (int level = 0; lua_getstack(coroutine, level, &frame); level++) {
        lua_getinfo(coroutine, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        context->failure_line = frame.currentline;
        keep(context, &context->chunk, frame.short_src, strlen(frame.short_src));
        break;
    }
    size_t length;
    luaL_traceback(L, coroutine, NULL, 0);
    const char *traceback = lua_tolstring(L, -1, &length);
    keep(context, &context->traceback, traceback, length);
    lua_pop(L, 1);
}

void lwb_note_stop(lua_State *L, lwb_context *context) {
    lwb_clear_failure(context);
    note_place(L, context, L);
}

// Keeps the raw string field `name` of the table at 1.
static void keep_field(lua_State *L, lwb_context *context, lwb_span *span, const char *name) {
    lua_pushstring(L, name);
    if (lua_rawget(L, 1) == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        keep(context, span, text, length);
    }
    lua_pop(L, 1);
}

static lwb_failure_type type_named(const char *name) {
    static const struct {
        const char *name;
        lwb_failure_type type;
    } types[] = {
        {"host", LWB_FAILURE_HOST},
        {"timeout", LWB_FAILURE_TIMEOUT},
        {"conversion", LWB_FAILURE_CONVERSION},
        {"limit", LWB_FAILURE_LIMIT},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) == 0) return types[i].type;
    }
    return LWB_FAILURE_RUNTIME; // a script can write any type into an error object
}

static int encode_data(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    lwb_buffer_clear(&context->output);
    lwb_encode(L, context, 1, "data", NULL);
    return 0;
}

// Data that is no JSON is left out: the error it belongs to matters more.
static void keep_data(lua_State *L, lwb_context *context) {
    lua_pushcfunction(L, encode_data);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
        keep(context, &context->data, context->output.bytes, context->output.length);
    } else {
        lua_pop(L, 1);
    }
    lwb_buffer_clear(&context->output);
}

static bool is_error_object(lua_State *L) {
    if (!lua_getmetatable(L, 1)) return false;
    luaL_getmetatable(L, LWB_ERROR_METATABLE);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

static void describe_table(lua_State *L, lwb_context *context) {
    if (is_error_object(L)) {
        keep_field(L, context, &context->message, "message");
        lua_pushliteral(L, "type");
        if (lua_rawget(L, 1) == LUA_TSTRING) context->failure_type = type_named(lua_tostring(L, -1));
        lua_pop(L, 1);
        keep_field(L, context, &context->function, "function");
        keep_field(L, context, &context->host_type, "host_type");
        lua_pushliteral(L, "data");
        if (lua_rawget(L, 1) != LUA_TNIL) {
            keep_data(L, context);
        } else {
            lua_pop(L, 1);
        }
    } else {
        if (context->error_text.length > 0) {
            keep(context, &context->message, context->error_text.bytes, context->error_text.length);
        } else {
            keep_field(L, context, &context->message, "message");
        }
        lua_pushvalue(L, 1);
        keep_data(L, context);
    }
}

// 1: the error; 2: the coroutine, a light userdata, NULL if there is none. No metamethod of the script's runs here.
static int describe(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    lua_State *coroutine = lua_touserdata(L, 2);
    size_t length;
    if (lua_istable(L, 1)) {
        describe_table(L, context);
    } else if (lua_isstring(L, 1)) {
        lua_pushvalue(L, 1);
        const char *message = lua_tolstring(L, -1, &length);
        keep(context, &context->message, message, length);
    }
    if (!context->message.present) {
        // Lua's own words.
        const char *message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
        keep(context, &context->message, message, strlen(message));
    }
    if (coroutine != NULL) note_place(L, context, coroutine);
    return 0;
}

void lwb_describe(lwb_context *context, int status, lua_State *coroutine) {
    lua_State *L = context->main;
    size_t limit = context->options.memory_limit;
    lwb_clear_failure(context);
    if (status == LUA_ERRMEM) context->failure_type = LWB_FAILURE_MEMORY;
    // A script that filled its memory should still be told what it died of; what is allocated here is small.
    context->options.memory_limit = 0;
    // Cannot raise: a light C function and a light userdata on a stack that has LUA_MINSTACK free slots.
    lua_pushlightuserdata(L, coroutine);
    lua_pushcfunction(L, describe);
    lua_insert(L, 1);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_settop(L, 0); // nothing here is to be closed, so this cannot raise
        lwb_set_failure(context, LWB_FAILURE_MEMORY, "not enough memory to describe the error");
    }
    context->options.memory_limit = limit;
}
