/* table.*, utf8.*, string.rep and its like: however long they take, they can be stopped, and others have their turn. */
#include "endless.h"

typedef struct script_case {
    const char *script;
    const char *json;
} script_case;

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- Stopping -----------------------------------------------------------------------------------------------------*/

/* Each would run for years, or for many times its limit. `mark` says that it has begun. */
static const char *const endless[] = {
    "mark() table.move({}, 1, 1 << 60, 2)",
    "mark() table.move({}, 1, 1 << 60, 2, {})",
    "mark() while true do pcall(table.move, {}, 1, 1 << 60, 2) end",
    "mark() while true do pcall(pcall, table.move, {}, 1, 1 << 60, 2) end",
    "mark() while true do coroutine.resume(coroutine.create(table.move), {}, 1, 1 << 60, 2) end",
    "mark() xpcall(table.move, function() while true do end end, {}, 1, 1 << 60, 2)",
    "mark() table.move(setmetatable({}, {__index = setmetatable({}, {__index = {}})}), 1, 1 << 60, 2)",
    "mark() table.move(setmetatable({}, {__index = rawlen}), 1, 1 << 60, 2, setmetatable({}, {__newindex = rawlen}))",
    "mark() table.move(setmetatable({}, {__index = function(t, k) return k end}), 1, 1 << 60, 2, "
    "setmetatable({}, {__newindex = function() end}))",
    "mark() table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 'x')",
    "mark() table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)",
    "mark() table.insert(setmetatable({}, {__len = function() return math.maxinteger - 1 end, "
    "__newindex = rawequal, __index = rawlen}), 1, 'x')",
    "mark() table.concat(setmetatable({}, {__len = function() return 1 << 60 end, __index = function() return '' "
    "end}))",
    "mark() local t = {} for i = 1, 200 do t[i] = '' end setmetatable(t, {__index = function(t, k) return '' end}) "
    "table.concat(t, '', 1, 1 << 60)",
    "mark() while true do table.concat({}, 'x', 1, 0) table.unpack({}, 1, 100000) end",
    "mark() while true do select('#', table.unpack({}, 1, 900000)) end",
    "mark() while true do pcall(table.unpack, setmetatable({}, {__index = function(_, k) return k end}), 1, 900000) "
    "end",
    "mark() table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end, __index = function(_, k) "
    "return k end, __newindex = function() end}))",
    "mark() table.sort(setmetatable({}, {__len = function() return (1 << 31) - 2 end, __index = function(_, k) "
    "return 1 end, __newindex = function() end}), rawequal)",
    "mark() while true do table.sort({1, 2, 3}, function() while true do end end) end",
    "mark() while true do pcall(table.sort, {3, 2, 1, 4, 5}, error) end",
    "mark() local t = {} for i = 1, 200000 do t[i] = -i end while true do pcall(table.sort, t, function(a, b) "
    "return a > b end) table.sort(t) end",
    "mark() local t = {} for i = 1, 100 do t[i] = ('x'):rep(100000) end while true do table.sort(t) t[1] = t[1] end",
    "mark() local mt = {__lt = function() return true end} local t = {} for i = 1, 100 do t[i] = setmetatable({}, mt) "
    "end while true do pcall(table.sort, t) end",
    "mark() while true do local s = ('x'):rep(10000000) end",
    "mark() local s = ('x'):rep(10000000) while true do local u = s:upper() end",
    "mark() local s = ('x'):rep(10000000) while true do local u = s:reverse() end",
    "mark() local s = ('\\xe2\\x82\\xac'):rep(5000000) while true do utf8.len(s) end",
    "mark() local s = ('\\xe2\\x82\\xac'):rep(5000000) while true do utf8.offset(s, 5000000) utf8.offset(s, -5000000) "
    "end",
    "mark() local s = 'a' .. ('\\x80'):rep(20000000) local f = utf8.codes('') while true do f(s, 1) end",
    "mark() local s = ('a'):rep(900000) while true do utf8.char(utf8.codepoint(s, 1, -1)) end",
    "mark() for _ in ipairs(setmetatable({}, {__index = function() return 1 end})) do end",
    "mark() while true do pcall(tostring, setmetatable({}, {__tostring = function() while true do end end})) end",
    "mark() local x <close> = setmetatable({}, {__close = function() table.move({}, 1, 1 << 60, 2) end})"};

static void cancel_ends_every_loop_by_signal(void) {
    cancel_each(ENDLESS(endless), "signal");
}

static void cancel_ends_every_loop_by_count(void) {
    cancel_each(ENDLESS(endless), "count");
}

static void the_processor_limit_ends_every_loop_by_signal(void) {
    limit_each(ENDLESS(endless), "signal", ",\"cpu_ms\":20", "cpu");
}

static void the_processor_limit_ends_every_loop_by_count(void) {
    limit_each(ENDLESS(endless), "count", ",\"cpu_ms\":20", "cpu");
}

static void the_timeout_ends_every_loop_by_signal(void) {
    limit_each(ENDLESS(endless), "signal", ",\"cpu_ms\":0,\"timeout_ms\":20", "timeout");
}

static void the_timeout_ends_every_loop_by_count(void) {
    limit_each(ENDLESS(endless), "count", ",\"cpu_ms\":0,\"timeout_ms\":20", "timeout");
}

static void on_the_hosts_thread_every_loop_ends(void) {
    limit_each_in_run(ENDLESS(endless));
}

/* ---- Taking turns -------------------------------------------------------------------------------------------------*/

static void an_endless_loop_leaves_run_and_others_their_turn(void) {
    take_turns_in_run("table.move({}, 1, 1 << 60, 2)");
}

/* Long, but they end: with slices far shorter than they are, the results must be those of plain Lua. */
static void slices_do_not_change_results(void) {
    const script_case cases[] = {
        {"local t = {} for i = 1, 60000 do t[i] = i * 7919 % 60013 end table.sort(t) "
         "for i = 2, #t do assert(t[i - 1] < t[i]) end return #t",
         "60000"},
        {"local t = {} for i = 1, 20000 do t[i] = tostring(i * 7919 % 20011) end table.sort(t) "
         "for i = 2, #t do assert(t[i - 1] < t[i]) end return #t",
         "20000"},
        {"local t = {} for i = 1, 20000 do t[i] = i * 7919 % 20011 end table.sort(t, function(a, b) return a > b end) "
         "for i = 2, #t do assert(t[i - 1] > t[i]) end return #t",
         "20000"},
        {"local mt = {__lt = function(a, b) return a[1] < b[1] end} local t = {} for i = 1, 5000 do "
         "t[i] = setmetatable({i * 7919 % 5003}, mt) end table.sort(t) for i = 2, #t do assert(t[i - 1] < t[i]) end "
         "return #t",
         "5000"},
        {"local t = {} for i = 1, 300000 do t[i] = i end table.insert(t, 1, 0) local first = table.remove(t, 1) "
         "table.move(t, 1, 300000, 100001) for i = 1, 300000 do assert(t[i + 100000] == i) end return first, #t",
         "[0,400000]"},
        {"local t = {} for i = 1, 100000 do t[i] = i % 10 end local s = table.concat(t, ',') return #s, s:sub(1, 5)",
         "[199999,\"1,2,3\"]"},
        {"local p = setmetatable({}, {__index = function(_, k) return k % 10 end}) "
         "return #table.concat(p, '', 1, 50000), select('#', table.unpack(p, 1, 50000))",
         "[50000,50000]"}};
    luawait_engine *engines[] = {engine_with("{\"slice_us\":100,\"workers\":1,\"cpu_ms\":0}"),
                                 engine_with("{\"slice_us\":100,\"workers\":1,\"cpu_ms\":0,\"preemption\":\"count\"}")};
    for (size_t i = 0; i < LENGTH(engines); i++) {
        uint64_t other = start(engines[i], "while true do end");
        for (size_t j = 0; j < LENGTH(cases); j++)
            EXPECT_VALUE(engines[i], cases[j].script, cases[j].json);
        REQUIRE_OK(luawait_cancel(engines[i], other));
        CHECK_CANCELLED(finish(engines[i], other));
        luawait_engine_free(engines[i]);
    }
}

TESTS(TEST(cancel_ends_every_loop_by_signal), TEST(cancel_ends_every_loop_by_count),
      TEST(the_processor_limit_ends_every_loop_by_signal), TEST(the_processor_limit_ends_every_loop_by_count),
      TEST(the_timeout_ends_every_loop_by_signal), TEST(the_timeout_ends_every_loop_by_count),
      TEST(on_the_hosts_thread_every_loop_ends), TEST(an_endless_loop_leaves_run_and_others_their_turn),
      TEST(slices_do_not_change_results))
