/* Subjects, patterns and replacements made by chance, with a bias to what patterns are made of. */
#ifndef LUAWAIT_PATTERN_TEXTS_H
#define LUAWAIT_PATTERN_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST_SUBJECT = 120, LONGEST_PATTERN = 64 };

/* ---- Chance: splitmix64 ---- */

static uint64_t chance;

static uint64_t next_random(void) {
    uint64_t z = (chance += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static unsigned below(unsigned limit) {
    return (unsigned)(next_random() % limit);
}

/* ---- Texts ---- */

typedef struct text {
    char bytes[LONGEST_SUBJECT + LONGEST_PATTERN];
    size_t length;
} text;

static void add(text *to, const char *bytes, size_t length) {
    if (to->length + length > sizeof to->bytes) return;
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

static void add_char(text *to, char c) {
    add(to, &c, 1);
}

/* A character that subjects have many of, so that patterns match. */
static char common_char(void) {
    static const char common[] = "aaaabbbcxAB01 ()[]-.%,\n\0\xff\xe9^_$";
    return common[below(sizeof common - 1)];
}

static char any_char(void) {
    return below(12) == 0 ? (char)below(256) : common_char();
}

static void make_subject(text *to) {
    size_t length = below(3) == 0 ? below(LONGEST_SUBJECT) : below(16);
    char repeated = common_char();
    while (to->length < length) {
        switch (below(6)) {
        case 0: add_char(to, repeated); /* fall through */
        case 1: add_char(to, repeated); break;
        case 2: add_char(to, any_char()); break;
        case 3: add(to, "(a(b)c)", 7); break;
        default: add_char(to, common_char()); break;
        }
    }
}

static void add_class(text *to) {
    static const char letters[] = "aAcCdDgGlLpPsSuUwWxX";
    add_char(to, '%');
    add_char(to, below(6) == 0 ? any_char() : letters[below(sizeof letters - 1)]);
}

static void add_set(text *to) {
    add_char(to, '[');
    if (below(3) == 0) add_char(to, '^');
    if (below(10) == 0) add_char(to, ']');
    for (unsigned left = below(5); left > 0; left--) {
        switch (below(5)) {
        case 0: add_class(to); break;
        case 1:
            add_char(to, any_char());
            add_char(to, '-');
            add_char(to, any_char());
            break;
        default: add_char(to, any_char()); break;
        }
    }
    if (below(40) != 0) add_char(to, ']');
}

static void add_item(text *to) {
    switch (below(14)) {
    case 0: add_char(to, '.'); break;
    case 1:
    case 2: add_class(to); break;
    case 3:
    case 4: add_set(to); break;
    case 5: add_char(to, '('); break;
    case 6: add_char(to, ')'); break;
    case 7: add(to, "()", 2); break;
    case 8:
        add(to, "%b", 2);
        add_char(to, below(2) == 0 ? '(' : any_char());
        if (below(20) != 0) add_char(to, below(2) == 0 ? ')' : any_char());
        break;
    case 9:
        add(to, "%f", 2);
        if (below(20) != 0) add_set(to);
        break;
    case 10:
        add_char(to, '%');
        add_char(to, (char)('0' + below(4)));
        break;
    default: add_char(to, common_char()); break;
    }
    static const char repeats[] = "*+-?";
    if (below(2) == 0) add_char(to, repeats[below(4)]);
}

static void make_pattern(text *to) {
    unsigned kind = below(200);
    if (kind == 0) {
        /* As many items and captures as a matcher may be asked for, and more. */
        static const char *const many[] = {"a?", "()", "(", "a-", "a*"};
        const char *one = many[below(5)];
        for (unsigned left = below(LONGEST_PATTERN / 2) + 1; left > 0; left--)
            add(to, one, strlen(one));
    } else if (kind < 20) {
        for (unsigned left = below(8); left > 0; left--)
            add_char(to, any_char());
    } else {
        if (below(5) == 0) add_char(to, '^');
        for (unsigned left = below(6) + 1; left > 0 && to->length < LONGEST_PATTERN; left--) {
            bool capture = below(5) == 0;
            if (capture) add_char(to, '(');
            add_item(to);
            if (capture) add_char(to, ')');
        }
        if (below(6) == 0) add_char(to, '$');
    }
    if (below(60) == 0) add_char(to, '%');
}

static void make_replacement(text *to) {
    for (unsigned left = below(6); left > 0; left--) {
        if (below(2) == 0) {
            add_char(to, any_char());
        } else {
            add_char(to, '%');
            add_char(to, below(12) == 0 ? any_char() : "0123%"[below(5)]);
        }
    }
}

#endif
