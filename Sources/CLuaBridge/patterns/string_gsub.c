// string.gsub. Its replacement may be a function or a table, whose calls go out as calls from a script do: they may
// wait on the host, yield, and end a slice. So what gsub has in hand while one is under way is in a userdata on the Lua
// stack, and the matcher, which is big, is in no frame that calls.
#include "patterns/string_gsub.h"

#include "core/c_stack.h"
#include "patterns/pattern.h"
#include "stop/interrupt.h"
#include "values/number_format.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <string.h>

// What is where on gsub's Lua stack.
enum { SUBJECT = 1, PATTERN, REPLACEMENT, LIMIT, STATE, RESULT, TOP = RESULT };

typedef struct substitution {
    lwb_pattern pattern;
    const char *next;     // where the next match is looked for
    const char *last_end; // of the last match
    const char *copied;   // the subject up to here is in the result
    const char *match;    // begins here: the one whose replacement is being made, which ends at `last_end`
    lua_Integer count, limit;
    bool changed;
    // The result so far: in room that the function's frame or the state has, then in a userdata (RESULT).
    char *bytes;
    size_t length, capacity;
} substitution;

// A result this small needs no memory of its own.
enum { ROOM = 512 };

static void reserve(lua_State *L, substitution *work, size_t more) {
    if (more <= work->capacity - work->length) return;
    if (more > SIZE_MAX / 4 - work->length) luaL_error(L, "resulting string too large");
    size_t capacity = work->capacity * 2;
    if (capacity < work->length + more) capacity = work->length + more;
    char *bytes = lua_newuserdatauv(L, capacity, 0);
    memcpy(bytes, work->bytes, work->length);
    lua_replace(L, RESULT);
    work->bytes = bytes;
    work->capacity = capacity;
}

static void append(lua_State *L, substitution *work, const char *bytes, size_t length) {
    reserve(L, work, length);
    memcpy(work->bytes + work->length, bytes, length);
    work->length += length;
}

static void begin(substitution *work, const lwb_pattern *pattern, lua_Integer limit, char *room, size_t capacity) {
    *work = (substitution){
        .pattern = *pattern,
        .next = pattern->subject,
        .copied = pattern->subject,
        .limit = limit,
        .bytes = room,
        .capacity = capacity,
    };
}

static int finish(lua_State *L, substitution *work) {
    if (work->changed) {
        append(L, work, work->copied, (size_t)(work->pattern.subject_end - work->copied));
        lua_pushlstring(L, work->bytes, work->length);
    } else {
        lua_pushvalue(L, SUBJECT);
    }
    lua_pushinteger(L, work->count);
    return 2;
}

// Finds the next match that is to be replaced, and takes note of it.
static inline lwb_found find_next(lwb_matcher *m, substitution *work) {
    // A slice never ends between the anchored match and here.
    if (work->count >= work->limit || (work->pattern.anchored && work->count > 0)) return LWB_FOUND_NOTHING;
    lwb_found found = lwb_search(m, work->last_end);
    if (found == LWB_FOUND_MATCH) {
        work->count++;
        work->match = m->start;
        work->next = work->last_end = m->s;
    }
    return found;
}

// ---- Replacement by text -------------------------------------------------------------------------------------------

// Appends the replacement text, with captures for its %1 to %9.
static void append_replacement(lwb_matcher *m, substitution *work, const char *text, size_t length) {
    lua_State *L = m->interrupt.L;
    lwb_interrupt walk = lwb_interrupt_begin(L);
    const char *end = text + length, *escape;
    while ((escape = memchr(text, '%', (size_t)(end - text))) != NULL) {
        append(L, work, text, (size_t)(escape - text));
        unsigned char c = (unsigned char)escape[1]; // a NUL behind the end
        text = escape + 2;
        if (c == '%') {
            append(L, work, "%", 1);
        } else if (c == '0') {
            append(L, work, m->start, (size_t)(m->s - m->start));
        } else if (isdigit(c)) {
            const char *capture;
            ptrdiff_t capture_length = lwb_capture_text(m, c - '1', &capture);
            if (capture_length == LWB_CAPTURE_POSITION) {
                char digits[LWB_NUMBER_ROOM];
                append(L, work, digits, lwb_format_integer(digits, capture - m->in.subject + 1));
            } else {
                append(L, work, capture, (size_t)capture_length);
            }
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        lwb_checkpoint(&walk, 1);
    }
    append(L, work, text, (size_t)(end - text));
}

// Moves the state from the frame that a yield takes away to the Lua stack.
static void keep(lua_State *L, const substitution *work) {
    substitution *kept = lua_newuserdatauv(L, sizeof *kept + ROOM, 0);
    *kept = *work;
    if (lua_type(L, RESULT) == LUA_TNIL) {
        kept->bytes = (char *)(kept + 1);
        memcpy(kept->bytes, work->bytes, work->length);
    }
    lua_replace(L, STATE);
}

static int go_on_by_text(lua_State *L, int status, lua_KContext extra);

static int substitute_by_text(lua_State *L, lwb_matcher *m, substitution *work) {
    size_t length;
    const char *text = lua_tolstring(L, REPLACEMENT, &length);
    for (;;) {
        switch (find_next(m, work)) {
        case LWB_FOUND_NOTHING: return finish(L, work);
        case LWB_FOUND_SLICE_END:
            if (lua_type(L, STATE) == LUA_TNIL) keep(L, work);
            lwb_matcher_keep(m);
            return lwb_end_slice(L, 0, go_on_by_text);
        case LWB_FOUND_MATCH: break;
        }
        append(L, work, work->copied, (size_t)(work->match - work->copied));
        append_replacement(m, work, text, length);
        work->copied = m->s;
        work->changed = true;
        m->start = m->s;
    }
}

static int go_on_by_text(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    lwb_matcher m;
    lwb_matcher_restore(&m, L);
    return substitute_by_text(L, &m, lua_touserdata(L, STATE));
}

static __attribute__((noinline)) int begin_by_text(lua_State *L, const lwb_pattern *pattern, lua_Integer limit) {
    lwb_matcher m;
    substitution work;
    char room[ROOM];
    lwb_matcher_begin(&m, L, pattern, pattern->subject);
    begin(&work, pattern, limit, room, sizeof room);
    return substitute_by_text(L, &m, &work);
}

// ---- Replacement by what a function or a table gives ---------------------------------------------------------------

// Finds the next match and pushes what the replacement depends on: the captures for a function, the first for a table.
static __attribute__((noinline)) lwb_found push_next(lua_State *L, substitution *work, bool goes_on) {
    lwb_matcher m;
    if (goes_on) {
        lwb_matcher_restore(&m, L);
    } else {
        lwb_matcher_begin(&m, L, &work->pattern, work->next);
    }
    lwb_found found = find_next(&m, work);
    if (found == LWB_FOUND_SLICE_END) {
        lwb_matcher_keep(&m);
    } else if (found == LWB_FOUND_MATCH) {
        if (lua_type(L, REPLACEMENT) == LUA_TFUNCTION) {
            lua_pushvalue(L, REPLACEMENT);
            lwb_push_captures(&m, true);
        } else {
            lwb_push_capture(&m, 0);
        }
    }
    return found;
}

static int substitute_by_value(lua_State *L, substitution *work, bool goes_on);

// Replaces the match by the value at the top, or keeps it if that is nil or false.
static void take_value(lua_State *L, substitution *work) {
    if (lua_toboolean(L, -1)) {
        if (!lua_isstring(L, -1)) luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        append(L, work, work->copied, (size_t)(work->match - work->copied));
        append(L, work, text, length);
        work->copied = work->last_end;
        work->changed = true;
    }
    lua_settop(L, TOP);
}

static int value_came(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    substitution *work = lua_touserdata(L, STATE);
    take_value(L, work);
    return substitute_by_value(L, work, false);
}

// Puts the value that the table has for the key at the top there, as indexing does; but Lua's own would call an __index
// function where nothing can yield. Lua's limit for chains of __index, and its message.
static void look_up(lua_State *L) {
    enum { KEY = TOP + 1, INDEXED, LONGEST_CHAIN = 2000 };
    lua_pushvalue(L, REPLACEMENT);
    for (int links = 0; links < LONGEST_CHAIN; links++) {
        lua_pushvalue(L, KEY);
        if (lua_type(L, INDEXED) != LUA_TTABLE) {
            lua_gettable(L, INDEXED); // strings: their __index is a table. Or no indexing at all, with Lua's error
            return;
        }
        if (lua_rawget(L, INDEXED) != LUA_TNIL) return;
        if (luaL_getmetafield(L, INDEXED, "__index") == LUA_TNIL) return;
        lua_replace(L, KEY + 2);
        if (lua_type(L, KEY + 2) == LUA_TFUNCTION) {
            lua_insert(L, KEY);
            lua_insert(L, KEY + 1);
            lua_callk(L, 2, 1, 0, value_came);
            return;
        }
        lua_replace(L, INDEXED);
    }
    lua_pushliteral(L, "'__index' chain too long; possibly a loop");
    lua_error(L);
}

static int go_on_by_value(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    return substitute_by_value(L, lua_touserdata(L, STATE), true);
}

static int substitute_by_value(lua_State *L, substitution *work, bool goes_on) {
    bool calls = lua_type(L, REPLACEMENT) == LUA_TFUNCTION;
    for (;;) {
        switch (push_next(L, work, goes_on)) {
        case LWB_FOUND_NOTHING: return finish(L, work);
        case LWB_FOUND_SLICE_END: return lwb_end_slice(L, 0, go_on_by_value);
        case LWB_FOUND_MATCH: break;
        }
        goes_on = false;
        if (calls) {
            lua_callk(L, lua_gettop(L) - TOP - 1, 1, 0, value_came);
        } else {
            look_up(L);
        }
        take_value(L, work);
    }
}

int lwb_string_gsub(lua_State *L) {
    lwb_check_c_stack(L);
    size_t subject_length, length;
    const char *subject = luaL_checklstring(L, SUBJECT, &subject_length);
    const char *text = luaL_checklstring(L, PATTERN, &length);
    int type = lua_type(L, REPLACEMENT);
    lua_Integer limit = luaL_optinteger(L, LIMIT, (lua_Integer)subject_length + 1);
    bool is_text = type == LUA_TNUMBER || type == LUA_TSTRING;
    luaL_argexpected(L, is_text || type == LUA_TFUNCTION || type == LUA_TTABLE, REPLACEMENT, "string/function/table");
    lua_settop(L, LIMIT);
    lua_settop(L, TOP); // nothing in its own places
    lwb_pattern pattern = lwb_pattern_of(subject, subject_length, text, length, true);
    if (is_text) return begin_by_text(L, &pattern, limit);
    substitution *work = lua_newuserdatauv(L, sizeof *work + ROOM, 0);
    lua_replace(L, STATE);
    begin(work, &pattern, limit, (char *)(work + 1), ROOM);
    return substitute_by_value(L, work, false);
}
