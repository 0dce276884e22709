/*
 * Scripts that reach memory faults of some Lua 5.4, and what they give on a sound one. Each names the probe
 * (scripts/lua-probes) that tells whether a Lua has its fault; on a Lua that has it, the script is left out, by name.
 */
#include "host.h"
#include "json.h"

#include <stdio.h>

/* What the library says of its Lua. */
typedef enum verdict { SOUND, FAULTY, NOT_PROBED } verdict;

static verdict verdict_on(const char *probe) {
    luawait_engine *engine = engine_with("{\"lua_warning\":false}");
    char *stats = NULL;
    REQUIRE_OK(luawait_stats(engine, &stats, NULL));
    char *lua = json_member(stats, "lua"), *probed = json_member(lua, "probed"),
         *failed = json_member(lua, "failed_probes");
    REQUIRE(probed != NULL && failed != NULL);
    verdict found = strcmp(probed, "true") == 0 ? SOUND : NOT_PROBED;
    for (long i = 0; i < json_count(failed); i++) {
        char *element = json_element(failed, (size_t)i), *name = json_string(element, NULL);
        if (strcmp(name, probe) == 0) found = FAULTY;
        free(name);
        free(element);
    }
    free(failed);
    free(probed);
    free(lua);
    luawait_free(stats);
    luawait_engine_free(engine);
    return found;
}

/* Of a Lua that nobody has probed, only a process of its own can tell. */
static void expect_on_a_sound_lua(const char *probe, void (*body)(void)) {
    char *reason = text_format("this Lua fails the probe %s", probe);
    verdict found = verdict_on(probe);
    if (found == FAULTY || (found == NOT_PROBED && !harness_in_process(body))) harness_skip(reason);
    free(reason);
    if (found == SOUND) body();
}

/* What one script gives on an engine of its own. */
static void expect(const char *config, const char *script, const char *json) {
    luawait_engine *engine = engine_with(config);
    EXPECT_VALUE(engine, script, json);
    luawait_engine_free(engine);
}

#define SILENT "{\"lua_warning\":false}"

static void concatenate(void) {
    expect(SILENT,
           "local function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1) end "
           "local x = setmetatable({}, {__concat = function() deep(100) return 'r' end}) "
           "for k = 1, 1000 do "
           "  local s = coroutine.wrap(function() return x .. 'a' .. x .. 'b' end)() "
           "  if s ~= 'r' then return {k, type(s), tostring(s)} end end "
           "return 'fine'",
           "\"fine\"");
}

static void a_concat_may_move_the_stack(void) {
    expect_on_a_sound_lua("concat_moves_stack", concatenate);
}

static void concatenate_errors(void) {
    luawait_engine *engine = engine_with(SILENT);
    declare(engine, "ask");
    EXPECT_VALUE(engine,
                 "local ok, e = pcall(ask, print) "
                 "local function at(n) if n == 0 then return 'failed: ' .. e .. '!' end return (at(n - 1)) end "
                 "for n = 0, 300 do if at(n) ~= 'failed: ' .. tostring(e) .. '!' then return n end end "
                 "for n = 0, 100 do local s = coroutine.wrap(at)(n) "
                 "  if s ~= 'failed: ' .. tostring(e) .. '!' then return {n, s} end end "
                 "return ok",
                 "false");
    luawait_engine_free(engine);
}

static void error_objects_can_be_concatenated_at_any_depth(void) {
    expect_on_a_sound_lua("concat_moves_stack", concatenate_errors);
}

/* The table that grows has nobody but a weak metatable, and the memory limit makes Lua collect while it grows. */
static void store_through_a_weak_metatable(void) {
    luawait_engine *engine = engine_with("{\"lua_warning\":false,\"memory_bytes\":4194304}");
    outcome ended = finish(engine, start(engine, "local h = {} "
                                                 "local mt = setmetatable({__newindex = h}, {__mode = 'v'}) "
                                                 "local t = setmetatable({}, mt) "
                                                 "local n = 1 << 16 "
                                                 "for i = 1, n do t[i] = 1 end " /* goes into h: 1 MiB */
                                                 "local fill = {} "
                                                 "for i = 1, 18 do fill[i] = ('x'):rep(100000) .. i end "
                                                 "h = nil "
                                                 "t[n + 1] = 1 "
                                                 "local r = {} "
                                                 "for i = 1, 100 do r[i] = {i} end "
                                                 "return #r"));
    if (ended.state == LUAWAIT_SUCCEEDED) {
        CHECK_VALUE(ended, "100");
    } else {
        CHECK_ERROR(ended, "memory", "");
    }
    luawait_engine_free(engine);
}

static void a_table_that_grows_is_not_collected(void) {
    expect_on_a_sound_lua("newindex_table_collected", store_through_a_weak_metatable);
}

static void fail_while_closing(void) {
    expect(SILENT,
           "local co = coroutine.create(function() "
           "  local c <close> = setmetatable({}, {__close = function() "
           "    collectgarbage() collectgarbage() "
           "    local keep = {} for i = 1, 2000 do keep[i] = ('A'):rep(400 + i) end "
           "    error('in close', 0) end}) "
           "  local function deep(n, ...) "
           "    if n == 0 then xpcall(coroutine.yield, function() return 'XXX' end) return 0 end "
           "    return (deep(n - 1, ...)) end "
           "  deep(20000) end) "
           "coroutine.resume(co) "
           "local ok, message = coroutine.close(co) "
           "return {tostring(ok), tostring(message)}",
           "[\"false\",\"in close\"]");
}

static void a_closed_coroutine_has_no_message_handler_left(void) {
    expect_on_a_sound_lua("message_handler_of_closed", fail_while_closing);
}

static void fail_behind_many_fields(void) {
    expect(SILENT,
           "local f = assert(load('local a = ... return a' .. ('.b'):rep(120000) .. ' + 1')) "
           "local a = {} a.b = a "
           "local ok, message = pcall(f, a) "
           "return tostring(message):find('arithmetic on a table value', 1, true) ~= nil",
           "true");
}

static void an_error_behind_many_fields_is_described(void) {
    expect_on_a_sound_lua("field_chain_in_error", fail_behind_many_fields);
}

/* What matters has to happen while a collection is under way, which the ballast makes last. */
#define BALLAST "local ballast = {} for i = 1, 20000 do ballast[i] = {i} end "

static void renew_metatables(void) {
    expect(SILENT,
           BALLAST "for round = 1, 20 do "
                   "  local all = {} "
                   "  for i = 1, 500 do all[i] = setmetatable({}, {__mode = 'kv'}) end "
                   "  for i = 1, 500 do "
                   "    for _ = 1, 20 do local _ = {} end "
                   "    setmetatable(all[i], {__mode = 'kv', __index = function() return i end}) end "
                   "  for i = 1, 20000 do local _ = {i} end "
                   "  for i = 1, 500 do if all[i].x ~= i then return {round, i} end end end "
                   "return 'fine'",
           "\"fine\"");
}

static void a_new_metatable_of_a_weak_table_is_kept(void) {
    expect_on_a_sound_lua("metatable_of_weak_table", renew_metatables);
}

static void replace_newindex(void) {
    expect(SILENT,
           BALLAST "for round = 1, 20 do "
                   "  local all, metatables = {}, {} "
                   "  for i = 1, 500 do local mt = {} mt.__newindex = mt "
                   "    metatables[i] = mt all[i] = setmetatable({}, mt) end "
                   "  for i = 1, 500 do "
                   "    for _ = 1, 20 do local _ = {} end "
                   "    all[i].__newindex = {i} end "
                   "  for i = 1, 20000 do local _ = {i} end "
                   "  for i = 1, 500 do if metatables[i].__newindex[1] ~= i then return {round, i} end end end "
                   "return 'fine'",
           "\"fine\"");
}

static void a_newindex_that_replaces_itself_is_kept(void) {
    expect_on_a_sound_lua("newindex_replaces_itself", replace_newindex);
}

static void use_a_constant_environment(void) {
    luawait_engine *engine = engine_with(SILENT);
    char code[8192], *at = code;
    for (int i = 1; i <= 150; i++) {
        at += snprintf(at, sizeof code - (size_t)(at - code), "local c%d <const> = %d ", i, i);
    }
    snprintf(at, sizeof code - (size_t)(at - code), "local _ENV <const> = 1 x = 2");
    EXPECT_ERROR(engine, code, "runtime", "attempt to index a number value");
    luawait_engine_free(engine);
}

static void a_constant_environment_is_no_table(void) {
    expect_on_a_sound_lua("constant_environment", use_a_constant_environment);
}

static void leave_loops_by_tail_calls(void) {
    expect(SILENT,
           "local closed = 0 "
           "local closing = setmetatable({}, {__close = function() closed = closed + 1 end}) "
           "local function out() return 'done' end "
           "local function body() for _ in next, {1}, nil, closing do return out() end end "
           "local function deep(n) if n == 0 then return body() end return (deep(n - 1)) end "
           "local results = {} "
           "for i = 1, 10 do results[i] = coroutine.wrap(function() "
           "  local result = deep(5000) collectgarbage() collectgarbage() "
           "  do local _ <close> = setmetatable({}, {__close = function() end}) end "
           "  return result end)() end "
           "return {closed, table.concat(results)}",
           "[10,\"donedonedonedonedonedonedonedonedonedone\"]");
}

static void a_loop_left_by_a_tail_call_is_closed(void) {
    expect_on_a_sound_lua("tail_call_in_closing_loop", leave_loops_by_tail_calls);
}

TESTS(TEST(a_concat_may_move_the_stack), TEST(error_objects_can_be_concatenated_at_any_depth),
      TEST(a_table_that_grows_is_not_collected), TEST(a_closed_coroutine_has_no_message_handler_left),
      TEST(an_error_behind_many_fields_is_described), TEST(a_new_metatable_of_a_weak_table_is_kept),
      TEST(a_newindex_that_replaces_itself_is_kept), TEST(a_constant_environment_is_no_table),
      TEST(a_loop_left_by_a_tail_call_is_closed))
