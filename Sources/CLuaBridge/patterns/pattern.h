// Lua's patterns: a matcher whose whole state is in one struct, so that a match can be left in the middle and gone on
// with.
#ifndef LUAWAIT_BRIDGE_PATTERN_H
#define LUAWAIT_BRIDGE_PATTERN_H

#include "stop/interrupt.h"

#include <ctype.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

// How deep Lua's own matcher recurses. Each capture's begin and end and each repeated item on the way to where the
// match is takes one level, here as there, so that the same patterns are too complex.
enum { LWB_PATTERN_DEPTH = 200 };

// As many as Lua's own allows.
enum { LWB_PATTERN_CAPTURES = 32 };

// How many characters are walked over between two looks. Tests make it small, to have ends of slices everywhere.
#ifndef LWB_PATTERN_WINDOW
#define LWB_PATTERN_WINDOW 16384
#endif

// What is looked for where. The texts are strings that the Lua stack or a closure keeps alive: they do not move.
typedef struct lwb_pattern {
    const char *subject, *subject_end;
    const char *pattern, *pattern_end; // without the anchor
    bool anchored;
    int first;            // the character that every match begins with; -1: there are several
    const char *frontier; // the set of the %f[set] that every match begins with, or NULL
} lwb_pattern;

// Instead of a capture's length.
enum { LWB_CAPTURE_OPEN = -1, LWB_CAPTURE_POSITION = -2 };

typedef struct lwb_capture {
    const char *start;
    ptrdiff_t length;
} lwb_capture;

typedef enum lwb_choice_kind {
    LWB_CHOICE_FEWER,   // the item at `item` matched `count` times from `s`: try one less
    LWB_CHOICE_MORE,    // the item at `item` matched up to `s`: try one more
    LWB_CHOICE_WITHOUT, // the item was matched once: try without, from `s`
    LWB_UNDO_OPEN,      // a capture was begun
    LWB_UNDO_CLOSE,     // capture number `count` was ended
} lwb_choice_kind;

// What to do when the rest of the pattern does not match.
typedef struct lwb_choice {
    const char *s;
    const char *rest; // of the pattern
    union {
        ptrdiff_t count;
        const char *item;
    };
    lwb_choice_kind kind;
    int next; // the character that the rest begins with; -1: there are several
} lwb_choice;

typedef struct lwb_matcher {
    lwb_interrupt interrupt;
    lwb_pattern in;
    const char *start;    // of the match, found or tried
    const char *s, *p;    // the end of the match found, or where to go on
    bool interrupted;     // a slice ended in the middle of the match from `start`
    ptrdiff_t walked;     // an item that walks far had come so far when it was interrupted …
    ptrdiff_t open_pairs; // … with so many pairs of a %b open
    int capture_count;
    int depth;
    lwb_capture captures[LWB_PATTERN_CAPTURES];
    lwb_choice choices[LWB_PATTERN_DEPTH - 1]; // last: only those in use are kept over a slice
} lwb_matcher;

typedef enum lwb_found {
    LWB_FOUND_NOTHING,
    LWB_FOUND_MATCH,
    LWB_FOUND_SLICE_END, // the slice is over: lwb_matcher_keep(), yield, lwb_matcher_restore(), lwb_search() again
} lwb_found;

// ---- Classes: those of the C library's functions, in the C locale, as Lua's -----------------------------------------

static inline bool lwb_class_contains(unsigned char c, char letter) {
    switch (letter) {
    case 'a': return isalpha(c);
    case 'A': return !isalpha(c);
    case 'c': return iscntrl(c);
    case 'C': return !iscntrl(c);
    case 'd': return isdigit(c);
    case 'D': return !isdigit(c);
    case 'g': return isgraph(c);
    case 'G': return !isgraph(c);
    case 'l': return islower(c);
    case 'L': return !islower(c);
    case 'p': return ispunct(c);
    case 'P': return !ispunct(c);
    case 's': return isspace(c);
    case 'S': return !isspace(c);
    case 'u': return isupper(c);
    case 'U': return !isupper(c);
    case 'w': return isalnum(c);
    case 'W': return !isalnum(c);
    case 'x': return isxdigit(c);
    case 'X': return !isxdigit(c);
    // Of Lua 5.1, where a pattern could not hold a NUL, and still there.
    case 'z': return c == '\0';
    case 'Z': return c != '\0';
    default: return (unsigned char)letter == c;
    }
}

// ---- pattern_match.c; all may raise ----

// `anchors`: whether a ^ in front anchors the pattern. Does not raise.
lwb_pattern lwb_pattern_of(const char *subject, size_t subject_length, const char *pattern, size_t pattern_length,
                           bool anchors);

// Looks are to be for `start` on; does not raise.
static inline void lwb_matcher_begin(lwb_matcher *m, lua_State *L, const lwb_pattern *pattern, const char *start) {
    m->interrupt = lwb_interrupt_begin(L);
    m->in = *pattern;
    m->start = start;
    m->interrupted = false;
    m->walked = 0;
}

// Looks for the first match at or behind `start` that does not end at `last_end` (NULL: nowhere).
lwb_found lwb_search(lwb_matcher *m, const char *last_end);
// Pushes a userdata that holds the interrupted match.
void lwb_matcher_keep(const lwb_matcher *m);
// Takes it from the top of the stack.
void lwb_matcher_restore(lwb_matcher *m, lua_State *L);

// ---- pattern_captures.c; all may raise ----

// Pushes capture number `index`, from 0; the whole match if the pattern has none.
void lwb_push_capture(lwb_matcher *m, int index);
// Pushes all captures and gives their number. `whole`: the whole match, if there are none.
int lwb_push_captures(lwb_matcher *m, bool whole);
// The bytes of a capture and their number, or LWB_CAPTURE_POSITION.
ptrdiff_t lwb_capture_text(lwb_matcher *m, int index, const char **text);

// ---- pattern_items.c ----

// The end of the set that begins at `p`, behind its bracket. Raises when there is none.
const char *lwb_set_end(const lwb_matcher *m, const char *p);
// `set_end` is where the closing bracket is. Raises only stops.
bool lwb_set_contains(const lwb_matcher *m, unsigned char c, const char *p, const char *set_end);
// The first character from `s` before `limit` that the item from `p` to `item_end` does not match.
const char *lwb_item_span(const lwb_matcher *m, const char *s, const char *limit, const char *p, const char *item_end);

#endif
