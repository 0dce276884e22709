// string.find, string.match and string.gmatch, which can be stopped and take turns like everything else: Lua's own may
// look for a match for years without coming back to where a hook could stop them.
#define _GNU_SOURCE // memmem
#include "patterns/string_find.h"

#include "patterns/pattern.h"
#include "patterns/string_gsub.h"
#include "stop/interrupt.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

// Where a string begins to be looked at: from 1, or back from its end, as a number of characters to skip.
static size_t check_init(lua_State *L, int argument, size_t length) {
    lua_Integer init = luaL_optinteger(L, argument, 1);
    if (init > 0) return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)length) return 0;
    return length - (size_t)-init;
}

// ---- Plain text ----------------------------------------------------------------------------------------------------

// Whether there is nothing in the pattern but text.
static bool is_plain(lua_State *L, const char *pattern, size_t length) {
    static const bool special[256] = {['^'] = true, ['$'] = true, ['*'] = true, ['+'] = true, ['?'] = true,
                                      ['.'] = true, ['('] = true, ['['] = true, ['%'] = true, ['-'] = true};
    enum { PART = 4096 };
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    for (size_t i = 0; i < length; i++) {
        if (special[(unsigned char)pattern[i]]) return false;
        if (i % PART == PART - 1) lwb_checkpoint(&interrupt, LWB_STEPS_BETWEEN_LOOKS);
    }
    return true;
}

// Where text is looked for, and how far that has come.
typedef struct text_search {
    lwb_interrupt interrupt;
    const char *at, *last; // a match may begin here, from the first to the last
    const char *text;
    size_t length;
} text_search;

// The first place from `at` to `last` where the text's beginning, of some characters, is.
static const char *find_beginning(const char *at, const char *last, const char *text, size_t length) {
    // Most often the first character finds it; where that is nearly everywhere, the library's clever search pays, which
    // looks at each character.
    enum { FEW = 8, FAR = 24 };
    const char *begin = at;
    for (ptrdiff_t tries = 0; tries < FEW + (at - begin) / FAR; tries++) {
        const char *found = memchr(at, (unsigned char)*text, (size_t)(last - at) + 1);
        if (found == NULL || length == 1) return found;
        // Another word mostly ends in another way, which spares a call.
        if (found[length - 1] == text[length - 1] && memcmp(found + 1, text + 1, length - 1) == 0) return found;
        if (found == last) return NULL;
        at = found + 1;
    }
    return memmem(at, (size_t)(last - at) + length, text, length);
}

static lwb_found find_text(text_search *search) {
    // Setting up the clever search takes as long as the text: only some of it is searched for, the rest compared.
    enum { WINDOW = 4 * LWB_PATTERN_WINDOW, BEGINNING = WINDOW < 256 ? WINDOW : 256 };
    size_t beginning = search->length < BEGINNING ? search->length : BEGINNING;
    while (search->at <= search->last) {
        const char *at = search->at, *last = search->last;
        if (last - at > WINDOW) last = at + WINDOW;
        const char *found = find_beginning(at, last, search->text, beginning);
        search->at = found == NULL ? last + 1 : found;
        size_t compared = beginning;
        if (found != NULL) {
            compared = search->length;
            if (compared == beginning || memcmp(found + beginning, search->text + beginning, compared - beginning) == 0)
                return LWB_FOUND_MATCH;
            search->at++;
        }
        size_t steps = 1 + ((size_t)(search->at - at) + compared) / 64;
        if (steps > LWB_STEPS_BETWEEN_LOOKS) steps = LWB_STEPS_BETWEEN_LOOKS;
        if (lwb_slice_is_due(&search->interrupt, (int)steps)) return LWB_FOUND_SLICE_END;
    }
    return LWB_FOUND_NOTHING;
}

static int go_on_plain(lua_State *L, int status, lua_KContext from);

static int find_plain(lua_State *L, const char *subject, size_t subject_length, const char *text, size_t length,
                      size_t from) {
    const char *at = subject + from;
    lwb_found found = LWB_FOUND_MATCH;
    if (length > subject_length - from) {
        found = LWB_FOUND_NOTHING;
    } else if (length > 0) {
        text_search search = {lwb_interrupt_begin(L), at, subject + subject_length - length, text, length};
        found = find_text(&search);
        at = search.at;
    }
    switch (found) {
    case LWB_FOUND_NOTHING: break;
    case LWB_FOUND_SLICE_END: return lwb_end_slice(L, (lua_KContext)(at - subject), go_on_plain);
    case LWB_FOUND_MATCH:
        lua_pushinteger(L, (lua_Integer)(at - subject) + 1);
        lua_pushinteger(L, (lua_Integer)(at - subject) + (lua_Integer)length);
        return 2;
    }
    luaL_pushfail(L);
    return 1;
}

static int go_on_plain(lua_State *L, int status, lua_KContext from) {
    (void)status;
    size_t subject_length, length;
    const char *subject = lua_tolstring(L, 1, &subject_length);
    const char *text = lua_tolstring(L, 2, &length);
    return find_plain(L, subject, subject_length, text, length, (size_t)from);
}

// ---- Patterns ------------------------------------------------------------------------------------------------------

typedef enum wanted { WANTED_PLACE, WANTED_CAPTURES } wanted;

static int go_on_finding(lua_State *L, int status, lua_KContext wanted);

static int find_next(lua_State *L, lwb_matcher *m, wanted wanted) {
    switch (lwb_search(m, NULL)) {
    case LWB_FOUND_NOTHING: break;
    case LWB_FOUND_SLICE_END: lwb_matcher_keep(m); return lwb_end_slice(L, wanted, go_on_finding);
    case LWB_FOUND_MATCH:
        if (wanted == WANTED_CAPTURES) return lwb_push_captures(m, true);
        lua_pushinteger(L, (lua_Integer)(m->start - m->in.subject) + 1);
        lua_pushinteger(L, (lua_Integer)(m->s - m->in.subject));
        return 2 + (m->capture_count == 0 ? 0 : lwb_push_captures(m, false));
    }
    luaL_pushfail(L);
    return 1;
}

static int go_on_finding(lua_State *L, int status, lua_KContext wanted_place_or_captures) {
    (void)status;
    lwb_matcher m;
    lwb_matcher_restore(&m, L);
    return find_next(L, &m, (wanted)wanted_place_or_captures);
}

static int find_pattern(lua_State *L, const lwb_pattern *pattern, size_t from, wanted wanted) {
    lwb_matcher m;
    lwb_matcher_begin(&m, L, pattern, pattern->subject + from);
    return find_next(L, &m, wanted);
}

static int find(lua_State *L, wanted wanted) {
    size_t subject_length, length;
    const char *subject = luaL_checklstring(L, 1, &subject_length);
    const char *text = luaL_checklstring(L, 2, &length);
    size_t from = check_init(L, 3, subject_length);
    if (from > subject_length) {
        luaL_pushfail(L);
        return 1;
    }
    if (wanted == WANTED_PLACE && (lua_toboolean(L, 4) || is_plain(L, text, length)))
        return find_plain(L, subject, subject_length, text, length, from);
    lwb_pattern pattern = lwb_pattern_of(subject, subject_length, text, length, true);
    return find_pattern(L, &pattern, from, wanted);
}

static int string_find(lua_State *L) {
    return find(L, WANTED_PLACE);
}

static int string_match(lua_State *L) {
    return find(L, WANTED_CAPTURES);
}

// ---- gmatch --------------------------------------------------------------------------------------------------------

// A loop over all matches. Its subject and pattern are kept alive by the iterator's upvalues.
typedef struct iteration {
    lwb_pattern pattern;
    const char *next;     // where the next match is looked for; behind the subject's end: there is none
    const char *last_end; // of the last match
} iteration;

// Upvalues of the iterator.
enum { UPVALUE_SUBJECT = 1, UPVALUE_PATTERN, UPVALUE_ITERATION, UPVALUE_COUNT = UPVALUE_ITERATION };

static int go_on_iterating(lua_State *L, int status, lua_KContext extra);

static int match_next(lua_State *L, lwb_matcher *m, iteration *loop) {
    switch (lwb_search(m, loop->last_end)) {
    case LWB_FOUND_NOTHING: break;
    case LWB_FOUND_SLICE_END: lwb_matcher_keep(m); return lwb_end_slice(L, 0, go_on_iterating);
    case LWB_FOUND_MATCH: loop->next = loop->last_end = m->s; return lwb_push_captures(m, true);
    }
    return 0;
}

static int go_on_iterating(lua_State *L, int status, lua_KContext extra) {
    (void)status;
    (void)extra;
    lwb_matcher m;
    lwb_matcher_restore(&m, L);
    return match_next(L, &m, lua_touserdata(L, lua_upvalueindex(UPVALUE_ITERATION)));
}

static int iterate(lua_State *L) {
    iteration *loop = lua_touserdata(L, lua_upvalueindex(UPVALUE_ITERATION));
    if (loop->next > loop->pattern.subject_end) return 0;
    lwb_matcher m;
    lwb_matcher_begin(&m, L, &loop->pattern, loop->next);
    return match_next(L, &m, loop);
}

static int string_gmatch(lua_State *L) {
    size_t subject_length, length;
    const char *subject = luaL_checklstring(L, 1, &subject_length);
    const char *text = luaL_checklstring(L, 2, &length);
    size_t from = check_init(L, 3, subject_length);
    lua_settop(L, 2);
    iteration *loop = lua_newuserdatauv(L, sizeof *loop, 0);
    // An anchor would make no sense here: a ^ is itself.
    loop->pattern = lwb_pattern_of(subject, subject_length, text, length, false);
    loop->next = subject + (from > subject_length ? subject_length + 1 : from);
    loop->last_end = NULL;
    lua_pushcclosure(L, iterate, UPVALUE_COUNT);
    return 1;
}

void lwb_replace_patterns(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {"gsub", lwb_string_gsub},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
