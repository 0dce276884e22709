/*
 * Compares the bridge's find, match, gmatch and gsub with Lua's own on generated subjects and patterns.
 *
 * Usage: pattern_differential [--cases N] [--seed S] [--first N] [--locale NAME]
 *   Each case depends on the seed and its number alone: `--seed S --first N --cases 1` runs one again. How the two are
 *   compared is in pattern_compare.h.
 */
#include "pattern_compare.h"
#include "pattern_texts.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- One case ---- */

static void push_text(lua_State *L, const text *from) {
    lua_pushlstring(L, from->bytes, from->length);
}

static void push_init(lua_State *L) {
    switch (below(6)) {
    case 0: lua_pushinteger(L, (lua_Integer)below(40) - 20); break;
    case 1: lua_pushinteger(L, below(2) ? LUA_MAXINTEGER : LUA_MININTEGER); break;
    case 2: lua_pushnumber(L, (lua_Number)below(6) / 2); break;
    default: lua_pushnil(L); break;
    }
}

/* Something else than what is expected there, now and then. */
static void spoil(lua_State *L, int index) {
    if (below(300) != 0) return;
    switch (below(5)) {
    case 0: lua_pushnil(L); break;
    case 1: lua_pushboolean(L, 1); break;
    case 2: lua_newtable(L); break;
    case 3: lua_pushinteger(L, 1201); break;
    default: lua_pushnumber(L, 10.5); break;
    }
    lua_replace(L, index);
}

/* Leaves the call's kind, subject, pattern, third and fourth argument on the stack, from CASE. */
static void push_case(lua_State *L) {
    static const char *const kinds[] = {"find",      "find",          "match",      "match",     "gmatch",
                                        "gsub-text", "gsub-function", "gsub-table", "gsub-chain"};
    const char *kind = kinds[below(sizeof kinds / sizeof *kinds)];
    text subject = {0}, pattern = {0}, replacement = {0};
    make_subject(&subject);
    make_pattern(&pattern);
    if (subject.length > 0 && below(40) == 0) {
        pattern.length = 0;
        size_t from = below((unsigned)subject.length);
        add(&pattern, subject.bytes + from, below((unsigned)(subject.length - from)) + 1);
    }
    make_replacement(&replacement);
    lua_pushstring(L, kind);
    push_text(L, &subject);
    push_text(L, &pattern);
    if (strcmp(kind, "gsub-text") == 0) {
        push_text(L, &replacement);
    } else {
        push_init(L);
    }
    if (kind[0] == 'g') {
        push_init(L);
    } else {
        lua_pushboolean(L, below(8) == 0);
    }
    for (int i = 1; i < CASE_SIZE; i++)
        spoil(L, CASE + i);
}

typedef struct totals {
    uint64_t cases, skipped, different, failing, matching;
    long slices;
} totals;

static void run_case(pattern_world *world, uint64_t seed, uint64_t number, totals *sum) {
    lua_State *L = world->L;
    chance = seed * 0x2545F4914F6CDD1Du + number;
    next_random();
    lua_settop(L, CASE - 1);
    push_case(L);
    sum->cases++;
    comparison compared = compare(world, &sum->slices);
    if (compared == COMPARED_SKIPPED) {
        sum->skipped++;
        return;
    }
    const char *result = lua_tostring(L, -1);
    sum->failing += strncmp(result, "false", 5) == 0;
    sum->matching += strncmp(result, "true nil", 8) != 0 && strncmp(result, "false", 5) != 0;
    if (compared == COMPARED_SAME) return;
    sum->different++;
    printf("different: --seed %" PRIu64 " --first %" PRIu64 " --cases 1\n", seed, number);
    show_difference(L);
}

static uint64_t number_of(const char *option, const char *value) {
    char *end = NULL;
    uint64_t number = value == NULL ? 0 : strtoull(value, &end, 10);
    if (value == NULL || *value == '\0' || *end != '\0') {
        fprintf(stderr, "%s needs a number\n", option);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv) {
    uint64_t cases = 200000, seed = 1, first = 0;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--cases") == 0) {
            cases = number_of(argv[i], argv[i + 1]);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = number_of(argv[i], argv[i + 1]);
        } else if (strcmp(argv[i], "--first") == 0) {
            first = number_of(argv[i], argv[i + 1]);
        } else if (strcmp(argv[i], "--locale") == 0 && argv[i + 1] != NULL) {
            if (setlocale(LC_CTYPE, argv[i + 1]) == NULL) {
                fprintf(stderr, "no locale %s\n", argv[i + 1]);
                return 2;
            }
        } else {
            fprintf(stderr, "usage: %s [--cases N] [--seed S] [--first N] [--locale NAME]\n", argv[0]);
            return 2;
        }
    }
    pattern_world world;
    open_world(&world);
    totals sum = {0};
    for (uint64_t i = 0; i < cases && sum.different < 20; i++)
        run_case(&world, seed, first + i, &sum);
    printf("seed %" PRIu64 ": %" PRIu64 " cases (%" PRIu64 " with a match, %" PRIu64 " with an error), %ld slices, "
           "%" PRIu64 " skipped, %" PRIu64 " different\n",
           seed, sum.cases, sum.matching, sum.failing, sum.slices, sum.skipped, sum.different);
    close_world(&world);
    return sum.different == 0 && sum.matching > 0 ? 0 : 1;
}
