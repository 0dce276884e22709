// How an error becomes the record of it: what it says of itself, of which kind it is, what it carries.
#include "run/failure_description.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/failure.h"
#include "core/failure_place.h"
#include "core/memory_place.h"
#include "values/json_encode.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

// Keeps the raw string field `name` of the table at 1.
static void keep_field(lua_State *L, lwb_context *context, lwb_span *span, const char *name) {
    lua_pushstring(L, name);
    if (lua_rawget(L, 1) == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        lwb_keep_text(context, span, text, length);
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
        lwb_keep_whole_text(context, &context->note.data, context->output.bytes, context->output.length);
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

static int to_text(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    return 1;
}

// Keeps what the value at 1 says of itself, as Lua's own interpreter does. The __tostring is code of the script's: it
// may fail, and then it has nothing to say.
static void keep_own_text(lua_State *L, lwb_context *context) {
    if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) return;
    lua_pop(L, 1);
    lua_pushcfunction(L, to_text);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        lwb_keep_text(context, &context->note.message, text, length);
    }
    lua_pop(L, 1);
}

static void describe_error_object(lua_State *L, lwb_context *context) {
    keep_field(L, context, &context->note.message, "message");
    lua_pushliteral(L, "type");
    if (lua_rawget(L, 1) == LUA_TSTRING) context->note.type = type_named(lua_tostring(L, -1));
    lua_pop(L, 1);
    keep_field(L, context, &context->note.function, "function");
    keep_field(L, context, &context->note.host_type, "host_type");
    lua_pushliteral(L, "data");
    if (lua_rawget(L, 1) != LUA_TNIL) {
        keep_data(L, context);
    } else {
        lua_pop(L, 1);
    }
}

static bool has_message(const lwb_context *context) {
    return context->note.message.present || context->note.lost_message;
}

// Describes the value at 1. `ask`: whether the script's code may be asked.
static void describe_value(lua_State *L, lwb_context *context, bool ask) {
    size_t length;
    if (lua_istable(L, 1) && is_error_object(L)) {
        describe_error_object(L, context);
    } else if (lua_istable(L, 1)) {
        if (ask && lwb_has_c_stack(context)) keep_own_text(L, context);
        if (context->condemned) return; // by what it said: the stop has been described
        context->describing = true;
        if (!has_message(context)) keep_field(L, context, &context->note.message, "message");
        lua_pushvalue(L, 1);
        keep_data(L, context);
        if (context->condemned) return;
    } else if (lua_isstring(L, 1)) {
        lua_pushvalue(L, 1);
        const char *message = lua_tolstring(L, -1, &length);
        lwb_keep_text(context, &context->note.message, message, length);
        lua_pop(L, 1);
    }
    context->describing = true;
    if (!has_message(context)) {
        // Lua's own words.
        const char *message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
        lwb_keep_text(context, &context->note.message, message, strlen(message));
        lua_pop(L, 1);
    }
}

void lwb_note_raisers(lua_State *L) {
    static const char *const names[] = {"error", "assert"};
    lwb_context *context = lwb_context_of(L);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        lua_getglobal(L, names[i]);
        context->raisers[i] = lua_tocfunction(L, -1);
        lua_pop(L, 1);
    }
}

// Whether the error at 1 is Lua's own, of calls nested too deep: its words, and no script's function that raised them.
// One that has come out of a coroutine still is.
static bool is_stack_overflow(lua_State *L, const lwb_context *context) {
    static const char words[] = "stack overflow";
    size_t length, wanted = sizeof words - 1;
    if (lua_type(L, 1) != LUA_TSTRING) return false;
    const char *text = lua_tolstring(L, 1, &length);
    if (length < wanted || memcmp(text + length - wanted, words, wanted) != 0) return false;
    lua_Debug raiser;
    if (!lua_getstack(L, 1, &raiser)) return true;
    lua_getinfo(L, "f", &raiser);
    lua_CFunction function = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    return function == NULL || (function != context->raisers[0] && function != context->raisers[1]);
}

int lwb_note_error(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    // Hooks are off here when the error came from one, so nothing may run that could take long.
    if (context->condemned) return 1;
    lua_settop(L, 1);
    lwb_clear_failure(context);
    context->note.noted = false;
    describe_value(L, context, true);
    if (context->condemned) return 1;
    if (is_stack_overflow(L, context)) context->note.type = LWB_FAILURE_LIMIT;
    lwb_note_place(L, context, 1);
    context->describing = false;
    context->note.noted = true;
    context->note.noted_type = lua_type(L, 1);
    context->note.noted_value = lua_topointer(L, 1);
    return 1;
}

static int describe(lua_State *L) {
    describe_value(L, lwb_context_of(L), false);
    return 0;
}

static void describe_lack_of_memory(lwb_context *context) {
    const lwb_memory_place *place = &context->memory_place;
    bool is_known = place->eval != NULL && place->eval == context->current;
    if (is_known && place->in_deep_calls) {
        lwb_set_failure(context, LWB_FAILURE_LIMIT, "stack overflow (nested calls used up the memory)");
    } else {
        lwb_set_failure(context, LWB_FAILURE_MEMORY, lwb_lack_of_memory);
    }
    if (!is_known || place->line <= 0) return;
    context->note.line = place->line;
    lwb_keep_text(context, &context->note.chunk, place->chunk, strlen(place->chunk));
}

void lwb_describe(lwb_context *context, int status) {
    lua_State *L = context->main;
    if (status == LUA_ERRMEM) {
        lua_settop(L, 0); // nothing here is to be closed, so this cannot raise
        describe_lack_of_memory(context);
        return;
    }
    lwb_clear_failure(context);
    context->describing = true;
    // Cannot raise: a light C function on a stack that has LUA_MINSTACK free slots.
    lua_pushcfunction(L, describe);
    lua_insert(L, 1);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        lua_settop(L, 0);
        lwb_set_failure(context, LWB_FAILURE_MEMORY, "not enough memory to describe the error");
    }
    context->describing = false;
}
