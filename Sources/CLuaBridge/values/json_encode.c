// Lua → JSON text, into the context's output. Raw access only: no metamethod of the script's runs here.
#include "values/json_encode.h"

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/memory_shortage.h"
#include "core/stack_reserve.h"
#include "stop/interrupt.h"
#include "values/array_mark.h"
#include "values/number_format.h"
#include "values/utf8.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>

typedef struct encoder {
    lua_State *L;
    lwb_context *context;
    const char *root;
    const char *function;
    int depth; // how many entries of the context's path are in use
    lwb_interrupt interrupt;
} encoder;

// What a value costs, in steps of the interrupt; and how many bytes of a text are worth a look.
enum { VALUE_COST = 10, PIECE = 64 * 1024 };

void lwb_append(lua_State *L, lwb_context *context, const char *bytes, size_t length, const char *function) {
    size_t limit = context->options.output_limit;
    if (limit != 0 && context->output.length + length > limit) {
        lwb_raise_error(L, "limit", function, "%s%sJSON of more than %I bytes (output_bytes)", function ? function : "",
                        function ? ": " : "", (LUAI_UACINT)limit);
    }
    if (!lwb_buffer_append(&context->output, bytes, length)) lwb_raise_lack_of_memory(L);
}

static void append(encoder *e, const char *bytes, size_t length) {
    lwb_append(e->L, e->context, bytes, length, e->function);
}

// Whether `.key` reads as Lua would write it.
static bool is_identifier(const char *key, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = key[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return length > 0;
}

// Pushes where the encoder is, such as result.items[3].owner.
static void push_path(encoder *e) {
    luaL_Buffer text;
    luaL_buffinit(e->L, &text);
    luaL_addstring(&text, e->root);
    for (int i = 0; i < e->depth; i++) {
        const lwb_path_entry *entry = &e->context->path[i];
        if (entry->key == NULL && entry->index == 0) continue; // inside this table, but not yet at a member
        if (entry->key == NULL) {
            char number[LWB_NUMBER_ROOM];
            luaL_addchar(&text, '[');
            luaL_addlstring(&text, number, lwb_format_integer(number, entry->index));
            luaL_addchar(&text, ']');
        } else if (is_identifier(entry->key, entry->key_length)) {
            luaL_addchar(&text, '.');
            luaL_addlstring(&text, entry->key, entry->key_length);
        } else {
            size_t shown = entry->key_length > 60 ? 60 : entry->key_length;
            luaL_addstring(&text, "[\"");
            luaL_addlstring(&text, entry->key, shown);
            luaL_addstring(&text, "\"]");
        }
    }
    luaL_pushresult(&text);
}

static void refuse(encoder *e, const char *what) {
    push_path(e);
    lwb_raise_error(e->L, "conversion", e->function, "%s%s%s: %s", e->function ? e->function : "",
                    e->function ? ": " : "", lua_tostring(e->L, -1), what);
}

// The end of the piece that begins at `at`: not inside of a character.
static size_t piece_end(const char *bytes, size_t length, size_t at) {
    if (length - at <= PIECE) return length;
    size_t end = at + PIECE;
    for (int i = 0; i < 3 && ((unsigned char)bytes[end] & 0xC0) == 0x80; i++)
        end -= 1;
    return end;
}

static bool is_utf8(encoder *e, const char *bytes, size_t length) {
    for (size_t at = 0, end; at < length; at = end) {
        end = piece_end(bytes, length, at);
        if (!lwb_is_utf8(bytes + at, end - at)) return false;
        if (end < length) lwb_checkpoint(&e->interrupt, LWB_STEPS_BETWEEN_LOOKS);
    }
    return true;
}

// Appends a piece with all escapes, but not the quotes around the whole.
static void encode_piece(encoder *e, const char *bytes, size_t length) {
    static const char hex[] = "0123456789abcdef";
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        append(e, bytes + start, i - start);
        start = i + 1;
        char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        switch (c) {
        case '"': append(e, "\\\"", 2); break;
        case '\\': append(e, "\\\\", 2); break;
        case '\n': append(e, "\\n", 2); break;
        case '\r': append(e, "\\r", 2); break;
        case '\t': append(e, "\\t", 2); break;
        default: append(e, escape, 6); break;
        }
    }
    append(e, bytes + start, length - start);
}

static void encode_string(encoder *e, const char *bytes, size_t length) {
    if (!is_utf8(e, bytes, length)) refuse(e, "a string that is not UTF-8 cannot be converted to JSON");
    append(e, "\"", 1);
    for (size_t at = 0, end; at < length; at = end) {
        end = piece_end(bytes, length, at);
        encode_piece(e, bytes + at, end - at);
        if (end < length) lwb_checkpoint(&e->interrupt, LWB_STEPS_BETWEEN_LOOKS);
    }
    append(e, "\"", 1);
}

static void encode_number(encoder *e, int index) {
    char text[LWB_NUMBER_ROOM];
    if (lua_isinteger(e->L, index)) {
        append(e, text, lwb_format_integer(text, lua_tointeger(e->L, index)));
        return;
    }
    double value = lua_tonumber(e->L, index);
    if (!isfinite(value)) refuse(e, isnan(value) ? "JSON has no NaN" : "JSON has no infinity");
    append(e, text, lwb_format_double(text, value));
}

static bool is_marked_array(lua_State *L, int index) {
    if (!lua_getmetatable(L, index)) return false;
    lwb_push_array_mark(L);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

// The largest n if the table's keys are integers from 1 on and nothing else; holes are for the caller to judge. Refuses
// tables that are neither arrays nor objects. 0 for an object or an empty table.
static lua_Integer array_length(encoder *e, int index, bool marked, bool *empty) {
    lua_State *L = e->L;
    lua_Integer length = 0, count = 0;
    bool strings = false;
    *empty = true;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        lwb_checkpoint(&e->interrupt, VALUE_COST);
        *empty = false;
        if (lua_type(L, -1) == LUA_TSTRING) {
            strings = true;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1) {
            lua_Integer key = lua_tointeger(L, -1);
            if (key > length) length = key;
            count += 1;
        } else {
            refuse(e, "a table whose keys are neither 1 to n nor strings cannot be converted to JSON");
        }
        if (strings && (count > 0 || marked)) {
            refuse(e, "a table with both string keys and array elements cannot be converted to JSON");
        }
        // A string key first: this is an object, and encoding it meets every key again.
        if (strings && !marked) {
            lua_pop(L, 1);
            return 0;
        }
    }
    if (marked) {
        // json.array{1, nil, 3}: holes are nulls, but not a billion of them for one element at the far end.
        if (length > 2 * count + 64) refuse(e, "an array with so many holes cannot be converted to JSON");
    } else if (length != count) {
        refuse(e, "an array with holes cannot be converted to JSON (json.array marks one whose holes are null)");
    }
    return length;
}

static void encode_value(encoder *e, int index);

static void encode_array(encoder *e, int index, lua_Integer length) {
    lwb_path_entry *entry = &e->context->path[e->depth - 1];
    append(e, "[", 1);
    for (lua_Integer i = 1; i <= length; i++) {
        if (i > 1) append(e, ",", 1);
        entry->index = i;
        lua_rawgeti(e->L, index, i);
        encode_value(e, lua_gettop(e->L));
        lua_pop(e->L, 1);
    }
    append(e, "]", 1);
}

static void encode_object(encoder *e, int index) {
    lua_State *L = e->L;
    lwb_path_entry *entry = &e->context->path[e->depth - 1];
    bool first = true;
    append(e, "{", 1);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            entry->key = NULL;
            refuse(e, lua_isinteger(L, -2)
                          ? "a table with both string keys and array elements cannot be converted to JSON"
                          : "a table whose keys are neither 1 to n nor strings cannot be converted to JSON");
        }
        if (!first) append(e, ",", 1);
        first = false;
        // The key stays on the stack, so the bytes stay where they are.
        entry->key = lua_tolstring(L, -2, &entry->key_length);
        if (!is_utf8(e, entry->key, entry->key_length)) {
            entry->key = NULL;
            refuse(e, "a key that is not UTF-8 cannot be converted to JSON");
        }
        encode_string(e, entry->key, entry->key_length);
        append(e, ":", 1);
        encode_value(e, lua_gettop(L));
        lua_pop(L, 1);
    }
    append(e, "}", 1);
}

static void encode_table(encoder *e, int index) {
    const void *table = lua_topointer(e->L, index);
    for (int i = 0; i < e->depth; i++) {
        if (e->context->path[i].table == table) refuse(e, "a table that contains itself cannot be converted to JSON");
    }
    lwb_check_c_stack(e->L);
    if (e->depth >= e->context->options.max_depth) refuse(e, "nested too deep for JSON (max_depth)");
    e->context->path[e->depth++] = (lwb_path_entry){.table = table};
    bool marked = is_marked_array(e->L, index), empty;
    lua_Integer length = array_length(e, index, marked, &empty);
    if (length > 0 || (empty && marked)) {
        encode_array(e, index, length);
    } else {
        encode_object(e, index);
    }
    e->depth -= 1;
}

static void encode_value(encoder *e, int index) {
    lua_State *L = e->L;
    lwb_check_stack(L, 8, "nested too deep for JSON");
    lwb_checkpoint(&e->interrupt, VALUE_COST);
    switch (lua_type(L, index)) {
    case LUA_TNIL: append(e, "null", 4); break;
    case LUA_TBOOLEAN: lua_toboolean(L, index) ? append(e, "true", 4) : append(e, "false", 5); break;
    case LUA_TNUMBER: encode_number(e, index); break;
    case LUA_TSTRING: {
        size_t length;
        const char *bytes = lua_tolstring(L, index, &length);
        encode_string(e, bytes, length);
        break;
    }
    case LUA_TTABLE: encode_table(e, index); break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) != NULL) refuse(e, "a userdata cannot be converted to JSON");
        append(e, "null", 4);
        break;
    case LUA_TFUNCTION: refuse(e, "a function cannot be converted to JSON"); break;
    case LUA_TTHREAD: refuse(e, "a coroutine cannot be converted to JSON"); break;
    default: refuse(e, "a userdata cannot be converted to JSON"); break;
    }
}

void lwb_encode(lua_State *L, lwb_context *context, int index, const char *root, const char *function) {
    encoder e = {L, context, root, function, 0, lwb_interrupt_begin(L)};
    encode_value(&e, lua_absindex(L, index));
}

void lwb_encode_all(lua_State *L, lwb_context *context, const char *root, const char *function) {
    encoder e = {L, context, root, function, 0, lwb_interrupt_begin(L)};
    int count = lua_gettop(L);
    append(&e, "[", 1);
    for (int i = 1; i <= count; i++) {
        if (i > 1) append(&e, ",", 1);
        // The list of values is no table of the script's, but errors name the place in it like one.
        context->path[0] = (lwb_path_entry){.index = i};
        e.depth = 1;
        encode_value(&e, i);
    }
    append(&e, "]", 1);
}
