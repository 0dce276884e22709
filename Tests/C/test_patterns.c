/* string.find, match, gmatch and gsub: Lua's patterns, results and errors, with callbacks that may wait on the host. */
#include "events.h"

typedef struct script_case {
    const char *script;
    const char *json;
} script_case;

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- What Lua's own do --------------------------------------------------------------------------------------------*/

static void find_and_match_give_what_lua_gives(void) {
    const script_case cases[] = {
        {"return ('hello world'):find('o w')", "[5,7]"},
        {"return ('hello world'):find('l+')", "[3,4]"},
        {"return ('hello'):find('xyz')", "null"},
        {"return ('a.b'):find('.', 2, true)", "[2,2]"},
        {"return ('a+b'):find('+', 1, true)", "[2,2]"},
        {"return (''):find('')", "[1,0]"},
        {"return ('abc'):find('', 10)", "null"},
        {"return ('abc'):find('', 4)", "[4,3]"},
        {"return ('abc'):find('b', -2)", "[2,2]"},
        {"return ('abc'):find('a', math.mininteger)", "[1,1]"},
        {"return ('abc'):find('c', math.maxinteger)", "null"},
        {"return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "[\"key\",\"value\"]"},
        {"return ('hello'):match('()ll()')", "[3,5]"},
        {"return ('2026-11-21'):match('(%d+)-(%d+)-(%d+)')", "[\"2026\",\"11\",\"21\"]"},
        {"return ('THE (quick) fox'):find('%((%a+)%)')", "[5,11,\"quick\"]"},
        {"return ('f(a(b)c)d'):match('%b()')", "\"(a(b)c)\""},
        {"return ('THE (quick) fox'):match('%f[%a]%a+%f[%A]', 5)", "\"quick\""},
        {"return ([[say \"it's\"]]):match([[([\"'])(.-)%1]])", "[\"\\\"\",\"it's\"]"},
        {"return ('x^y'):match('x^y'), ('a$b'):match('a$b'), ('$'):match('^$$'), ('a-'):match('a%-')",
         "[\"x^y\",\"a$b\",\"$\",\"a-\"]"},
        {"return ('abc'):match('[a-]+'), ('a-c'):match('[%a-]+'), ('a]c'):match('[]a]+'), ('b^'):match('[b^]+')",
         "[\"a\",\"a-c\",\"a]\",\"b^\"]"},
        {"return ('aXb'):match('[^%l]'), ('0x1F'):match('^0x(%x+)$'), ('\\t\\n'):match('^%s+$') == '\\t\\n'",
         "[\"X\",\"1F\",true]"},
        {"return ('abc'):match('a?b-c*'), ('aaa'):match('a-'), ('aaa'):match('a-$'), ('aaa'):match('^(a-)(a*)$')",
         "[\"a\",\"\",\"aaa\",\"\",\"aaa\"]"},
        {"return ('a\\0b'):find('\\0'), ('a\\0b'):match('a%zb') == 'a\\0b', #('\\0\\0x'):match('[\\0]+')",
         "[2,true,2]"},
        {"return string.find(12345, 34), string.match(2^53|0, '%d+')", "[3,\"9007199254740992\"]"},
        {"return ('a'):rep(1000):find('a*b'), select('#', ('x'):rep(32):match(('(x)'):rep(32)))", "[null,32]"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < LENGTH(cases); i++)
        EXPECT_VALUE(engine, cases[i].script, cases[i].json);
    luawait_engine_free(engine);
}

static void gmatch_and_gsub_give_what_lua_gives(void) {
    const script_case cases[] = {
        {"local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end return t",
         "[\"a1\",\"b2\"]"},
        {"local t = {} for w in ('one two'):gmatch('%a*') do t[#t + 1] = w end return t", "[\"one\",\"two\"]"},
        {"local t = {} for p in ('abc'):gmatch('()') do t[#t + 1] = p end return t", "[1,2,3,4]"},
        {"local t = {} for w in ('a b c'):gmatch('%a', 3) do t[#t + 1] = w end return t", "[\"b\",\"c\"]"},
        {"local t = {} for w in ('a b c'):gmatch('%a', -1) do t[#t + 1] = w end return t", "[\"c\"]"},
        {"local n = 0 for w in ('abc'):gmatch('a', 10) do n = n + 1 end return n", "0"},
        {"local n = 0 for w in ('^a^a'):gmatch('^a') do n = n + 1 end return n", "2"},
        {"return ('hello world'):gsub('o', '0')", "[\"hell0 w0rld\",2]"},
        {"return ('hello'):gsub('', '-')", "[\"-h-e-l-l-o-\",6]"},
        {"return ('abc def'):gsub('%w*', 'X')", "[\"X X\",2]"},
        {"return ('hello world'):gsub('(%w+) (%w+)', '%2 %1 %0 %%')", "[\"world hello hello world %\",1]"},
        {"return ('abc'):gsub('()', '%1')", "[\"1a2b3c4\",4]"},
        {"return ('aaa'):gsub('a', 'b', 2)", "[\"bba\",2]"},
        {"return ('aaa'):gsub('a', 'b', -1)", "[\"aaa\",0]"},
        {"return ('aaa'):gsub('^a', 'b')", "[\"baa\",1]"},
        {"return ('$name is $age'):gsub('%$(%w+)', {name = 'Lua', age = 33})", "[\"Lua is 33\",2]"},
        {"return ('a b c'):gsub('%a', function(c) if c ~= 'b' then return c:upper() end end)", "[\"A b C\",3]"},
        {"return ('abc'):gsub('%a', {a = false, b = 1.5})", "[\"a1.5c\",3]"},
        {"return ('x'):gsub('.', setmetatable({}, {__index = {x = 'found'}}))", "[\"found\",1]"},
        {"return ('x'):gsub('x', 5)", "[\"5\",1]"},
        {"local s = ('ab'):rep(20000) local r, n = s:gsub('a', 'cc') return #r, n, r:sub(1, 6)",
         "[60000,20000,\"ccbccb\"]"},
        {"return #('x'):rep(3000):gsub('x', function(c) return c:rep(10) end)", "30000"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < LENGTH(cases); i++)
        EXPECT_VALUE(engine, cases[i].script, cases[i].json);
    luawait_engine_free(engine);
}

static void wrong_patterns_are_luas_errors(void) {
    const struct {
        const char *script, *message;
    } cases[] = {{"('a'):find('%')", "malformed pattern (ends with '%')"},
                 {"('a'):find('[a')", "malformed pattern (missing ']')"},
                 {"('a'):find('[]')", "malformed pattern (missing ']')"},
                 {"('a'):find('[a%')", "malformed pattern (missing ']')"},
                 {"('a'):find('%b')", "malformed pattern (missing arguments to '%b')"},
                 {"('a'):find('%bx')", "malformed pattern (missing arguments to '%b')"},
                 {"('a'):find('%f')", "missing '[' after '%f' in pattern"},
                 {"('a'):find('(a')", "unfinished capture"},
                 {"('a'):find('.)')", "invalid pattern capture"},
                 {"('a'):find('%1')", "invalid capture index %1"},
                 {"('a'):find('(%1)')", "invalid capture index %1"},
                 {"('a'):find('%0')", "invalid capture index %0"},
                 {"('a'):rep(40):find(('(a)'):rep(33))", "too many captures"},
                 {"('a'):rep(300):find(('a?'):rep(300) .. 'b')", "pattern too complex"},
                 {"('a'):gsub('a', '%2')", "invalid capture index %2"},
                 {"('a'):gsub('a', '%x')", "invalid use of '%' in replacement string"},
                 {"('a'):gsub('a', function() return {} end)", "invalid replacement value (a table)"},
                 {"('a'):gsub('a', {a = true})", "invalid replacement value (a boolean)"},
                 {"string.find()", "bad argument #1 to 'find' (string expected, got no value)"},
                 {"string.match('a')", "bad argument #2 to 'match' (string expected, got no value)"},
                 {"('a'):find('a', 'x')", "bad argument #2 to 'find' (number expected, got string)"},
                 {"('a'):find('a', 1.5)", "bad argument #2 to 'find' (number has no integer representation)"},
                 {"string.gmatch({}, 'a')", "bad argument #1 to 'gmatch' (string expected, got table)"},
                 {"string.gsub('a', 'a')", "bad argument #3 to 'gsub' (string/function/table expected, got no value)"},
                 {"string.gsub('a', 'a', 'b', {})", "bad argument #4 to 'gsub' (number expected, got table)"},
                 {"local t = setmetatable({}, {}); getmetatable(t).__index = t; return ('a'):gsub('a', t)",
                  "'__index' chain too long"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < LENGTH(cases); i++)
        EXPECT_ERROR(engine, cases[i].script, "runtime", cases[i].message);
    luawait_engine_free(engine);
}

/* ---- Callbacks ----------------------------------------------------------------------------------------------------*/

/* f() is answered by its first argument, as a request: the script is parked in the middle of gsub. */
static const script_case callbacks[] = {
    {"return ('abc'):gsub('.', f)", "[\"abc\",3]"},
    {"return ('abc'):gsub('%a', function(c) return f(c) .. '-' end)", "[\"a-b-c-\",3]"},
    {"return ('a b c'):gsub('%a', function(c) return f(c == 'b' and 'B' or nil) end)", "[\"a B c\",3]"},
    {"return ('abc'):gsub('.', setmetatable({b = 'own'}, {__index = function(_, k) return f(k) .. '!' end}))",
     "[\"a!ownc!\",3]"},
    {"return ('ab'):gsub('.', setmetatable({}, {__index = setmetatable({}, {__index = function(_, k) return f(k) "
     ".. '?' end})}))",
     "[\"a?b?\",2]"},
    {"return ('ab'):gsub('.', function(c) return (('xy'):gsub('.', function(d) return f(c .. d) end)) end)",
     "[\"axaybxby\",2]"},
    {"return ('abc'):gsub('^.', function(c) return f('start') end)", "[\"startbc\",1]"},
    {"return ('aaaa'):gsub('a', function(c) return f('b') end, 2)", "[\"bbaa\",2]"},
    {"return #('x'):rep(30):gsub('x', function(c) return f(('y'):rep(1000)) end)", "30000"},
    {"return pcall(string.gsub, 'a', 'a', function() f() error('boom', 0) end)", "[false,\"boom\"]"},
    {"return select(2, pcall(string.gsub, 'a', 'a', function() f() return {} end)):match('invalid.*')",
     "\"invalid replacement value (a table)\""},
    {"return coroutine.wrap(function() return ('ab'):gsub('.', function(c) return f(c:upper()) end) end)()",
     "[\"AB\",2]"},
    {"local co = coroutine.wrap(function() return ('abc'):gsub('.', function(c) return coroutine.yield(c) end) end) "
     "return co(), co('x'), co('y'), co('z')",
     "[\"a\",\"b\",\"c\",\"xyz\",3]"},
    {"local co = coroutine.wrap(function() return ('abc'):gsub('.', coroutine.yield) end) "
     "return co(), co('x'), co(nil), co(false)",
     "[\"a\",\"b\",\"c\",\"xbc\",3]"},
    {"local co = coroutine.wrap(function() return ('ab'):gsub('.', function(c) return coroutine.yield(f(c)) end) end) "
     "return co(), co(1), co(2)",
     "[\"a\",\"b\",\"12\",2]"},
    {"return coroutine.wrap(function() local r ('a'):gsub('a', function() r = coroutine.isyieldable() end) return r "
     "end)()",
     "true"},
    {"local t = {} for w in ('one two three'):gmatch('%a+') do t[#t + 1] = f(w) end return t",
     "[\"one\",\"two\",\"three\"]"}};

static void a_host_call_works_in_a_callback_of_gsub_on_a_worker(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < LENGTH(callbacks); i++)
        EXPECT_ECHO(engine, callbacks[i].script, callbacks[i].json);
    luawait_engine_free(engine);
}

static void a_host_call_works_in_a_callback_of_gsub_on_the_hosts_thread(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare(engine, "f");
        for (size_t i = 0; i < LENGTH(callbacks); i++)
            CHECK_VALUE(run_with_echo(engine, callbacks[i].script), callbacks[i].json);
        luawait_engine_free(engine);
    }
}

static void gsub_parked_in_a_callback_can_be_cancelled(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return ('abc'):gsub('.', f)");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    luawait_engine_free(engine);
}

/* Each level of callbacks in callbacks is one of C, of which Lua allows some two hundred. */
static void callbacks_in_callbacks_are_as_deep_as_lua_allows(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(
        engine,
        "local function nest(n) return (('x'):gsub('x', function() return n == 0 and 'deep' or nest(n - 1) end)) "
        "end return nest(100)",
        "\"deep\"");
    EXPECT_ERROR(engine, "local function nest() return (('x'):gsub('x', nest)) end return nest()", "limit",
                 "C stack overflow");
    luawait_engine_free(engine);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------*/

static void gsubs_result_counts_as_the_scripts_memory(void) {
    const char *scripts[] = {"return #('x'):rep(100000):gsub('x', ('y'):rep(1000))",
                             "return #('x'):rep(100000):gsub('x', function() return ('y'):rep(1000) end)",
                             "return #('x'):rep(100000):gsub('x', {x = ('y'):rep(1000)})",
                             "return #('x'):rep(100000):gsub('(x)', ('%1'):rep(1000))",
                             "local s = 'x' while true do s = s:gsub('x', 'xx') end"};
    luawait_engine *engine = engine_with("{\"memory_bytes\":2000000}");
    for (size_t i = 0; i < LENGTH(scripts); i++) {
        EXPECT_ERROR(engine, scripts[i], "memory", "memory");
        char *caught = text_format("local ok, e = pcall(function() %s end) return ok, e", scripts[i]);
        EXPECT_VALUE(engine, caught, "[false,\"not enough memory\"]");
        free(caught);
    }
    EXPECT_VALUE(engine, "return #('x'):rep(1000):gsub('x', ('y'):rep(100))", "100000");
    luawait_engine_free(engine);
}

TESTS(TEST(find_and_match_give_what_lua_gives), TEST(gmatch_and_gsub_give_what_lua_gives),
      TEST(wrong_patterns_are_luas_errors), TEST(a_host_call_works_in_a_callback_of_gsub_on_a_worker),
      TEST(a_host_call_works_in_a_callback_of_gsub_on_the_hosts_thread),
      TEST(gsub_parked_in_a_callback_can_be_cancelled), TEST(callbacks_in_callbacks_are_as_deep_as_lua_allows),
      TEST(gsubs_result_counts_as_the_scripts_memory))
