// The bridge's library functions against Lua's own, in one process, on random calls: see table_differential.lua.
//
//   table_differential SCRIPT [SEED [CASES [FIRST]]]
//
// The runs in a coroutine are at the end of their slice all the time, and yield at every look for orders. Compiled with
// -DLWB_STEPS_BETWEEN_LOOKS=2, as scripts/test-differential.sh does, there are looks nearly everywhere.
//
// SCRIPT is table_differential.lua. Without a seed the clock gives one. A failing case names the command that repeats
// it alone. Exits with 1 if there was a difference.
#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/eval_record.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_CASES = 20000, MEMORY_LIMIT = 256 << 20, MAX_DIFFERENCES = 5 };

// Sets t[field] = {functions of the library that `open` makes}.
static void add_library(lua_State *L, lua_CFunction open, const char *field) {
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_setfield(L, -2, field);
}

static int push_base(lua_State *L) {
    static const char *const names[] = {"tostring", "ipairs", "pairs", "next"};
    // Lua's own base functions are made in a world of their own, and come here as the C functions they are.
    lua_State *other = luaL_newstate();
    if (other == NULL) return luaL_error(L, "no memory for another state");
    luaL_requiref(other, LUA_GNAME, luaopen_base, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getfield(other, -1, names[i]);
        lua_pushcfunction(L, lua_tocfunction(other, -1));
        lua_setfield(L, -2, names[i]);
        lua_pop(other, 1);
    }
    lua_close(other);
    return 1;
}

// luaopen_string gives all strings its own metatable.
static int push_string(lua_State *L) {
    lua_pushliteral(L, "");
    if (!lua_getmetatable(L, -1)) lua_pushnil(L);
    lua_pushcfunction(L, luaopen_string);
    lua_call(L, 0, 1);
    lua_pushliteral(L, "");
    lua_pushvalue(L, -3);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    return 1;
}

static lwb_stopper *stopper;
static lwb_eval eval = {.cpu_left_ns = INT64_MAX};

// Begins or ends a time in which every slice is over.
static int set_slices(lua_State *L) {
    lwb_context *context = lwb_context_of(L);
    bool on = lua_toboolean(L, 1);
    context->stopper = on ? stopper : NULL;
    context->current = on ? &eval : NULL;
    context->can_travel = on;
    context->orders = 0;
    return 0;
}

static int load_test(lua_State *L) {
    const char *path = lua_touserdata(L, 1);
    if (luaL_loadfile(L, path) != LUA_OK) return lua_error(L);
    lua_newtable(L);
    static const char *const libraries[] = {"table", "utf8", "string"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getglobal(L, libraries[i]);
        lua_setfield(L, -2, libraries[i]);
    }
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "base");
    lua_newtable(L);
    add_library(L, luaopen_table, "table");
    add_library(L, luaopen_utf8, "utf8");
    add_library(L, push_string, "string");
    add_library(L, push_base, "base");
    luaopen_coroutine(L);
    lua_pushcfunction(L, set_slices);
    lua_call(L, 4, 1);
    return 1;
}

static int run_case(lua_State *L) {
    lua_call(L, 2, 1);
    return 1;
}

// True when the case is fine. On the stack there is the script's function alone.
static bool passes(lua_State *L, lua_Integer seed, lua_Integer number, const char *program, const char *path) {
    lua_pushcfunction(L, run_case);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, seed);
    lua_pushinteger(L, number);
    int status = lua_pcall(L, 3, 1, 0);
    bool fine = status == LUA_OK && lua_isnil(L, -1);
    if (!fine) {
        const char *text = luaL_tolstring(L, -1, NULL);
        printf("FAILED case %lld:\n%s\nrepeat it: %s %s %lld 1 %lld\n\n", (long long)number, text, program, path,
               (long long)seed, (long long)number);
    }
    lua_settop(L, 1);
    return fine;
}

// Which case hangs, for whoever ends the program for that.
static char current_case[64];

static void tell_case(int signal) {
    (void)signal;
    if (write(STDERR_FILENO, current_case, strlen(current_case)) < 0) _exit(3);
    _exit(1);
}

static lua_Integer number_of(int argc, char **argv, int index, lua_Integer missing) {
    return index < argc ? strtoll(argv[index], NULL, 10) : missing;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s SCRIPT [SEED [CASES [FIRST]]]\n", argv[0]);
        return 2;
    }
    lua_Integer seed = number_of(argc, argv, 2, (lua_Integer)time(NULL));
    lua_Integer cases = number_of(argc, argv, 3, DEFAULT_CASES), first = number_of(argc, argv, 4, 1);
    printf("seed %lld, %lld cases\n", (long long)seed, (long long)cases);
    fflush(stdout);
    lwb_options options = {.memory_limit = MEMORY_LIMIT, .max_depth = 128, .print = LWB_PRINT_STDOUT};
    lwb_context *context = lwb_context_new(&options, NULL, 0, NULL);
    if (context == NULL) {
        fprintf(stderr, "no memory\n");
        return 2;
    }
    stopper = lwb_stopper_new(true);
    if (stopper == NULL) return 2;
    lwb_stopper_set_slice_end(stopper, 1);
    eval.context = context;
    lua_State *L = context->main;
    lua_pushcfunction(L, load_test);
    lua_pushlightuserdata(L, argv[1]);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return 2;
    }
    signal(SIGTERM, tell_case);
    lua_Integer failed = 0;
    for (lua_Integer i = first; i < first + cases && failed < MAX_DIFFERENCES; i++) {
        snprintf(current_case, sizeof current_case, "ended in case %lld\n", (long long)i);
        if (!passes(L, seed, i, argv[0], argv[1])) failed++;
    }
    lwb_context_free(context);
    lwb_stopper_free(stopper);
    printf("%s: %lld differences\n", failed == 0 ? "same" : "DIFFERENT", (long long)failed);
    return failed == 0 ? 0 : 1;
}
