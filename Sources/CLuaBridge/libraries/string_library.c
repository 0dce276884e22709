// string.rep, lower, upper and reverse: what Lua's own do, with looks for a stop in between, since their strings may be
// as long as the memory limit lets them; and ("") repeated 2^60 times takes no memory at all.
//
// Left to Lua: byte and char (at most a stack of numbers), sub and len (one copy, or none), format (bounded by its
// arguments, of which %q takes longest: some nanoseconds for each byte).
#include "libraries/string_library.h"

#include "core/memory_shortage.h"
#include "stop/interrupt.h"

#include <ctype.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <string.h>

// Bytes between two looks, for work that takes a nanosecond or less for each.
enum { PIECE = 64 * 1024 };

// A copy is faster than a step, so that a piece is not as many steps as it has bytes.
enum { PIECES_BETWEEN_LOOKS = 4, PIECE_COST = LWB_STEPS_BETWEEN_LOOKS / PIECES_BETWEEN_LOOKS };

// Repeats the first `period` bytes until there are `length`.
static void fill(lwb_interrupt *interrupt, char *bytes, size_t period, size_t length) {
    for (size_t filled = period; filled < length;) {
        size_t from = filled % period, piece = filled - from;
        if (piece > PIECE) piece = PIECE;
        if (piece > length - filled) piece = length - filled;
        memcpy(bytes + filled, bytes + from, piece);
        filled += piece;
        lwb_checkpoint(interrupt, 1 + (int)(piece * PIECE_COST / PIECE));
    }
}

static int repeat(lua_State *L) {
    size_t length, between;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &between);
    size_t period = length + between;
    if (count <= 0 || period == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    // Lua's limit, whatever size_t is.
    if (period < length || period > (lua_Unsigned)INT_MAX / (lua_Unsigned)count) {
        return luaL_error(L, "resulting string too large");
    }
    size_t whole = period * (size_t)count - between;
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    luaL_Buffer result;
    lwb_make_room(L, whole);
    char *bytes = luaL_buffinitsize(L, &result, whole);
    memcpy(bytes, text, length);
    if (count > 1) {
        memcpy(bytes + length, separator, between);
        fill(&interrupt, bytes, period, whole);
    }
    luaL_pushresultsize(&result, whole);
    return 1;
}

// ---- Byte by byte --------------------------------------------------------------------------------------------------

typedef void (*transform)(char *to, const char *text, size_t length, size_t at, size_t end);

static void copy_lower(char *to, const char *text, size_t length, size_t at, size_t end) {
    (void)length;
    for (; at < end; at++)
        to[at] = (char)tolower((unsigned char)text[at]);
}

static void copy_upper(char *to, const char *text, size_t length, size_t at, size_t end) {
    (void)length;
    for (; at < end; at++)
        to[at] = (char)toupper((unsigned char)text[at]);
}

static void copy_reversed(char *to, const char *text, size_t length, size_t at, size_t end) {
    for (; at < end; at++)
        to[at] = text[length - 1 - at];
}

static inline int transformed(lua_State *L, transform copy) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    luaL_Buffer result;
    lwb_make_room(L, length);
    char *bytes = luaL_buffinitsize(L, &result, length);
    for (size_t at = 0, end; at < length; at = end) {
        end = length - at < PIECE ? length : at + PIECE;
        copy(bytes, text, length, at, end);
        lwb_checkpoint(&interrupt, LWB_STEPS_BETWEEN_LOOKS);
    }
    luaL_pushresultsize(&result, length);
    return 1;
}

static int lower(lua_State *L) {
    return transformed(L, copy_lower);
}

static int upper(lua_State *L) {
    return transformed(L, copy_upper);
}

static int reverse(lua_State *L) {
    return transformed(L, copy_reversed);
}

void lwb_add_string_functions(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"lower", lower}, {"rep", repeat}, {"reverse", reverse}, {"upper", upper}, {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
