/* table.*, utf8.*, string.rep and its like, tostring, ipairs: results are Lua's, and what they call may wait on the host. */
#include "events.h"

typedef struct script_case {
    const char *script;
    const char *json;
} script_case;

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- What Lua's own do --------------------------------------------------------------------------------------------*/

static void results_are_those_of_lua(void) {
    const script_case cases[] = {
        {"local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return t", "[0,1,2,3]"},
        {"local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), t, table.remove({})", "[3,1,[2],null]"},
        {"return table.move({1, 2, 3}, 2, 3, 1), table.move({1, 2, 3}, 1, 3, 2), table.move({7}, 1, 1, 2, {8})",
         "[[2,3,3],[1,1,2,3],[8,7]]"},
        {"return table.concat({1, 'b', 2.5}, ', '), table.concat({}), table.concat({'x', 'y'}, '-', 2, 2)",
         "[\"1, b, 2.5\",\"\",\"y\"]"},
        {"return table.unpack({1, 2, 3}, 2)", "[2,3]"},
        {"return select('#', table.unpack({}, 1, 200000))", "200000"},
        {"local t = {5, 2, 8, 1} table.sort(t) return t", "[1,2,5,8]"},
        {"local t = {'b', 'c', 'a'} table.sort(t, function(a, b) return a > b end) return t", "[\"c\",\"b\",\"a\"]"},
        {"local t = {} for i = 1, 3000 do t[i] = i * 7919 % 3001 end table.sort(t) "
         "for i = 1, 3000 do assert(t[i] == i) end return #t",
         "3000"},
        {"local mt = {__lt = function(a, b) return a[1] < b[1] end} local t = {} "
         "for i, v in ipairs{3, 1, 2} do t[i] = setmetatable({v}, mt) end table.sort(t) return t[1][1], t[3][1]",
         "[1,3]"},
        {"local seen = {} local p = setmetatable({}, {__len = function() return 3 end, __index = function(_, k) "
         "seen[#seen + 1] = k return 4 - k end, __newindex = function(_, k, v) seen[#seen + 1] = k .. '=' .. v end}) "
         "table.insert(p, 2, 9) return seen",
         "[3,\"4=1\",2,\"3=2\",\"2=9\"]"},
        {"return ('ab'):rep(3, ','), ('x'):rep(0), (''):rep(1 << 62), ('aB'):upper(), ('aB'):lower(), "
         "('abc'):reverse()",
         "[\"ab,ab,ab\",\"\",\"\",\"AB\",\"ab\",\"cba\"]"},
        {"return #('ab'):rep(1000000), ('ab'):rep(100000, '-'):sub(-8)", "[2000000,\"ab-ab-ab\"]"},
        {"return utf8.char(104, 228, 8364, 128512), utf8.len('h\u00e4\u20ac'), utf8.codepoint('\u20ac'), "
         "utf8.offset('h\u00e4\u20ac', 3)",
         "[\"h\u00e4\u20ac\U0001F600\",3,8364,4]"},
        {"local t = {} for p, c in utf8.codes('a\u00e4b') do t[#t + 1] = p .. ':' .. c end return t",
         "[\"1:97\",\"2:228\",\"4:98\"]"},
        {"return tostring(1), tostring('x'), tostring(nil), tostring(setmetatable({}, {__tostring = function() "
         "return 'own' end}))",
         "[\"1\",\"x\",\"nil\",\"own\"]"},
        {"local s = 0 for i, v in ipairs(setmetatable({}, {__index = function(_, i) if i < 4 then return i end end})) "
         "do s = s + v end return s",
         "6"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < LENGTH(cases); i++)
        EXPECT_VALUE(engine, cases[i].script, cases[i].json);
    luawait_engine_free(engine);
}

static void errors_are_those_of_lua(void) {
    const script_case cases[] = {
        {"table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'"},
        {"table.insert({}, 5, 2)", "bad argument #2 to 'insert' (position out of bounds)"},
        {"table.insert(nil, 1)", "bad argument #1 to 'insert' (table expected, got nil)"},
        {"table.remove({1, 2, 3}, 7)", "position out of bounds"},
        {"table.concat({1, {}, 3})", "invalid value (table) at index 2 in table for 'concat'"},
        {"table.unpack({}, 1, 2^62)", "too many results to unpack"},
        {"table.unpack({}, 1, 1e7)", "too many results to unpack"},
        {"table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"},
        {"table.move({}, 1, math.maxinteger, 2)", "destination wrap around"},
        {"table.move({}, -1, math.maxinteger, 2)", "too many elements to move"},
        {"table.sort({3, 1, 'x'})", "attempt to compare"},
        {"table.sort({1, 2}, 3)", "bad argument #2 to 'sort' (function expected, got number)"},
        {"local t = {} for i = 1, 20 do t[i] = i end table.sort(t, function() return true end)",
         "invalid order function for sorting"},
        {"table.sort(setmetatable({}, {__len = function() return 1 << 60 end}))", "array too big"},
        {"table.sort({3, 2, 1}, function() error('from the comparator', 0) end)", "from the comparator"},
        {"return ('x'):rep(1 << 40)", "resulting string too large"},
        {"return utf8.char(-1)", "bad argument #1 to 'char' (value out of range)"},
        {"for _ in utf8.codes('\\xff') do end", "invalid UTF-8 code"},
        {"return tostring(setmetatable({}, {__tostring = function() return {} end}))",
         "'__tostring' must return a string"},
        {"return tostring()", "bad argument #1 to 'tostring' (value expected)"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < LENGTH(cases); i++)
        EXPECT_ERROR(engine, cases[i].script, "runtime", cases[i].json);
    luawait_engine_free(engine);
}

/* ---- Calls of the host --------------------------------------------------------------------------------------------*/

/* f() is answered by its first argument, as a request: the script is parked in the middle of the library function. */
static const script_case callbacks[] = {
    {"local t = {3, 1, 2} table.sort(t, function(a, b) return f(a) < f(b) end) return t", "[1,2,3]"},
    {"local t = {3, 1, 2} table.sort(t, function(a, b) return f(a < b) end) return t", "[1,2,3]"},
    {"local t = {} for i = 1, 40 do t[i] = i * 17 % 41 end table.sort(t, function(a, b) return f(a) < b end) "
     "for i = 1, 40 do assert(t[i] == i) end return #t",
     "40"},
    {"local mt = {__lt = function(a, b) return f(a[1] < b[1]) end} local t = {} "
     "for i, v in ipairs{3, 1, 2} do t[i] = setmetatable({v}, mt) end table.sort(t) return t[1][1], t[2][1], t[3][1]",
     "[1,2,3]"},
    {"local t = {4, 3, 2, 1} table.sort(t, function(a, b) local u = {2, 1} table.sort(u, function(c, d) "
     "return f(c) < d end) return f(a) + u[1] < b + 1 end) return t",
     "[1,2,3,4]"},
    {"return coroutine.wrap(function() local t = {3, 1, 2} table.sort(t, function(a, b) return f(a) < b end) "
     "return t end)()",
     "[1,2,3]"},
    {"local t = {3, 1, 2} table.sort(t, function(a, b) return coroutine.wrap(function() return f(a) < b end)() end) "
     "return t",
     "[1,2,3]"},
    {"local co = coroutine.wrap(function() local t = {2, 1, 3} table.sort(t, function(a, b) coroutine.yield(f('y')) "
     "return a < b end) return t end) local r, n = co(), 0 while r == 'y' do n = n + 1 r = co() end return r, n > 1",
     "[[1,2,3],true]"},
    {"return coroutine.wrap(function() local r table.sort({2, 1}, function(a, b) r = coroutine.isyieldable() "
     "return a < b end) return r end)()",
     "true"},
    {"return pcall(table.sort, {3, 2, 1}, function() f() error('boom', 0) end)", "[false,\"boom\"]"},
    {"local ok, e = pcall(table.sort, {1, 2, 3, 4, 5}, function() return f(true) end) "
     "return ok, e:match('invalid order function for sorting') ~= nil",
     "[false,true]"},
    {"local p = setmetatable({}, {__len = function() return f(3) end, __index = function(_, k) return f(k) end}) "
     "return table.concat(p, ','), table.unpack(p)",
     "[\"1,2,3\",1,2,3]"},
    {"local log = {} local p = setmetatable({}, {__len = function() return f(2) end, __index = function(_, k) "
     "return f(k * 10) end, __newindex = function(_, k, v) log[#log + 1] = f(k .. '=' .. v) end}) "
     "table.insert(p, 1, 5) return log",
     "[\"3=20\",\"2=10\",\"1=5\"]"},
    {"local s = {1, 2, 3} local p = setmetatable({}, {__len = function() return f(#s) end, __index = function(_, k) "
     "return f(s[k]) end, __newindex = function(_, k, v) f() s[k] = v end}) return table.remove(p, 1), s",
     "[1,[2,3]]"},
    {"local s = {1, 2, 3} local p = setmetatable({}, {__index = function(_, k) return f(s[k]) end}) "
     "return table.move(p, 1, 3, 1, {})",
     "[1,2,3]"},
    {"local s = {3, 1, 2} local p = setmetatable({}, {__len = function() return f(3) end, __index = function(_, k) "
     "return f(s[k]) end, __newindex = function(_, k, v) f() s[k] = v end}) table.sort(p) return s",
     "[1,2,3]"},
    {"return tostring(setmetatable({}, {__tostring = function() return f('described') end}))", "\"described\""},
    {"local t = {} for i, v in ipairs(setmetatable({}, {__index = function(_, i) return f(i < 4 and i or nil) end})) "
     "do t[i] = v end return t",
     "[1,2,3]"}};

static void a_host_call_works_in_what_they_call_on_a_worker(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < LENGTH(callbacks); i++)
        EXPECT_ECHO(engine, callbacks[i].script, callbacks[i].json);
    luawait_engine_free(engine);
}

static void a_host_call_works_in_what_they_call_on_the_hosts_thread(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare(engine, "f");
        for (size_t i = 0; i < LENGTH(callbacks); i++)
            CHECK_VALUE(run_with_echo(engine, callbacks[i].script), callbacks[i].json);
        luawait_engine_free(engine);
    }
}

static void a_sort_parked_in_its_comparator_can_be_cancelled(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "table.sort({3, 2, 1}, function(a, b) return f(a) < b end)");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    luawait_engine_free(engine);
}

/* Two sorts at once in one context, whose states must not mix; and one that is left for good. */
static void sorts_in_several_coroutines_keep_apart(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine,
                 "local function sorter(n) return coroutine.wrap(function() local t = {} for i = 1, n do "
                 "t[i] = i * 7 % (n + 1) end table.sort(t, function(a, b) coroutine.yield() return a < b end) "
                 "for i = 2, n do assert(t[i - 1] <= t[i]) end return t end) end "
                 "local one, two, left = sorter(30), sorter(40), sorter(50) local a, b left() "
                 "repeat a = a or one() b = b or two() local t = {2, 1} table.sort(t) assert(t[1] == 1) "
                 "pcall(table.sort, {1, 2}, error) until a and b return #a, #b",
                 "[30,40]");
    luawait_engine_free(engine);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------*/

static void results_count_as_the_scripts_memory(void) {
    const char *scripts[] = {
        "return #('x'):rep(1000000000)",
        "local s = ('x'):rep(1000000) return #(s:upper() .. s:lower() .. s:reverse())",
        "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end return #table.concat(t, ('y'):rep(5000))",
        "local p = setmetatable({}, {__index = function() return ('x'):rep(1000) end}) return #table.concat(p, '', 1, "
        "1e9)",
        "local t = {} while true do table.insert(t, 1) end",
        "return #table.move({1}, 1, 1, 1, {}), table.move(setmetatable({}, {__index = function() return 1 end}), "
        "1, 1 << 60, 1, {})",
        "local s = {} for i = 1, 1e9 do s[i] = coroutine.create(function() table.sort({2, 1}, coroutine.yield) end) "
        "coroutine.resume(s[i]) end"};
    luawait_engine *engine = engine_with("{\"memory_bytes\":2500000,\"cpu_ms\":0}");
    for (size_t i = 0; i < LENGTH(scripts); i++) {
        EXPECT_ERROR(engine, scripts[i], "memory", "memory");
        char *caught = text_format("local ok, e = pcall(function() %s end) return ok, e", scripts[i]);
        EXPECT_VALUE(engine, caught, "[false,\"not enough memory\"]");
        free(caught);
    }
    EXPECT_VALUE(engine,
                 "for i = 1, 3000 do local s = ('x'):rep(100000) table.sort({3, 2, 1}, function(a, b) "
                 "return a < b end) end return 'nothing is left behind'",
                 "\"nothing is left behind\"");
    luawait_engine_free(engine);
}

TESTS(TEST(results_are_those_of_lua), TEST(errors_are_those_of_lua),
      TEST(a_host_call_works_in_what_they_call_on_a_worker),
      TEST(a_host_call_works_in_what_they_call_on_the_hosts_thread),
      TEST(a_sort_parked_in_its_comparator_can_be_cancelled), TEST(sorts_in_several_coroutines_keep_apart),
      TEST(results_count_as_the_scripts_memory))
