// The matcher. What Lua's own does by recursion is done here with a stack of choices: it goes forward through the
// pattern until something does not match, and then back to the last choice that can be made otherwise. So a match has
// no frames of C, is as deep as LWB_PATTERN_DEPTH says and no deeper, and can be left in the middle.
//
// It is left only at an item's beginning, where `s` and `p` and the choices are all there is. Items that walk over
// the subject leave in the middle of the walk and begin again at the same item, with `walked` to skip what they have
// seen. Walks over the pattern (long sets) can be stopped, but not left: at most memory's size, they end by themselves.
#include "patterns/pattern.h"

#include "core/stack_reserve.h"
#include "stop/interrupt.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

enum { WINDOW = LWB_PATTERN_WINDOW, WINDOW_STEPS = WINDOW / 16 + 1 };

// How far going back skips what cannot be at once: every choice of a deep match may do so between two looks.
enum { SKIP = WINDOW / 64 + 1 };

static inline void charge(lwb_matcher *m, ptrdiff_t characters) {
    ptrdiff_t steps = characters / 16;
    m->interrupt.steps -= steps > LWB_STEPS_BETWEEN_LOOKS ? LWB_STEPS_BETWEEN_LOOKS : (int)steps;
}

// ---- Items ---------------------------------------------------------------------------------------------------------

// The character that anything matching `p` begins with; -1 if there is more than one, or a match may be empty.
static inline int first_character(const char *p, const char *pattern_end) {
    if (p == pattern_end) return -1;
    switch (*p) {
    case '(':
    case ')':
    case '$':
    case '.':
    case '[': return -1;
    case '%':
        // Balanced text begins with the first of its pair. What is malformed is left to who raises that.
        if (p[1] == 'b') return pattern_end - p < 4 ? -1 : (unsigned char)p[2];
        if (pattern_end - p < 2 || isalnum((unsigned char)p[1])) return -1;
        p++;
        break;
    default: break;
    }
    // At the pattern's end there is a NUL.
    switch (p[1]) {
    case '*':
    case '?':
    case '-': return -1;
    default: return (unsigned char)*p;
    }
}

// Where a match may begin. Looking into captures saves beginning and undoing them at every place; no more of them than
// any match may have open, so that too many are still the error that they are.
static const char *first_item(const char *p) {
    for (int captures = 0; captures < LWB_PATTERN_CAPTURES && *p == '(' && p[1] != ')'; captures++)
        p++;
    return p;
}

static inline const char *item_end_of(const lwb_matcher *m, const char *p) {
    if (*p == '%') {
        if (p + 1 == m->in.pattern_end) luaL_error(m->interrupt.L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    return *p == '[' ? lwb_set_end(m, p) : p + 1;
}

static inline bool matches_one(const lwb_matcher *m, const char *s, const char *p, const char *item_end) {
    if (s >= m->in.subject_end) return false;
    switch (*p) {
    case '.': return true;
    case '%': return lwb_class_contains((unsigned char)*s, p[1]);
    case '[': return lwb_set_contains(m, (unsigned char)*s, p, item_end - 1);
    default: return *s == *p;
    }
}

static inline lwb_choice *push_choice(lwb_matcher *m) {
    if (m->depth == LWB_PATTERN_DEPTH - 1) luaL_error(m->interrupt.L, "pattern too complex");
    return &m->choices[m->depth++];
}

static void open_capture(lwb_matcher *m, const char *s, ptrdiff_t length) {
    if (m->capture_count >= LWB_PATTERN_CAPTURES) luaL_error(m->interrupt.L, "too many captures");
    m->captures[m->capture_count++] = (lwb_capture){s, length};
    push_choice(m)->kind = LWB_UNDO_OPEN;
}

static void close_capture(lwb_matcher *m, const char *s) {
    int index = m->capture_count - 1;
    while (index >= 0 && m->captures[index].length != LWB_CAPTURE_OPEN)
        index--;
    if (index < 0) luaL_error(m->interrupt.L, "invalid pattern capture");
    m->captures[index].length = s - m->captures[index].start;
    lwb_choice *choice = push_choice(m);
    choice->kind = LWB_UNDO_CLOSE;
    choice->count = index;
}

// The end of what a back reference matches, or NULL.
static const char *match_reference(lwb_matcher *m, const char *s, char digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->capture_count || m->captures[index].length == LWB_CAPTURE_OPEN)
        luaL_error(m->interrupt.L, "invalid capture index %%%d", index + 1);
    const lwb_capture *capture = &m->captures[index];
    // A position is not a text: no subject is that long.
    if ((size_t)(m->in.subject_end - s) < (size_t)capture->length) return NULL;
    if (memcmp(capture->start, s, (size_t)capture->length) != 0) return NULL;
    charge(m, capture->length);
    return s + capture->length;
}

static bool is_frontier(const lwb_matcher *m, const char *s, const char *set, const char *set_end) {
    unsigned char before = s == m->in.subject ? '\0' : (unsigned char)s[-1];
    // Behind the subject's end there is a NUL.
    return !lwb_set_contains(m, before, set, set_end - 1) && lwb_set_contains(m, (unsigned char)*s, set, set_end - 1);
}

// The first frontier from `s` on; or where the search for it is to be gone on with, for it comes back before the walk
// gets long. At every place one character is looked up in the set, where matching looks up two.
static const char *skip_to_frontier(lwb_matcher *m, const char *s, const char *set) {
    const char *set_end = lwb_set_end(m, set) - 1;
    const char *last = m->in.subject_end - s > SKIP ? s + SKIP : m->in.subject_end, *begin = s;
    bool before = lwb_set_contains(m, s == m->in.subject ? '\0' : (unsigned char)s[-1], set, set_end);
    for (; s < last; s++) {
        bool here = lwb_set_contains(m, (unsigned char)*s, set, set_end);
        if (here && !before) break;
        before = here;
    }
    m->interrupt.steps -= (int)(s - begin);
    return s;
}

typedef enum walk { WALK_FAILED, WALK_DONE, WALK_INTERRUPTED } walk;

// Finds the end of the balanced text that begins at `s`.
static walk walk_balance(lwb_matcher *m, const char *s, const char *pair, const char **end) {
    if (pair + 1 >= m->in.pattern_end) luaL_error(m->interrupt.L, "malformed pattern (missing arguments to '%%b')");
    const char *subject_end = m->in.subject_end, *at = s + m->walked;
    if (s == subject_end || *s != pair[0]) return WALK_FAILED;
    ptrdiff_t open_pairs = m->walked == 0 ? 1 : m->open_pairs;
    m->walked = 0;
    for (;;) {
        const char *limit = subject_end - at > WINDOW ? at + WINDOW : subject_end;
        const char *begin = at;
        while (++at < limit) {
            if (*at == pair[1]) {
                if (--open_pairs == 0) {
                    charge(m, at - begin);
                    *end = at + 1;
                    return WALK_DONE;
                }
            } else if (*at == pair[0]) {
                open_pairs++;
            }
        }
        at--; // the last one that was looked at
        if (limit == subject_end) {
            charge(m, at - begin);
            return WALK_FAILED;
        }
        if (lwb_slice_is_due(&m->interrupt, WINDOW_STEPS)) {
            m->walked = at - s;
            m->open_pairs = open_pairs;
            return WALK_INTERRUPTED;
        }
    }
}

// Finds how often the item matches from `s` on.
static walk walk_item(lwb_matcher *m, const char *s, const char *p, const char *item_end, ptrdiff_t *count) {
    const char *subject_end = m->in.subject_end, *at = s + m->walked;
    m->walked = 0;
    if (*p == '.') at = subject_end;
    const char *begin = at;
    for (;;) {
        const char *limit = subject_end - at > WINDOW ? at + WINDOW : subject_end;
        at = lwb_item_span(m, at, limit, p, item_end);
        if (at < limit || limit == subject_end) break;
        if (lwb_slice_is_due(&m->interrupt, WINDOW_STEPS)) {
            m->walked = at - s;
            return WALK_INTERRUPTED;
        }
        begin = at;
    }
    charge(m, at - begin);
    *count = at - s;
    return WALK_DONE;
}

// ---- Back ----------------------------------------------------------------------------------------------------------

// One character less; less still where the rest cannot begin with what is there.
static bool try_fewer(lwb_matcher *m, lwb_choice *choice) {
    ptrdiff_t count = choice->count;
    ptrdiff_t least = count > SKIP ? count - SKIP : 0;
    do {
        if (count == 0) return false;
        count--;
    } while (choice->next >= 0 && (unsigned char)choice->s[count] != choice->next && (count > least || count == 0));
    charge(m, choice->count - count);
    choice->count = count;
    return true;
}

// One character more; more still where the rest cannot begin with what is there.
static bool try_more(lwb_matcher *m, lwb_choice *choice) {
    const char *s = choice->s, *subject_end = m->in.subject_end;
    const char *most = subject_end - s > SKIP ? s + SKIP : subject_end;
    // The item ends where the rest begins, but for the sign of repetition.
    do {
        if (!matches_one(m, s, choice->item, choice->rest - 1)) return false;
        s++;
    } while (choice->next >= 0 && s < most && (unsigned char)*s != choice->next);
    charge(m, s - choice->s);
    choice->s = s;
    return true;
}

// Goes back to the last choice that can be made otherwise, and sets where that leads. False when there is none.
static bool go_back(lwb_matcher *m, const char **s, const char **p) {
    while (m->depth > 0) {
        lwb_choice *choice = &m->choices[m->depth - 1];
        *p = choice->rest;
        switch (choice->kind) {
        case LWB_CHOICE_FEWER:
            if (try_fewer(m, choice)) {
                *s = choice->s + choice->count;
                return true;
            }
            break;
        case LWB_CHOICE_MORE:
            if (try_more(m, choice)) {
                *s = choice->s;
                return true;
            }
            break;
        case LWB_CHOICE_WITHOUT:
            *s = choice->s;
            m->depth--;
            return true;
        case LWB_UNDO_OPEN: m->capture_count--; break;
        case LWB_UNDO_CLOSE: m->captures[choice->count].length = LWB_CAPTURE_OPEN; break;
        }
        m->depth--;
    }
    return false;
}

// ---- Forward -------------------------------------------------------------------------------------------------------

// One match from `s`, with the pattern from `p`.
static lwb_found match(lwb_matcher *m, const char *s, const char *p) {
    const char *pattern_end = m->in.pattern_end;
    for (;;) {
        if (lwb_slice_is_due(&m->interrupt, 1)) goto interrupted;
        if (p == pattern_end) {
            m->s = s;
            return LWB_FOUND_MATCH;
        }
        switch (*p) {
        case '(':
            if (p[1] == ')') {
                open_capture(m, s, LWB_CAPTURE_POSITION);
                p += 2;
            } else {
                open_capture(m, s, LWB_CAPTURE_OPEN);
                p++;
            }
            continue;
        case ')':
            close_capture(m, s);
            p++;
            continue;
        case '$':
            if (p + 1 != pattern_end) break;
            if (s != m->in.subject_end) goto failed;
            p++;
            continue;
        case '%':
            if (p[1] == 'b') {
                switch (walk_balance(m, s, p + 2, &s)) {
                case WALK_FAILED: goto failed;
                case WALK_DONE: p += 4; continue;
                case WALK_INTERRUPTED: goto interrupted;
                }
            } else if (p[1] == 'f') {
                if (p[2] != '[') luaL_error(m->interrupt.L, "missing '[' after '%%f' in pattern");
                const char *set_end = lwb_set_end(m, p + 2);
                if (!is_frontier(m, s, p + 2, set_end)) goto failed;
                p = set_end;
                continue;
            } else if (p[1] >= '0' && p[1] <= '9') {
                s = match_reference(m, s, p[1]);
                if (s == NULL) goto failed;
                p += 2;
                continue;
            }
            break;
        default: break;
        }

        const char *item_end = item_end_of(m, p);
        lwb_choice *choice;
        ptrdiff_t count;
        switch (*item_end) {
        case '?':
            if (matches_one(m, s, p, item_end)) {
                choice = push_choice(m);
                choice->kind = LWB_CHOICE_WITHOUT;
                choice->s = s++;
                choice->rest = item_end + 1;
            }
            p = item_end + 1;
            continue;
        case '-':
            choice = push_choice(m);
            choice->kind = LWB_CHOICE_MORE;
            choice->s = s;
            choice->item = p;
            p = choice->rest = item_end + 1;
            choice->next = first_character(p, pattern_end);
            continue;
        case '+':
            if (!matches_one(m, s, p, item_end)) goto failed;
            if (walk_item(m, s + 1, p, item_end, &count) == WALK_INTERRUPTED) goto interrupted;
            s++;
            break;
        case '*':
            count = 0;
            if (!matches_one(m, s, p, item_end)) break;
            if (walk_item(m, s + 1, p, item_end, &count) == WALK_INTERRUPTED) goto interrupted;
            count++;
            break;
        default:
            if (!matches_one(m, s, p, item_end)) goto failed;
            s++;
            p = item_end;
            continue;
        }
        choice = push_choice(m);
        choice->kind = LWB_CHOICE_FEWER;
        choice->s = s;
        choice->count = count;
        s += count;
        p = choice->rest = item_end + 1;
        choice->next = first_character(p, pattern_end);
        continue;

    failed:
        if (!go_back(m, &s, &p)) return LWB_FOUND_NOTHING;
    }

interrupted:
    m->s = s;
    m->p = p;
    m->interrupted = true;
    return LWB_FOUND_SLICE_END;
}

lwb_pattern lwb_pattern_of(const char *subject, size_t subject_length, const char *pattern, size_t pattern_length,
                           bool anchors) {
    const char *pattern_end = pattern + pattern_length;
    bool anchored = anchors && *pattern == '^';
    if (anchored) pattern++;
    const char *first = first_item(pattern);
    return (lwb_pattern){
        .subject = subject,
        .subject_end = subject + subject_length,
        .pattern = pattern,
        .pattern_end = pattern_end,
        .anchored = anchored,
        .first = anchored ? -1 : first_character(first, pattern_end),
        .frontier = !anchored && first[0] == '%' && first[1] == 'f' && first[2] == '[' ? first + 2 : NULL,
    };
}

lwb_found lwb_search(lwb_matcher *m, const char *last_end) {
    for (;;) {
        lwb_found found;
        if (m->interrupted) {
            m->interrupted = false;
            found = match(m, m->s, m->p);
        } else {
            if (m->in.first >= 0) {
                const char *first = memchr(m->start, m->in.first, (size_t)(m->in.subject_end - m->start));
                if (first == NULL) return LWB_FOUND_NOTHING;
                charge(m, first - m->start);
                m->start = first;
            } else if (m->in.frontier != NULL) {
                m->start = skip_to_frontier(m, m->start, m->in.frontier);
            }
            m->capture_count = 0;
            m->depth = 0;
            found = match(m, m->start, m->in.pattern);
        }
        if (found == LWB_FOUND_SLICE_END) return found;
        if (found == LWB_FOUND_MATCH && m->s != last_end) return found;
        if (m->in.anchored || m->start >= m->in.subject_end) return LWB_FOUND_NOTHING;
        m->start++;
    }
}

// ---- Over the end of a slice ---------------------------------------------------------------------------------------

static size_t kept_size(const lwb_matcher *m) {
    return offsetof(lwb_matcher, choices) + (size_t)m->depth * sizeof m->choices[0];
}

void lwb_matcher_keep(const lwb_matcher *m) {
    lwb_check_stack(m->interrupt.L, 1, NULL);
    size_t size = kept_size(m);
    memcpy(lua_newuserdatauv(m->interrupt.L, size, 0), m, size);
}

void lwb_matcher_restore(lwb_matcher *m, lua_State *L) {
    const lwb_matcher *kept = lua_touserdata(L, -1);
    memcpy(m, kept, kept_size(kept));
    m->interrupt = lwb_interrupt_begin(L);
    lua_pop(L, 1);
}
