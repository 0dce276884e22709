#define _POSIX_C_SOURCE 200809L
// Generated programs under disturbances: whatever disturbs it, a program does the same.
//
//   chaos FOLDER [--seed S] [--first N] [--cases N] [--way NAME] [--write FILE | --expect FILE] [--show]
//
// FOLDER has programs.lua, which writes the programs, and prelude.lua. Each case is a program that lives once
// undisturbed, and then once or more in each of the ways below. With --write the undisturbed lives are kept in a file,
// with --expect they must be the same as in one: of another Lua, say. --show prints the program and what comes of it.
//
// A case that goes wrong, or ends this program, is named with the options that repeat it.
#include "current_case.h"
#include "life.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_STOPS = 6, MEMORY_STEPS = 10, MOST_FAILURES = 5, MOST_SECONDS = 120, TOGETHER = 3 };

typedef struct options {
    const char *folder, *way, *write, *expect;
    unsigned long seed, first, cases;
    bool shows;
} options;

typedef struct test {
    const options *options;
    unsigned long number;
    char *program;
    life_outcome calm;
    unsigned random;
} test;

static unsigned long failures, lives;

// ---- Saying what went wrong ----------------------------------------------------------------------------------------

static void name_case(const test *test, const char *way) {
    snprintf(current_case, sizeof current_case, "FAILED: chaos --seed %lu --first %lu --cases 1%s%s\n",
             test->options->seed, test->number, way == NULL ? "" : " --way ", way == NULL ? "" : way);
    alarm(MOST_SECONDS);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...) {
    va_list arguments;
    failures++;
    fputs(current_case, stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

// Where two texts begin to differ, with what comes before it in the line.
static void say_difference(const char *detail, const char *expected, const char *got) {
    size_t at = 0;
    while (expected[at] != '\0' && expected[at] == got[at])
        at++;
    size_t from = at > 60 ? at - 60 : 0;
    wrong("%s\n    undisturbed: %.160s\n    disturbed:   %.160s\n", detail, expected + from, got + from);
}

// ---- Ways to disturb it --------------------------------------------------------------------------------------------

static life_outcome live(const test *test, const life_plan *plan) {
    lives++;
    return life_live(test->program, plan);
}

static void must_be_the_same(const char *detail, const life_outcome *expected, const life_outcome *got) {
    if (strcmp(expected->text, got->text) != 0) say_difference(detail, expected->text, got->text);
}

static void live_as_ever(test *test, const char *detail, life_plan plan) {
    life_outcome outcome = live(test, &plan);
    must_be_the_same(detail, &test->calm, &outcome);
    free(outcome.text);
}

static void in_a_shared_context(test *test) {
    live_as_ever(test, "in a shared context", (life_plan){.is_shared = true});
}

static void on_other_threads(test *test) {
    live_as_ever(test, "on another thread in each turn", (life_plan){.changes_thread = true, .slice = 97});
}

static void in_slices(test *test) {
    static const int slices[] = {1, 2, 5, 23, 100};
    char detail[40];
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        snprintf(detail, sizeof detail, "in slices of %d instructions", slices[i]);
        live_as_ever(test, detail, (life_plan){.slice = slices[i]});
    }
}

static void collecting_at_each_allocation(test *test) {
    live_as_ever(test, "collecting at each allocation", (life_plan){.collects = true});
    live_as_ever(test, "collecting at each allocation, in slices",
                 (life_plan){.collects = true, .slice = 31, .is_shared = true});
}

static void beside_others(test *test) {
    const char *programs[TOGETHER];
    life_outcome outcomes[TOGETHER];
    for (size_t i = 0; i < TOGETHER; i++)
        programs[i] = test->program;
    lives += TOGETHER;
    life_live_together(programs, TOGETHER, (unsigned)test->number, outcomes);
    for (size_t i = 0; i < TOGETHER; i++) {
        must_be_the_same("beside others in a context", &test->calm, &outcomes[i]);
        free(outcomes[i].text);
    }
}

static unsigned below(test *test, unsigned limit) {
    test->random = test->random * 1664525u + 1013904223u;
    return (test->random >> 8) % limit;
}

// All of 1 to `count` if they are few, else some of them; 0 at the end.
static unsigned next_place(test *test, unsigned before, unsigned count) {
    unsigned next = before + 1;
    if (count > MOST_STOPS) next += below(test, 2 * count / MOST_STOPS);
    return next > count ? 0 : next;
}

// What it did until it was stopped is what it does undisturbed.
static void check_stopped(const test *test, unsigned at, const life_outcome *outcome) {
    static const char stopped[] = "stopped\n";
    size_t length = strlen(outcome->text);
    if (length >= strlen(stopped) && strcmp(outcome->text + length - strlen(stopped), stopped) == 0) {
        length -= strlen(stopped);
    }
    if (strncmp(test->calm.text, outcome->text, length) == 0) return;
    char detail[40];
    snprintf(detail, sizeof detail, "stopped at park %u", at);
    say_difference(detail, test->calm.text, outcome->text);
}

static void stopped_at_parks(test *test) {
    for (unsigned at = next_place(test, 0, test->calm.parks); at != 0; at = next_place(test, at, test->calm.parks)) {
        for (life_stop stop = 0; stop < LIFE_STOPS; stop++) {
            life_plan plan = {.stop_at = at, .stop = stop, .is_shared = stop == STOP_BESIDE || at % 2 == 0};
            life_outcome outcome = live(test, &plan);
            check_stopped(test, at, &outcome);
            free(outcome.text);
        }
    }
}

// A program that closes another coroutine than before is another program: it has an undisturbed life of its own.
static void closing_at_yields(test *test) {
    unsigned yields = test->calm.finished ? test->calm.yields : MOST_STOPS;
    for (unsigned at = next_place(test, 0, yields); at != 0; at = next_place(test, at, yields)) {
        char detail[60];
        life_outcome calm = live(test, &(life_plan){.close_at = at});
        life_outcome disturbed = live(test, at % 2 == 0 ? &(life_plan){.close_at = at, .collects = true}
                                                        : &(life_plan){.close_at = at, .slice = 3});
        snprintf(detail, sizeof detail, "closing a coroutine at yield %u", at);
        must_be_the_same(detail, &calm, &disturbed);
        free(calm.text);
        free(disturbed.text);
    }
}

static void with_little_memory(test *test) {
    for (size_t step = 1; step <= MEMORY_STEPS; step++) {
        size_t room = test->calm.most_room / MEMORY_STEPS * step + below(test, 1000);
        life_outcome outcome = live(test, &(life_plan){.room = room, .is_shared = step % 3 == 0});
        if (!outcome.lacks_memory) {
            char detail[60];
            snprintf(detail, sizeof detail, "with %zu bytes of memory", room);
            must_be_the_same(detail, &test->calm, &outcome);
        }
        free(outcome.text);
    }
}

static const struct {
    const char *name;
    void (*run)(test *test);
} ways[] = {
    {"shared", in_a_shared_context}, {"threads", on_other_threads},
    {"slices", in_slices},           {"beside", beside_others},
    {"stop", stopped_at_parks},      {"close", closing_at_yields},
    {"memory", with_little_memory},  {"collect", collecting_at_each_allocation},
};
enum { WAYS = sizeof ways / sizeof *ways };

// ---- Cases ---------------------------------------------------------------------------------------------------------

static char *read_file(const char *folder, const char *name) {
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (file == NULL || text == NULL || fread(text, 1, (1 << 20) - 1, file) == 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    fclose(file);
    return text;
}

// In a state of its own, without collections: a Lua that collects all the time would spend its time here.
static char *write_program(const options *options, unsigned long number) {
    char *prelude = read_file(options->folder, "prelude.lua"), *generator = read_file(options->folder, "programs.lua");
    lua_State *L = luaL_newstate();
    if (L == NULL) abort();
    lua_gc(L, LUA_GCSTOP);
    luaL_openlibs(L);
    lua_pushstring(L, prelude);
    bool fine =
        luaL_loadbuffer(L, generator, strlen(generator), "=programs.lua") == LUA_OK && lua_pcall(L, 0, 1, 0) == LUA_OK;
    if (fine) {
        lua_pushinteger(L, (lua_Integer)options->seed);
        lua_pushinteger(L, (lua_Integer)number);
        fine = lua_pcall(L, 2, 1, 0) == LUA_OK;
    }
    if (!fine) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(2);
    }
    lua_concat(L, 2);
    char *program = strdup(lua_tostring(L, -1));
    lua_close(L);
    free(prelude);
    free(generator);
    return program;
}

// The undisturbed life must be that of another Lua, if one is to be expected: its text follows its number and length.
static void compare_with_file(test *test, FILE *expected) {
    unsigned long number;
    size_t length;
    while (fscanf(expected, "case %lu %zu\n", &number, &length) == 2) {
        char *text = calloc(1, length + 1);
        if (text == NULL || fread(text, 1, length, expected) != length) break;
        bool found = number == test->number;
        if (found && strcmp(text, test->calm.text) != 0) say_difference("on another Lua", text, test->calm.text);
        free(text);
        if (found) return;
    }
    wrong("there is no such case in %s\n", test->options->expect);
}

static void run_case(const options *options, unsigned long number, FILE *written, FILE *expected) {
    test test = {.options = options, .number = number, .random = (unsigned)(options->seed * 31 + number)};
    test.program = write_program(options, number);
    if (options->shows) puts(test.program);
    name_case(&test, NULL);
    test.calm = live(&test, &(life_plan){0});
    if (options->shows) puts(test.calm.text);
    if (strstr(test.calm.text, "stack overflow") != NULL) wrong("the program is too deep to be the same everywhere\n");
    if (strstr(test.calm.text, "syntax") != NULL) wrong("%.200s\n", test.calm.text);
    if (written != NULL) fprintf(written, "case %lu %zu\n%s", number, strlen(test.calm.text), test.calm.text);
    if (expected != NULL) compare_with_file(&test, expected);
    for (size_t i = 0; i < WAYS && failures < MOST_FAILURES; i++) {
        if (options->way != NULL && strcmp(options->way, ways[i].name) != 0) continue;
        name_case(&test, ways[i].name);
        ways[i].run(&test);
    }
    free(test.calm.text);
    free(test.program);
}

static bool take_option(options *options, const char *name, const char *value) {
    unsigned long *number = strcmp(name, "--seed") == 0    ? &options->seed
                            : strcmp(name, "--first") == 0 ? &options->first
                            : strcmp(name, "--cases") == 0 ? &options->cases
                                                           : NULL;
    const char **text = strcmp(name, "--way") == 0      ? &options->way
                        : strcmp(name, "--write") == 0  ? &options->write
                        : strcmp(name, "--expect") == 0 ? &options->expect
                                                        : NULL;
    if (number != NULL) *number = strtoul(value, NULL, 10);
    if (text != NULL) *text = value;
    return number != NULL || text != NULL;
}

static FILE *open_file(const char *path, const char *mode) {
    FILE *file = path == NULL ? NULL : fopen(path, mode);
    if (path != NULL && file == NULL) {
        perror(path);
        exit(2);
    }
    return file;
}

int main(int argc, char **argv) {
    options options = {.folder = argc > 1 ? argv[1] : "", .seed = 1, .first = 1, .cases = 20};
    bool fine = argc > 1;
    for (int i = 2; i < argc && fine; i++) {
        if (strcmp(argv[i], "--show") == 0) {
            options.shows = true;
        } else {
            fine = i + 1 < argc && take_option(&options, argv[i], argv[i + 1]);
            i++;
        }
    }
    if (!fine) {
        fprintf(stderr,
                "usage: %s FOLDER [--seed S] [--first N] [--cases N] [--way NAME] [--write FILE | "
                "--expect FILE] [--show]\n",
                argv[0]);
        return 2;
    }
    name_case_when_it_crashes(SIGALRM);
    FILE *written = open_file(options.write, "w"), *expected = open_file(options.expect, "r");
    for (unsigned long i = 0; i < options.cases && failures < MOST_FAILURES; i++)
        run_case(&options, options.first + i, written, expected);
    if (written != NULL && fclose(written) != 0) failures++;
    if (expected != NULL) fclose(expected);
    printf("chaos: seed %lu, %lu cases from %lu, %lu lives, %lu failed\n", options.seed, options.cases, options.first,
           lives, failures);
    return failures == 0 ? 0 : 1;
}
