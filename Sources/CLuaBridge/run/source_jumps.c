// How many jumps the functions of a source have. Lua's compiler can be stopped between two pieces of a source
// (compile.c), but not while it does what a single word asks for: the end of a loop, or a label, resolves all that jump
// there, in time that grows with the square of their number, and the end of a function follows the jumps of its loops
// and branches, each through up to a hundred others. So their number is bounded, before the compiler sees them.
//
// For this the source is read as Lua's lexer reads it, but for texts, comments and numbers all are one character after
// the other. What comes behind something that Lua does not accept does not matter: the compiler does not get there.
#include "run/source_jumps.h"

#include <lua.h>
#include <stddef.h>
#include <string.h>

// Some milliseconds for each: 2,000 gotos to one label take two, 20,000 loops around nothing take five.
enum { MOST_EXITS = 2000, MOST_BRANCHES = 20000 };

enum state {
    CODE,
    WORD,
    NUMERAL,
    DASH,         // a minus; a second one begins a comment
    COMMENT,      // behind the second: a long one if a bracket opens
    LINE_COMMENT, // to the end of the line
    BRACKET,      // a bracket has opened, and so many '=' followed: a long text if another opens
    LONG_TEXT,
    // a bracket has closed in it, and so many '=' followed: the end if there are as many as at its beginning
    LONG_TEXT_END,
    TEXT,
    ESCAPE, // behind a backslash in a text
};

static bool is_letter(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(const lwb_jumps *jumps, const char *word) {
    return strlen(word) == jumps->word_length && memcmp(word, jumps->word, jumps->word_length) == 0;
}

static void begin_function(lwb_jumps *jumps) {
    // Lua nests no more than LWB_NESTED_FUNCTIONS. All that is beyond counts as one.
    if (jumps->functions == LWB_NESTED_FUNCTIONS) return;
    jumps->outer[jumps->functions++] = (lwb_function_jumps){jumps->blocks, jumps->exits, jumps->branches};
    jumps->exits = jumps->branches = 0;
}

static void end_block(lwb_jumps *jumps) {
    if (jumps->functions > 0 && jumps->blocks == jumps->outer[jumps->functions - 1].blocks) {
        const lwb_function_jumps *outer = &jumps->outer[--jumps->functions];
        jumps->exits = outer->exits;
        jumps->branches = outer->branches;
    } else {
        jumps->blocks -= 1;
    }
}

static void end_word(lwb_jumps *jumps) {
    switch (jumps->word[0]) {
    case 'b': jumps->exits += is_word(jumps, "break"); break;
    case 'd': jumps->blocks += is_word(jumps, "do"); break; // also that of a while or for
    case 'e':
        if (is_word(jumps, "end")) end_block(jumps);
        jumps->branches += is_word(jumps, "else") || is_word(jumps, "elseif");
        break;
    case 'f':
        if (is_word(jumps, "function")) begin_function(jumps);
        break;
    case 'g': jumps->exits += is_word(jumps, "goto"); break;
    case 'i': jumps->blocks += is_word(jumps, "if"); break;
    case 'r': jumps->blocks += is_word(jumps, "repeat"); break;
    case 'u':
        if (is_word(jumps, "until")) end_block(jumps);
        break;
    case 'w': jumps->branches += is_word(jumps, "while"); break;
    default: break;
    }
}

static void begin(lwb_jumps *jumps, char c) {
    jumps->state = CODE;
    if (is_letter((unsigned char)c)) {
        jumps->state = WORD;
        jumps->word[0] = c;
        jumps->word_length = 1;
    } else if (is_digit((unsigned char)c)) {
        jumps->state = NUMERAL;
    } else if (c == '-') {
        jumps->state = DASH;
    } else if (c == '[') {
        jumps->state = BRACKET;
        jumps->is_comment = false;
        jumps->level = 0;
    } else if (c == '"' || c == '\'') {
        jumps->state = TEXT;
        jumps->quote = c;
    }
}

static void go_on_in_word(lwb_jumps *jumps, char c) {
    if (!is_letter((unsigned char)c) && !is_digit((unsigned char)c)) {
        end_word(jumps);
        begin(jumps, c);
    } else if (jumps->word_length < sizeof jumps->word) { // one that fills it is longer than any that matters
        jumps->word[jumps->word_length++] = c;
    }
}

static void go_on_in_bracket(lwb_jumps *jumps, char c) {
    if (c == '=') {
        jumps->level += 1;
    } else if (c == '[') {
        jumps->state = LONG_TEXT;
    } else if (jumps->is_comment) {
        jumps->state = c == '\n' || c == '\r' ? CODE : LINE_COMMENT;
    } else {
        begin(jumps, c);
    }
}

static void go_on_in_long_text(lwb_jumps *jumps, char c) {
    bool closes = jumps->state == LONG_TEXT_END;
    if (c == '=' && closes) {
        jumps->closing += 1;
    } else if (c == ']') {
        bool is_end = closes && jumps->closing == jumps->level;
        jumps->state = is_end ? CODE : LONG_TEXT_END;
        jumps->closing = 0;
    } else {
        jumps->state = LONG_TEXT;
    }
}

static void go_on(lwb_jumps *jumps, char c) {
    switch ((enum state)jumps->state) {
    case CODE: begin(jumps, c); break;
    case WORD: go_on_in_word(jumps, c); break;
    case NUMERAL:
        // What follows a numeral without a space is part of it, or an error.
        if (!is_letter((unsigned char)c) && !is_digit((unsigned char)c) && c != '.') begin(jumps, c);
        break;
    case DASH:
        if (c == '-') {
            jumps->state = COMMENT;
        } else {
            begin(jumps, c);
        }
        break;
    case COMMENT:
        jumps->is_comment = true;
        jumps->level = 0;
        jumps->state = c == '[' ? BRACKET : c == '\n' || c == '\r' ? CODE : LINE_COMMENT;
        break;
    case LINE_COMMENT:
        if (c == '\n' || c == '\r') jumps->state = CODE;
        break;
    case BRACKET: go_on_in_bracket(jumps, c); break;
    case LONG_TEXT:
    case LONG_TEXT_END: go_on_in_long_text(jumps, c); break;
    case TEXT:
        if (c == '\\') {
            jumps->state = ESCAPE;
        } else if (c == jumps->quote) {
            jumps->state = CODE;
        }
        break;
    case ESCAPE: jumps->state = TEXT; break;
    }
}

void lwb_begin_counting_jumps(lwb_jumps *jumps) {
    memset(jumps, 0, offsetof(lwb_jumps, outer));
    jumps->line = 1;
}

bool lwb_count_jumps(lwb_jumps *jumps, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        go_on(jumps, bytes[i]);
        if (jumps->exits > MOST_EXITS || jumps->branches > MOST_BRANCHES) return false;
        jumps->line += bytes[i] == '\n';
    }
    return true;
}

int lwb_raise_too_many_jumps(lua_State *L, const lwb_jumps *jumps, const char *chunk_name) {
    bool exits = jumps->exits > MOST_EXITS;
    lua_pushfstring(L, "%s:%d: too many jumps (limit is %d %s in a function)", chunk_name, jumps->line,
                    exits ? MOST_EXITS : MOST_BRANCHES, exits ? "goto and break" : "while, else and elseif");
    return lua_error(L);
}
