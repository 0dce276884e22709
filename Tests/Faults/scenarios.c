#include "scenarios.h"

// In scripts: fetch parks, ask is a callback, log.write a callback with a dotted name, stop condemns the eval.
// check(e) passes an error on unless it is a lack of memory.
#define CHECK                                                                                                          \
    "local function check(ok, e) if not ok and not tostring(e):find('not enough memory', 1, true) then error(e, 0) "   \
    "end return ok end "

#define NESTED                                                                                                         \
    "{\"a\": [1, 2.5, null, {\"b\": \"text with \\u00e9 in it, longer than forty bytes in all\"}], \"c\": {}}"

#define RESULT(text)                                                                                                   \
    { LWB_ANSWER_RESULT, text }

const scenario scenarios[] = {
    {.name = "opening_a_context", .script = "return 1", .expected = "1", .faults_opening = true},
    {.name = "opening_a_shared_context",
     .script = "return limit.most",
     .globals = "{\"limit\": {\"most\": 3}, \"list\": [1, 2, 3]}",
     .expected = "3",
     .is_shared = true,
     .faults_opening = true},
    {.name = "arguments_and_globals",
     .script = "local a, b, c = ... return {a, b.x[2], c, given.deep[1].name}",
     .args = "[1, {\"x\": [true, \"two\", 3]}, \"a string that is too long to be a short one in Lua's view\"]",
     .globals = "{\"given\": {\"deep\": [{\"name\": \"n\"}]}}",
     .expected = "[1,\"two\",\"a string that is too long to be a short one in Lua's view\",\"n\"]"},
    {.name = "a_syntax_error",
     .script = "local x = 'unfinished",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_SYNTAX,
     .expected = "script:1: unfinished string near <eof>"},
    {.name = "results_of_parked_calls",
     .script = "local t = fetch{1, x = nil} local s = fetch('again', {deep = {1, 2, 3}}) "
               "return t.a[2] + #s, t.a[4].b, #t.a, fetch()",
     .replies = {RESULT(NESTED), RESULT("\"hello\""), RESULT("null")},
     .expected = "[7.5,\"text with \303\251 in it, longer than forty bytes in all\",4,null]"},
    {.name = "a_large_result",
     .script = "local t = {} for i = 1, 70 do t[i] = {i, ('x'):rep(i % 7), key = nil} end return #fetch(t)",
     .replies = {RESULT("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]")},
     .expected = "16"},
    {.name = "an_error_answer",
     .script = "fetch('x')",
     .replies = {{LWB_ANSWER_ERROR,
                  "{\"message\": \"no such thing\", \"type\": \"missing\", \"data\": {\"id\": [1, 2]}}"}},
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_HOST,
     .expected = "no such thing"},
    {.name = "caught_error_answers",
     .script = CHECK "for i = 1, 6 do local ok, e = pcall(fetch, i) "
                     "if not ok and type(e) == 'table' then assert(e.message and e.type, 'half an error object') "
                     "else check(ok, e) end end return 'through'",
     .replies = {{LWB_ANSWER_ERROR, "{\"message\": \"m\", \"type\": \"t\", \"data\": [1]}"},
                 {LWB_ANSWER_TIMEOUT, "\"too late\""},
                 {LWB_ANSWER_LIMIT, "\"too many\""},
                 RESULT(NESTED)},
     .ending = ENDS_WITH_ANY,
     .expected = "\"through\""},
    {.name = "a_call_timeout",
     .script = "return fetch()",
     .replies = {{LWB_ANSWER_TIMEOUT, "\"the host took too long\""}},
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_TIMEOUT,
     .expected = "the host took too long"},
    {.name = "callbacks",
     .script = "local sum = 0 for i = 1, 5 do sum = sum + ask(i, {i}).n log.write('line', i) end return sum",
     .replies = {RESULT("{\"n\": 1}"), RESULT("[]"), RESULT("{\"n\": 2}"), RESULT("{}")},
     .expected = "7"},
    {.name = "a_failing_callback",
     .script = "ask(1)",
     .replies = {{LWB_ANSWER_ERROR, "{\"message\": \"refused\"}"}},
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_HOST,
     .expected = "refused"},
    {.name = "waiting_where_nothing_can_yield",
     .script = "local t = setmetatable({}, {__tostring = function() return fetch('name') end}) "
               "local n = 0 local f, e = load(function() n = n + 1 return n == 1 and fetch('source') or nil end) "
               "if not f then error(e, 0) end "
               "return string.format('%s %s', t, t), f()",
     .replies = {RESULT("\"return 'loaded'\""), RESULT("\"one\""), RESULT("\"two\"")},
     .expected = "[\"one two\",\"loaded\"]"},
    {.name = "parking_in_coroutines",
     .script = "local co = coroutine.wrap(function(a) local b = coroutine.wrap(function() "
               "coroutine.yield(fetch(a)) return fetch('b') end) coroutine.yield(b()) return b() end) "
               "local x, y = co('a'), co() local c = coroutine.create(function() error('in it') end) "
               "local ok, e = coroutine.resume(c) return x, y, ok, e, coroutine.close(c)",
     .replies = {RESULT("1"), RESULT("2")},
     .ending = ENDS_WITH_ANY,
     .expected = "[1,2,false,\"script:1: in it\",false,\"script:1: in it\"]"},
    {.name = "coroutines_in_slices",
     .script = "local n = 0 for i = 1, 6 do local co = coroutine.wrap(function() for j = 1, 40 do n = n + 1 "
               "if j % 13 == 0 then coroutine.yield(j) end end end) co() co() co() co() end return n",
     .slice_instructions = 25,
     .expected = "240"},
    {.name = "deep_coroutines",
     .script = CHECK "local depth = 0 local function go() depth = depth + 1 local co = coroutine.create(go) "
                     "local ok, e = coroutine.resume(co) if not ok then error(e, 0) end end "
                     "local ok, e = pcall(go) return e",
     .ending = ENDS_WITH_ANY,
     .expected = "\"C stack overflow\""},
    // A C call more or less: Lua finds its C stack full in another place, which is outside of any protected call.
    {.name = "deep_coroutines_from_callbacks_in_callbacks",
     .script = "local function go() local co = coroutine.create(go) "
               "local ok, fine, e = pcall(coroutine.resume, co) error(ok and e or fine, 0) end "
               "local f = go for i = 1, 3 do local g = f f = function() string.gsub('x', 'x', g) end end "
               "return select(2, pcall(f))",
     .ending = ENDS_WITH_ANY,
     .expected = "\"C stack overflow\""},
    {.name = "errors_in_error_handling",
     .script = "local co = coroutine.create(function() return xpcall(error, function(e) error(e) end) end) "
               "local ok, handled, e = coroutine.resume(co) return ok, handled, type(e), coroutine.close(co)",
     .ending = ENDS_WITH_ANY,
     .expected = "[true,false,\"string\",true]"},
    {.name = "substituting_by_functions",
     .script = "return (('one two three four'):gsub('%a+', function(w) return fetch(w) end)), "
               "(('a-b-c'):gsub('-', {['-'] = '+'})), #(('x'):rep(600, ','):gsub('x', '%0%0'))",
     .replies = {RESULT("\"1\""), RESULT("\"a text that makes the whole longer\""), RESULT("false"), RESULT("4.5")},
     .expected = "[\"1 a text that makes the whole longer three 4.5\",\"a+b+c\",1799]"},
    {.name = "patterns_in_slices",
     .script =
         "local s = ('ab '):rep(60) local n = 0 for w in s:gmatch('(%a+)%s') do n = n + #w end "
         "local f = s:find(('a?'):rep(12) .. ('a'):rep(12)) "
         "return n, f, s:match('^(.-)%s(.*)$'), (s:gsub('[^a]', function(c) return c == 'b' and 'B' or nil end)):len()",
     .slice_instructions = 30,
     .expected = "[120,null,\"ab\",180]"},
    {.name = "sorting_with_a_comparator",
     .script = "local t = {} for i = 1, 12 do t[i] = i * 7 % 13 end "
               "table.sort(t, function(a, b) fetch(a, b) return a < b end) return table.concat(t, ',')",
     .replies = {RESULT("null"), RESULT("[1]")},
     .slice_instructions = 20,
     .expected = "\"1,2,3,4,5,6,7,8,9,10,11,12\""},
    {.name = "table_functions",
     .script = "local log = {} local t = setmetatable({}, {__index = function(_, k) return fetch(k) end, "
               "__newindex = function(s, k, v) rawset(s, k, v) end, __len = function() return 3 end}) "
               "local u = table.move({1, 2, 3}, 1, 3, 2, {}) table.insert(u, 2, 'x') table.remove(u, 3) "
               "return table.concat(t, '-'), {table.unpack(t)}, table.pack(table.unpack(u, 2, 4)).n, utf8.char(72, "
               "228, 8364), "
               "utf8.len(('\\u{20ac}'):rep(50)), #('ab'):rep(300, ',')",
     .replies = {RESULT("\"p\""), RESULT("7")},
     .expected = "[\"p-7-p\",[7,\"p\",7],3,\"H\303\244\342\202\254\",50,899]"},
    {.name = "many_values",
     .script = CHECK "local t = {} for i = 1, 3000 do t[i] = i end local co = coroutine.wrap(function(...) "
                     "return select('#', ...), ... end) local n = select('#', co(table.unpack(t))) return n",
     .expected = "3001"},
    {.name = "printing",
     .script =
         "print('a', 1, nil, {} ~= nil) print(('long '):rep(400)) print(setmetatable({}, {__tostring = function() "
         "return 'itself' end})) return 'printed'",
     .expected = "\"printed\""},
    {.name = "an_error_value_with_data",
     .script = "error({message = 'wrong', code = 7, list = {1, 2, {3}}})",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_RUNTIME,
     .expected = "wrong"},
    {.name = "an_error_value_that_describes_itself",
     .script = "local function deep(n) if n == 0 then error(setmetatable({}, {__tostring = function(s) "
               "return 'I am ' .. ('so '):rep(30) .. 'wrong' end})) end deep(n - 1) return n end deep(40)",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_RUNTIME},
    {.name = "an_error_with_a_traceback",
     .script = "local function deep(n) if n == 0 then local x = nil + 1 end deep(n - 1) return n end deep(20)",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_RUNTIME,
     .expected = "script:1: attempt to perform arithmetic on a nil value"},
    {.name = "a_result_that_cannot_be_converted",
     .script = "return {items = {1, 2, {['odd key'] = {owner = print}}}}",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_CONVERSION,
     .expected = "result.items[3][\"odd key\"].owner: a function cannot be converted to JSON"},
    {.name = "arguments_that_cannot_be_converted",
     .script = "fetch({a = {b = '\\xff'}})",
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_CONVERSION,
     .expected = "fetch: arguments[1].a.b: a string that is not UTF-8 cannot be converted to JSON"},
    {.name = "closing_variables_that_wait",
     .script = "do local a <close> = setmetatable({}, {__close = function() fetch('closing') end}) "
               "local ok = pcall(fetch, 'a') end local c <close> = setmetatable({}, {__close = function(_, e) "
               "pcall(fetch, e) end}) error('after all')",
     .replies = {RESULT("1"), RESULT(NESTED)},
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_RUNTIME,
     .expected = "script:1: after all"},
    // In the end it is stopped in a handler of the way out. Without any memory it cannot even ask for that, and ends.
    {.name = "a_stop",
     .script = "local co = coroutine.wrap(function() local c <close> = setmetatable({}, {__close = function() "
               "for i = 1, 1e5 do end end}) for i = 1, 9 do pcall(stop) pcall(fetch) end end) "
               "for i = 1, 9 do pcall(co) pcall(stop) end",
     .slice_instructions = 100,
     .ending = ENDS_STOPPED},
    {.name = "loading_code",
     .script = "local f, lack = load('local a = ... return a * 2 + x', 'chunk', 't', {x = 1}) "
               "if not f then error(lack, 0) end "
               "local ok, e = load('return +') return f(20), e, getmetatable('')",
     .ending = ENDS_WITH_ANY,
     .expected = "[41,\"[string \\\"return +\\\"]:1: unexpected symbol near '+'\",false]"},
    {.name = "catching_a_lack_of_memory",
     .script = CHECK
     "local kept = {} for i = 1, 30 do check(pcall(function() kept[#kept + 1] = ('x'):rep(i * 20) .. i "
     "local t = {} for j = 1, 20 do t[j] = {j} end kept[#kept + 1] = #t "
     "kept[#kept + 1] = fetch(kept[#kept]) end)) end "
     "return check(xpcall(function() error(setmetatable({}, {})) end, function(e) return 'not enough memory' end))",
     .replies = {RESULT("[1, 2]")},
     .ending = ENDS_WITH_ANY,
     .expected = "false"},
    {.name = "reaching_the_memory_limit",
     .script = "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
     .memory_limit = 400 << 10,
     .ending = ENDS_WITH_FAILURE,
     .failure = LWB_FAILURE_MEMORY},
    {.name = "shared_libraries_and_globals",
     .script =
         "mine = (mine or 0) + 1 string.extra = 'x' json.array{} local t = {} for k in pairs(log) do t[#t + 1] = k end "
         "log.write(t) return mine, string.extra, limit.most, fetch(mine)",
     .globals = "{\"limit\": {\"most\": 3}}",
     .replies = {RESULT("null"), RESULT("5")},
     .is_shared = true,
     .expected = "[1,\"x\",3,5]"},
};

const size_t scenario_count = sizeof scenarios / sizeof *scenarios;
