// JSON → Lua: jansson has parsed the text already, on the thread of whoever gave it.
#include "values/json_decode.h"

#include "core/c_stack.h"
#include "core/stack_reserve.h"
#include "stop/interrupt.h"
#include "values/array_mark.h"

#include <jansson.h>
#include <lua.h>

// What an element costs, in steps of an interrupt: an allocation, mostly.
enum { ELEMENT_COST = 20 };

static void push(lua_State *L, const json_t *value, bool keep_nulls, lwb_interrupt *interrupt);

static void push_array(lua_State *L, const json_t *array, bool keep_nulls, lwb_interrupt *interrupt) {
    size_t count = json_array_size(array);
    lua_createtable(L, count > INT32_MAX ? INT32_MAX : (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_array_get(array, i);
        // A nil would make a hole, and the rest of the array would be lost to `#` and ipairs.
        if (json_is_null(element)) {
            lua_pushlightuserdata(L, NULL);
        } else {
            push(L, element, keep_nulls, interrupt);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    // So that it is an array still when the script has emptied it.
    lwb_push_array_mark(L);
    lua_setmetatable(L, -2);
}

static void push_object(lua_State *L, const json_t *object, bool keep_nulls, lwb_interrupt *interrupt) {
    size_t count = json_object_size(object);
    lua_createtable(L, 0, count > INT32_MAX ? INT32_MAX : (int)count);
    // jansson's iteration macro wants a json_t that is not const, for no reason that concerns us.
    json_t *source = (json_t *)(uintptr_t)object;
    const char *key;
    size_t key_length;
    json_t *member;
    json_object_keylen_foreach(source, key, key_length, member) {
        if (json_is_null(member) && !keep_nulls) continue;
        lua_pushlstring(L, key, key_length);
        if (json_is_null(member)) {
            lua_pushlightuserdata(L, NULL);
        } else {
            push(L, member, keep_nulls, interrupt);
        }
        lua_rawset(L, -3);
    }
}

// Recursion is bounded: whoever parsed the text has refused nesting deeper than the engine's limit.
static void push(lua_State *L, const json_t *value, bool keep_nulls, lwb_interrupt *interrupt) {
    lwb_check_stack(L, 4, "JSON is nested too deep");
    lwb_check_c_stack(L);
    lwb_checkpoint(interrupt, ELEMENT_COST);
    switch (json_typeof(value)) {
    case JSON_OBJECT: push_object(L, value, keep_nulls, interrupt); break;
    case JSON_ARRAY: push_array(L, value, keep_nulls, interrupt); break;
    case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); break;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); break;
    case JSON_TRUE: lua_pushboolean(L, 1); break;
    case JSON_FALSE: lua_pushboolean(L, 0); break;
    // Only a whole answer comes here: null inside a value is its container's business, above.
    case JSON_NULL: lua_pushnil(L); break;
    }
}

void lwb_push_json(lua_State *L, const json_t *value, bool keep_nulls) {
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    push(L, value, keep_nulls, &interrupt);
}

void lwb_set_members(lua_State *L, const json_t *object, bool keep_nulls) {
    json_t *source = (json_t *)(uintptr_t)object;
    const char *key;
    size_t key_length;
    json_t *value;
    json_object_keylen_foreach(source, key, key_length, value) {
        lua_pushlstring(L, key, key_length);
        lwb_push_json(L, value, keep_nulls);
        lua_rawset(L, -3);
    }
}
