// utf8.char, codes, codepoint, len and offset: what those of Lua 5.4.9 do, on every Lua, with looks for a stop in
// between, since a string may be as long as the memory limit lets it.
#include "libraries/utf8_library.h"

#include "core/stack_reserve.h"
#include "stop/interrupt.h"

#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>

enum {
    MAX_CODE = 0x7FFFFFFF, // of the lax encoding, in up to six bytes
    MAX_UNICODE = 0x10FFFF,
    ENCODED_ROOM = 6,
};

static const char invalid_code[] = "invalid UTF-8 code";

static bool continues(const char *at) {
    return ((unsigned char)*at & 0xC0) == 0x80;
}

// Returns the first byte behind the character at `at`, or NULL if there is none. The string ends with a NUL, which
// continues nothing. `code` is nullable.
static inline const char *decode(const char *at, bool strict, lua_Unsigned *code) {
    static const lua_Unsigned least[] = {0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    unsigned lead = (unsigned char)at[0];
    lua_Unsigned value = lead;
    int more = 0;
    if (lead >= 0x80) {
        if (lead < 0xC0 || lead >= 0xFE) return NULL;
        while (lead & (0x40u >> more))
            more++;
        value = lead & (0x3Fu >> more);
        for (int i = 1; i <= more; i++) {
            if (!continues(at + i)) return NULL;
            value = value << 6 | ((unsigned char)at[i] & 0x3F);
        }
        if (value < least[more]) return NULL;
        if (strict && (value > MAX_UNICODE || (value >= 0xD800 && value <= 0xDFFF))) return NULL;
    }
    if (code != NULL) *code = value;
    return at + more + 1;
}

static size_t encode(char *at, lua_Unsigned code) {
    if (code < 0x80) {
        at[0] = (char)code;
        return 1;
    }
    int more = 1;
    while (code >> (5 * more + 6) != 0)
        more++;
    at[0] = (char)(0xFF00 >> (more + 1) | (int)(code >> 6 * more));
    for (int i = 1; i <= more; i++)
        at[i] = (char)(0x80 | (int)(code >> 6 * (more - i) & 0x3F));
    return (size_t)more + 1;
}

// A position counted from the end, if negative, as one from the beginning; 0 when it is before that.
static lua_Integer position_of(lua_Integer position, size_t length) {
    if (position >= 0) return position;
    if (0u - (lua_Unsigned)position > length) return 0;
    return (lua_Integer)length + position + 1;
}

static int utf8_len(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer first = position_of(luaL_optinteger(L, 2, 1), length);
    lua_Integer last = position_of(luaL_optinteger(L, 3, -1), length);
    bool strict = !lua_toboolean(L, 4);
    luaL_argcheck(L, first >= 1 && first - 1 <= (lua_Integer)length, 2, "initial position out of bounds");
    luaL_argcheck(L, last - 1 < (lua_Integer)length, 3, "final position out of bounds");
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    lua_Integer count = 0;
    for (const char *at = text + first - 1, *next; at - text < last; at = next, count++) {
        next = decode(at, strict, NULL);
        if (next == NULL) {
            luaL_pushfail(L);
            lua_pushinteger(L, at - text + 1);
            return 2;
        }
        lwb_checkpoint(&interrupt, 1);
    }
    lua_pushinteger(L, count);
    return 1;
}

static int utf8_codepoint(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer first = position_of(luaL_optinteger(L, 2, 1), length);
    lua_Integer last = position_of(luaL_optinteger(L, 3, first), length);
    bool strict = !lua_toboolean(L, 4);
    luaL_argcheck(L, first >= 1, 2, "out of bounds");
    luaL_argcheck(L, last <= (lua_Integer)length, 3, "out of bounds");
    if (first > last) return 0;
    if (last - first >= INT_MAX) return luaL_error(L, "string slice too long");
    lwb_check_stack(L, (int)(last - first) + 1, "string slice too long");
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    int count = 0;
    for (const char *at = text + first - 1; at - text < last; count++) {
        lua_Unsigned code;
        at = decode(at, strict, &code);
        if (at == NULL) return luaL_error(L, invalid_code);
        lua_pushinteger(L, (lua_Integer)code);
        lwb_checkpoint(&interrupt, 1);
    }
    return count;
}

static int utf8_char(lua_State *L) {
    int count = lua_gettop(L);
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        lua_Unsigned code = (lua_Unsigned)luaL_checkinteger(L, i);
        luaL_argcheck(L, code <= MAX_CODE, i, "value out of range");
        luaL_addsize(&text, encode(luaL_prepbuffsize(&text, ENCODED_ROOM), code));
        lwb_checkpoint(&interrupt, 1);
    }
    luaL_pushresult(&text);
    return 1;
}

// Goes `count` characters on, as far as there are any, and returns how many are missing.
static lua_Integer go_forward(lua_State *L, const char *text, lua_Integer length, lua_Integer count, lua_Integer *at) {
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    for (; count > 0 && *at < length; count--) {
        do {
            ++*at;
            lwb_checkpoint(&interrupt, 1);
        } while (continues(text + *at));
    }
    return count;
}

static lua_Integer go_back(lua_State *L, const char *text, lua_Integer count, lua_Integer *at) {
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    for (; count > 0 && *at > 0; count--) {
        do {
            --*at;
            lwb_checkpoint(&interrupt, 1);
        } while (*at > 0 && continues(text + *at));
    }
    return count;
}

static int utf8_offset(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer count = luaL_checkinteger(L, 2);
    lua_Integer at = position_of(luaL_optinteger(L, 3, count >= 0 ? 1 : (lua_Integer)length + 1), length);
    luaL_argcheck(L, at >= 1 && at - 1 <= (lua_Integer)length, 3, "position out of bounds");
    at--;
    lua_Integer missing = 0;
    if (count != 0 && continues(text + at)) return luaL_error(L, "initial position is a continuation byte");
    if (count == 0) {
        // The beginning of the character that has the byte.
        if (continues(text + at)) (void)go_back(L, text, 1, &at);
    } else if (count > 0) {
        missing = go_forward(L, text, (lua_Integer)length, count - 1, &at);
    } else {
        // A count that cannot be negated is more than any string has.
        missing = go_back(L, text, count == LUA_MININTEGER ? LUA_MAXINTEGER : -count, &at);
    }
    if (missing == 0) {
        lua_pushinteger(L, at + 1);
    } else {
        luaL_pushfail(L);
    }
    return 1;
}

// The iterator of utf8.codes: the control variable is the position of the last character, from 1, hence the index of
// the byte behind its first one.
static int iterate(lua_State *L, bool strict) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Unsigned at = (lua_Unsigned)lua_tointeger(L, 2);
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    for (; at < length && continues(text + at); at++)
        lwb_checkpoint(&interrupt, 1);
    if (at >= length) return 0;
    lua_Unsigned code;
    const char *next = decode(text + at, strict, &code);
    if (next == NULL || continues(next)) return luaL_error(L, invalid_code);
    lua_pushinteger(L, (lua_Integer)at + 1);
    lua_pushinteger(L, (lua_Integer)code);
    return 2;
}

static int iterate_strict(lua_State *L) {
    return iterate(L, true);
}

static int iterate_lax(lua_State *L) {
    return iterate(L, false);
}

static int utf8_codes(lua_State *L) {
    bool lax = lua_toboolean(L, 2);
    luaL_argcheck(L, !continues(luaL_checkstring(L, 1)), 1, invalid_code);
    lua_pushcfunction(L, lax ? iterate_lax : iterate_strict);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

void lwb_open_utf8(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"char", utf8_char}, {"codes", utf8_codes},   {"codepoint", utf8_codepoint},
        {"len", utf8_len},   {"offset", utf8_offset}, {NULL, NULL},
    };
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
