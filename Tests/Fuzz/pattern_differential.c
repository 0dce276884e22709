/*
 * Compares the bridge's find, match, gmatch and gsub with Lua's own on generated subjects and patterns: results, captures,
 * callbacks and error messages must be the same.
 *
 * Usage: pattern_differential [--cases N] [--seed S] [--first N] [--locale NAME]
 *   Each case depends on the seed and its number alone: `--seed S --first N --cases 1` runs one again.
 *
 * It is compiled with the bridge's own files, with a look for orders at every other step and windows of a few characters
 * (scripts/test-fuzz.sh). The bridge's functions run in a coroutine whose slice is always over, so that they are left and
 * gone on with at every place where that is possible. A case that takes too many slices is one that Lua's own function
 * might not come back from; it is skipped and counted.
 */
#include "pattern_texts.h"

#include "internal.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SLICES = 20000 };

/* The script's side: makes one call and writes down all that came of it. `call` names the function it calls `f`, for
 * messages; callbacks depend on their arguments alone, and yield only in a coroutine of the bridge's. */
static const char harness[] =
    "local pairs_of, format, type, tostring, select = ipairs, string.format, type, tostring, select\n"
    "local concat, running = table.concat, coroutine.running\n"
    "local function shown(...)\n"
    "  local list = {}\n"
    "  for i = 1, select('#', ...) do\n"
    "    local value = select(i, ...)\n"
    "    list[i] = type(value) == 'string' and format('%q', value) or type(value) == 'table' and 'table' or "
    "tostring(value)\n"
    "  end\n"
    "  return concat(list, ',')\n"
    "end\n"
    "local function code_of(text)\n"
    "  local sum = 0\n"
    "  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 1009 end\n"
    "  return sum\n"
    "end\n"
    "local function replacement(text, log)\n"
    "  log[#log + 1] = text\n"
    "  local code = code_of(text) % 16\n"
    "  if code < 4 then return nil elseif code < 6 then return false elseif code == 6 then return 42\n"
    "  elseif code == 7 then return 1.5 elseif code == 8 then return text .. text elseif code == 9 then return ''\n"
    "  elseif code == 10 and #log > 3 then return {} elseif code == 11 and #log > 3 then return true end\n"
    "  return '<' .. text .. '>'\n"
    "end\n"
    "return function(library, yields, kind, subject, pattern, third, fourth)\n"
    "  local log = {}\n"
    "  local function call()\n"
    "    if kind == 'find' or kind == 'match' then\n"
    "      local f = library[kind]\n"
    "      return shown(f(subject, pattern, third, fourth))\n"
    "    elseif kind == 'gmatch' then\n"
    "      local f = library.gmatch\n"
    "      local all, next = {}, f(subject, pattern, third)\n"
    "      for i = 1, 300 do\n"
    "        all[i] = shown(next())\n"
    "        if all[i] == '' then break end\n"
    "      end\n"
    "      return concat(all, ';')\n"
    "    end\n"
    "    local f = library.gsub\n"
    "    if kind == 'gsub-text' then return shown(f(subject, pattern, third, fourth)) end\n"
    "    local function callback(...)\n"
    "      local value = replacement(shown(...), log)\n"
    "      if yields and #log % 3 == 1 then yields() end\n"
    "      return value\n"
    "    end\n"
    "    if kind == 'gsub-function' then return shown(f(subject, pattern, callback, fourth)) end\n"
    "    local by_function = setmetatable({}, {__index = function(_, key) return callback(key) end})\n"
    "    local target = kind == 'gsub-table' and by_function or setmetatable({a = 'A', ab = 7, [''] = '-'}, {__index = "
    "by_function})\n"
    "    return shown(f(subject, pattern, target, fourth))\n"
    "  end\n"
    "  local ok, result = pcall(call)\n"
    "  return tostring(ok) .. ' ' .. tostring(result) .. ' log ' .. concat(log, '|')\n"
    "end\n";

/* ---- One case ---- */

/* What is where on the main stack. */
enum { HARNESS = 1, LIBRARY, OWN_LIBRARY, YIELD, CASE, CASE_SIZE = 5 };

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

static void push_call(lua_State *L, lua_State *to, int library, int yields) {
    lua_pushvalue(L, HARNESS);
    lua_pushvalue(L, library);
    lua_pushvalue(L, yields);
    for (int i = 0; i < CASE_SIZE; i++)
        lua_pushvalue(L, CASE + i);
    if (to != L) lua_xmove(L, to, 3 + CASE_SIZE);
}

/* Runs the bridge's functions and leaves what came of it on the main stack; false if it takes too long. */
static bool run_own(lua_State *L, lwb_context *context, long *slices) {
    lua_State *coroutine = lua_newthread(L);
    push_call(L, coroutine, OWN_LIBRARY, YIELD);
    int results, status, arguments = 2 + CASE_SIZE;
    for (int turns = 0;; turns++) {
        context->running = coroutine;
        context->orders = 0;
        status = lua_resume(coroutine, L, arguments, &results);
        context->running = NULL;
        if (status != LUA_YIELD) break;
        if (turns == MOST_SLICES) {
            lua_pop(L, 1);
            return false;
        }
        arguments = 0;
        (*slices)++;
    }
    if (status != LUA_OK) {
        fprintf(stderr, "the harness failed: %s\n", lua_tostring(coroutine, -1));
        exit(2);
    }
    lua_xmove(coroutine, L, 1);
    lua_remove(L, -2);
    return true;
}

static int yield_by_itself(lua_State *L) {
    return lua_yield(L, 0);
}

static void show(lua_State *L, const char *name, int index) {
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    bool is_text = lua_type(L, index) == LUA_TSTRING;
    lua_pushstring(L, is_text ? "%q" : "%s");
    lua_pushvalue(L, index);
    lua_call(L, 2, 1);
    printf("  %s: %s\n", name, lua_tostring(L, -1));
    lua_pop(L, 2);
}

typedef struct totals {
    uint64_t cases, skipped, different, failing, matching;
    long slices;
} totals;

static void run_case(lua_State *L, lwb_context *context, uint64_t seed, uint64_t number, totals *sum) {
    chance = seed * 0x2545F4914F6CDD1Du + number;
    next_random();
    lua_settop(L, CASE - 1);
    push_case(L);
    sum->cases++;
    if (!run_own(L, context, &sum->slices)) {
        sum->skipped++;
        return;
    }
    int own = lua_gettop(L);
    push_call(L, L, LIBRARY, CASE + CASE_SIZE + 1); // yields: nil
    lua_call(L, 2 + CASE_SIZE, 1);
    const char *result = lua_tostring(L, -1);
    sum->failing += strncmp(result, "false", 5) == 0;
    sum->matching += strncmp(result, "true nil", 8) != 0 && strncmp(result, "false", 5) != 0;
    if (lua_rawequal(L, own, -1)) return;
    sum->different++;
    int lua = lua_gettop(L);
    printf("different: --seed %" PRIu64 " --first %" PRIu64 " --cases 1\n", seed, number);
    static const char *const names[] = {"kind", "subject", "pattern", "third", "fourth"};
    for (int i = 0; i < CASE_SIZE; i++)
        show(L, names[i], CASE + i);
    show(L, "Lua", lua);
    show(L, "own", own);
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
    lua_State *L = luaL_newstate();
    lwb_stopper *stopper = lwb_stopper_new(true);
    lwb_eval eval = {.cpu_left_ns = INT64_MAX};
    lwb_context context = {.main = L, .can_travel = true, .stopper = stopper, .current = &eval};
    *(lwb_context **)lua_getextraspace(L) = &context;
    lwb_stopper_set_slice_end(stopper, 1); /* long over */
    luaL_openlibs(L);
    if (luaL_dostring(L, harness) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        return 2;
    }
    lua_getglobal(L, "string");
    lua_newtable(L);
    lwb_replace_patterns(L);
    lua_pushcfunction(L, yield_by_itself);
    totals sum = {0};
    for (uint64_t i = 0; i < cases && sum.different < 20; i++)
        run_case(L, &context, seed, first + i, &sum);
    printf("seed %" PRIu64 ": %" PRIu64 " cases (%" PRIu64 " with a match, %" PRIu64 " with an error), %ld slices, "
           "%" PRIu64 " skipped, %" PRIu64 " different\n",
           seed, sum.cases, sum.matching, sum.failing, sum.slices, sum.skipped, sum.different);
    lua_close(L);
    lwb_stopper_free(stopper);
    return sum.different == 0 && sum.matching > 0 ? 0 : 1;
}
