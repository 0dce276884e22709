// Functions of Lua's that follow a format: string.format, pack, packsize, unpack and os.date. They loop in C over a
// text that may be as long as the memory limit lets it, and cannot be stopped (tonumber, too, but fast). Nobody needs
// formats of megabytes, so they end before they take longer than a stop may.
#include "libraries/bounded_formats.h"

#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "stop/interrupt.h"
#include "stop/preemption.h"

#include <lua.h>
#include <string.h>

enum { LONGEST_UNLOOKED = 1024 };

// What one byte of a format may ask for: a hundred digits, or a date with all names.
enum { WORK_OF_A_BYTE = 256 };

// Upvalues: Lua's own function, how long its format may be.
enum { UPVALUE_ORIGINAL = 1, UPVALUE_LONGEST = 2 };

// About a millisecond's work each.
enum { LONGEST_FORMAT = 512 * 1024, LONGEST_PACK = 128 * 1024, LONGEST_DATE = 2 * 1024, LONGEST_QUOTED = 64 * 1024 };

static int follow(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_Integer longest = lua_tointeger(L, lua_upvalueindex(UPVALUE_LONGEST));
        lua_Unsigned length = lua_rawlen(L, 1);
        lwb_do_work(lwb_context_of(L), (size_t)length * WORK_OF_A_BYTE);
        if (length > LONGEST_UNLOOKED) {
            // Where stops are looked for by counting, a loop of few instructions and long calls comes to no count for
            // long.
            lwb_interrupt interrupt = lwb_interrupt_begin(L);
            lwb_interrupt_look(&interrupt);
        }
        if (length > (lua_Unsigned)longest) {
            return lwb_raise_error(L, "limit", NULL, "the format is longer than %I bytes", (LUAI_UACINT)longest);
        }
    }
    // In this very frame, so that messages name the function as they ever do. None of them has upvalues of its own.
    return lua_tocfunction(L, lua_upvalueindex(UPVALUE_ORIGINAL))(L);
}

// The same for what may call metamethods: string.format each __tostring, os.time the __index of its table.
static int follow_calls(lua_State *L) {
    lwb_check_c_stack(L);
    return follow(L);
}

// Whether the format at 1 has a %q.
static bool has_quotes(lua_State *L) {
    size_t length;
    const char *at = lua_tolstring(L, 1, &length), *end = at + length;
    if (length > LONGEST_FORMAT) return false;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        if (at[1] == 'q') return true; // behind the end is a NUL
        if (end - at <= 2) return false;
        at += 2;
    }
    return false;
}

// %q looks at every byte, and writes those that are no text one by one, a tenth of a microsecond each.
static int format(lua_State *L) {
    int count = lua_gettop(L);
    bool quotes = lua_type(L, 1) == LUA_TSTRING && has_quotes(L);
    size_t quoted = 0;
    for (int i = 2; quotes && i <= count; i++) {
        if (lua_type(L, i) == LUA_TSTRING) quoted += lua_rawlen(L, i);
        if (quoted > LONGEST_QUOTED)
            return lwb_raise_error(L, "limit", NULL, "strings for %%q are longer than %d bytes", LONGEST_QUOTED);
    }
    return follow_calls(L);
}

// Puts a bound on the function `name` of the table at the top.
static void bound(lua_State *L, const char *name, lua_CFunction function, lua_Integer longest) {
    lua_getfield(L, -1, name);
    lua_pushinteger(L, longest);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

void lwb_bound_string_formats(lua_State *L) {
    bound(L, "format", format, LONGEST_FORMAT);
    bound(L, "pack", follow, LONGEST_PACK);
    bound(L, "packsize", follow, LONGEST_PACK);
    bound(L, "unpack", follow, LONGEST_PACK);
}

void lwb_look_before_numbers(lua_State *L) {
    bound(L, "tonumber", follow, LUA_MAXINTEGER);
}

void lwb_bound_date(lua_State *L) {
    bound(L, "date", follow, LONGEST_DATE);
    bound(L, "time", follow_calls, LUA_MAXINTEGER);
}
