// What one character matches: sets, and how far an item matches.
#include "patterns/pattern.h"

#include "stop/interrupt.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

// A set may be as long as memory allows: walking through one looks for stops now and then.
static inline void count_element(const lwb_matcher *m, unsigned *elements) {
    enum { BETWEEN_LOOKS = 4096 };
    if (++*elements % BETWEEN_LOOKS != 0) return;
    lwb_interrupt walk = lwb_interrupt_begin(m->interrupt.L);
    lwb_interrupt_look(&walk);
}

const char *lwb_set_end(const lwb_matcher *m, const char *p) {
    const char *end = m->in.pattern_end;
    unsigned elements = 0;
    p++;
    if (*p == '^') p++;
    // The first character belongs to the set even if it is a bracket.
    do {
        if (p == end) luaL_error(m->interrupt.L, "malformed pattern (missing ']')");
        if (*p++ == '%' && p < end) p++;
        count_element(m, &elements);
    } while (*p != ']');
    return p + 1;
}

// One element of a set: a class, or the characters from `low` to `high`.
typedef struct element {
    char letter; // of the class; 0: none
    unsigned char low, high;
} element;

// Gives the element at `p` and where the next one is.
static inline const char *read_element(const char *p, const char *set_end, element *result) {
    if (*p == '%') {
        *result = (element){p[1], (unsigned char)p[1], (unsigned char)p[1]};
        return p + 2;
    }
    if (p[1] == '-' && p + 2 < set_end) {
        *result = (element){0, (unsigned char)p[0], (unsigned char)p[2]};
        return p + 3;
    }
    *result = (element){0, (unsigned char)p[0], (unsigned char)p[0]};
    return p + 1;
}

bool lwb_set_contains(const lwb_matcher *m, unsigned char c, const char *p, const char *set_end) {
    bool negated = p[1] == '^';
    unsigned elements = 0;
    p += negated ? 2 : 1;
    while (p < set_end) {
        element next;
        p = read_element(p, set_end, &next);
        if (next.letter != 0 ? lwb_class_contains(c, next.letter) : next.low <= c && c <= next.high) return !negated;
        count_element(m, &elements);
    }
    return negated;
}

// ---- Spans ---------------------------------------------------------------------------------------------------------

#define SPAN(condition)                                                                                                \
    while (s < limit && (condition))                                                                                   \
        s++;                                                                                                           \
    return s

static const char *class_span(const char *s, const char *limit, char letter) {
#define C ((unsigned char)*s)
    switch (letter) {
    case 'a': SPAN(isalpha(C));
    case 'A': SPAN(!isalpha(C));
    case 'd': SPAN(isdigit(C));
    case 'D': SPAN(!isdigit(C));
    case 's': SPAN(isspace(C));
    case 'S': SPAN(!isspace(C));
    case 'w': SPAN(isalnum(C));
    case 'W': SPAN(!isalnum(C));
    default: SPAN(lwb_class_contains(C, letter));
    }
#undef C
}

typedef struct bitmap {
    bool has[UCHAR_MAX + 1];
} bitmap;

static void read_set(const lwb_matcher *m, bitmap *map, const char *p, const char *set_end) {
    bool negated = p[1] == '^';
    unsigned elements = 0;
    p += negated ? 2 : 1;
    memset(map->has, negated, sizeof map->has);
    while (p < set_end) {
        element next;
        p = read_element(p, set_end, &next);
        if (next.letter != 0) {
            for (int c = 0; c <= UCHAR_MAX; c++) {
                if (lwb_class_contains((unsigned char)c, next.letter)) map->has[c] = !negated;
            }
        } else if (next.low <= next.high) {
            memset(map->has + next.low, !negated, (size_t)(next.high - next.low) + 1);
        }
        count_element(m, &elements);
    }
}

// A few characters are looked up in the set as it is written; reading it pays from some dozens on.
static const char *set_span(const lwb_matcher *m, const char *s, const char *limit, const char *p,
                            const char *set_end) {
    enum { FEW = LWB_PATTERN_WINDOW < 48 ? LWB_PATTERN_WINDOW / 2 : 48 };
    const char *few = limit - s > FEW ? s + FEW : limit;
    for (; s < few; s++) {
        if (!lwb_set_contains(m, (unsigned char)*s, p, set_end)) return s;
    }
    if (s == limit) return s;
    bitmap map;
    read_set(m, &map, p, set_end);
    SPAN(map.has[(unsigned char)*s]);
}

const char *lwb_item_span(const lwb_matcher *m, const char *s, const char *limit, const char *p, const char *item_end) {
    switch (*p) {
    case '.': return limit;
    case '%': return class_span(s, limit, p[1]);
    case '[': return set_span(m, s, limit, p, item_end - 1);
    default: SPAN(*s == *p);
    }
}
