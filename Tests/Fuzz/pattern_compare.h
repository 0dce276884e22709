/*
 * One call of find, match, gmatch or gsub, made with the bridge's functions and with Lua's own: results, captures,
 * callbacks and error messages must be the same.
 *
 * It is compiled with the bridge's own files, with a look for orders at every other step and windows of a few
 * characters (scripts/test-patterns.sh). The bridge's functions run in a coroutine whose slice is always over, so that
 * they are left and gone on with at every place where that is possible. A case that takes too many slices is one that
 * Lua's own function might not come back from; it is skipped.
 */
#ifndef LUAWAIT_PATTERN_COMPARE_H
#define LUAWAIT_PATTERN_COMPARE_H

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "core/eval_record.h"
#include "patterns/string_find.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

/* A case that takes more slices is skipped. */
static int most_slices = 20000;

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

/* ---- The two calls ---- */

/* What is where on the main stack. */
enum { HARNESS = 1, LIBRARY, OWN_LIBRARY, YIELD, CASE, CASE_SIZE = 5 };

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
        if (turns == most_slices) {
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

/* ---- A world for both ---- */

typedef struct pattern_world {
    lua_State *L;
    lwb_stopper *stopper;
    lwb_eval eval;
    lwb_context context;
} pattern_world;

/* The context is no whole one, but all that the functions look at. */
static void open_world(pattern_world *world) {
    lua_State *L = world->L = luaL_newstate();
    world->stopper = lwb_stopper_new(true);
    world->eval = (lwb_eval){.cpu_left_ns = INT64_MAX};
    world->context = (lwb_context){.main = L, .can_travel = true, .stopper = world->stopper, .current = &world->eval};
    *(lwb_context **)lua_getextraspace(L) = &world->context;
    lwb_stopper_set_slice_end(world->stopper, 1); /* long over */
    luaL_openlibs(L);
    if (luaL_dostring(L, harness) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(2);
    }
    lua_getglobal(L, "string");
    lua_newtable(L);
    lwb_replace_patterns(L);
    lua_pushcfunction(L, yield_by_itself);
}

static void close_world(pattern_world *world) {
    lua_close(world->L);
    lwb_stopper_free(world->stopper);
}

typedef enum comparison { COMPARED_SAME, COMPARED_DIFFERENT, COMPARED_SKIPPED } comparison;

/* Makes the calls of the case at CASE. Unless they are skipped, leaves what the bridge's gave at CASE + CASE_SIZE, and
 * what Lua's own gave above. */
static comparison compare(pattern_world *world, long *slices) {
    lua_State *L = world->L;
    if (!run_own(L, &world->context, slices)) return COMPARED_SKIPPED;
    push_call(L, L, LIBRARY, CASE + CASE_SIZE + 1); /* yields: nil */
    lua_call(L, 2 + CASE_SIZE, 1);
    return lua_rawequal(L, -2, -1) ? COMPARED_SAME : COMPARED_DIFFERENT;
}

/* Shows the case and what came of it, which is at the top of the stack. */
static void show_difference(lua_State *L) {
    static const char *const names[] = {"kind", "subject", "pattern", "third", "fourth"};
    int lua = lua_gettop(L), own = lua - 1;
    for (int i = 0; i < CASE_SIZE; i++)
        show(L, names[i], CASE + i);
    show(L, "Lua", lua);
    show(L, "own", own);
}

#endif
