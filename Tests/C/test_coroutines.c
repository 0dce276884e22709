/* Host calls from everywhere a script can make them, and a coroutine library that behaves as plain Lua's. */
#include "host.h"

static luawait_engine *engine_with_f(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    return engine;
}

/* No thread may wait inside a script. */
static luawait_engine *engine_without_waiting(void) {
    luawait_engine *engine = engine_with("{\"max_blocked\":0}");
    declare(engine, "f");
    return engine;
}

typedef struct script_case {
    const char *script;
    const char *json;
} script_case;

/* Each script runs with f() answered by its first argument, as a request: the script is parked each time. */
static void check_cases(harness_place at, const script_case *cases, size_t count) {
    luawait_engine *engine = engine_with_f();
    for (size_t i = 0; i < count; i++) {
        outcome ended = host_serve_echo(at, engine, host_start(at, engine, cases[i].script, NULL));
        if (ended.state != LUAWAIT_SUCCEEDED) harness_fail(at, "case %zu: %s", i, cases[i].script);
        host_check_value(at, ended, cases[i].json);
    }
    luawait_engine_free(engine);
}

#define CHECK_CASES(cases) check_cases(HERE, (cases), sizeof(cases) / sizeof *(cases))

static void a_call_passes_through_nested_coroutines(void) {
    const script_case cases[] = {
        {"return coroutine.wrap(function() return f('one') end)()", "\"one\""},
        {"local function nest(n) if n == 0 then return f('deep') end "
         "return coroutine.wrap(nest)(n - 1) end return nest(50)",
         "\"deep\""},
        {"local co = coroutine.create(function(a) local b = f(a) local c = coroutine.yield(b + 1) return f(c) end) "
         "local t = {} t[1] = {coroutine.resume(co, 1)} t[2] = {coroutine.resume(co, 5)} t[3] = coroutine.status(co) "
         "return t",
         "[[true,2],[true,5],\"dead\"]"},
        {"return coroutine.wrap(f)('the function itself')", "\"the function itself\""},
        {"local co = coroutine.create(f) return coroutine.resume(co, 'resumed')", "[true,\"resumed\"]"},
        {"local outer = coroutine.wrap(function() local inner = coroutine.wrap(function() coroutine.yield(f(1)) "
         "coroutine.yield(f(2)) end) coroutine.yield(inner()) coroutine.yield(f(10)) coroutine.yield(inner()) end) "
         "return outer(), outer(), outer()",
         "[1,10,2]"}};
    CHECK_CASES(cases);
}

/* A yield of the script's own goes to its resumer, a host call's to the host, however they alternate. */
static void yields_and_calls_do_not_mix(void) {
    const script_case cases[] = {
        {"local gen = coroutine.wrap(function() for i = 1, 20 do coroutine.yield(f(i)) coroutine.yield(-i) end end) "
         "local s = 0 for i = 1, 20 do local a, b = gen(), gen() assert(a == i and b == -i) s = s + a end return s",
         "210"},
        {"local a = coroutine.wrap(function() while true do coroutine.yield('a' .. f(1)) end end) "
         "local b = coroutine.wrap(function() while true do coroutine.yield('b' .. f(2)) end end) "
         "return a() .. b() .. a() .. b()",
         "\"a1b2a1b2\""},
        {"local co = coroutine.wrap(function(...) local n = select('#', ...) f() return n, "
         "select('#', coroutine.yield(nil, nil)) end) local first = select('#', co(nil, nil, nil)) "
         "return first, co(nil)",
         "[2,3,1]"}};
    CHECK_CASES(cases);
}

static void a_call_works_in_iterators(void) {
    const script_case cases[] = {
        {"local t = {} for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(f(i)) end end) do "
         "t[#t + 1] = v end return t",
         "[1,2,3]"},
        {"local function items(n, i) if i < n then return f(i + 1) end end "
         "local s = 0 for v in items, 4, 0 do s = s + v end return s",
         "10"},
        {"local s = 0 for k, v in pairs({a = 1, b = 2}) do s = s + f(v) end return s", "3"},
        {"local t = setmetatable({}, {__pairs = function() f() return next, {x = 1} end}) "
         "for k, v in pairs(t) do return k, v end",
         "[\"x\",1]"},
        {"local t = setmetatable({}, {__call = function(_, _, i) i = (i or 0) + 1 if i < 4 then return f(i) end end}) "
         "local s = 0 for i in t do s = s + i end return s",
         "6"}};
    CHECK_CASES(cases);
}

static void a_call_works_in_protected_calls(void) {
    const script_case cases[] = {
        {"return pcall(f, 'x')", "[true,\"x\"]"},
        {"return pcall(pcall, pcall, f, 'x')", "[true,true,true,\"x\"]"},
        {"return pcall(function() f() error('after', 0) end)", "[false,\"after\"]"},
        {"return xpcall(function(a) return f(a) end, print, 7)", "[true,7]"},
        {"return xpcall(function() f() error('e', 0) end, function(m) return m .. '!' end)", "[false,\"e!\"]"},
        {"local co = coroutine.wrap(function() return pcall(function() f() coroutine.yield('mid') f() error('e', 0) "
         "end) end) return co(), co()",
         "[\"mid\",false,\"e\"]"},
        {"return select(2, pcall(error, f('argument')))", "\"argument\""}};
    CHECK_CASES(cases);
}

static void a_call_works_in_metamethods(void) {
    const script_case cases[] = {
        {"return setmetatable({}, {__index = function(_, k) return f(k) end}).key", "\"key\""},
        {"return setmetatable({}, {__index = f}) ~= nil", "true"},
        {"local log = {} local t = setmetatable({}, {__newindex = function(_, k, v) log[1] = f(v) end}) t.x = 5 "
         "return log[1]",
         "5"},
        {"local mt = {} mt.__add = function(a, b) return f(3) end mt.__eq = function() return f(true) end "
         "mt.__lt = function() return f(true) end mt.__le = function() return f(false) end "
         "mt.__concat = function() return f('c') end mt.__len = function() return f(9) end "
         "mt.__unm = function() return f(-1) end mt.__call = function(_, x) return f(x) end "
         "local a, b = setmetatable({}, mt), setmetatable({}, mt) "
         "return {a + b, a == b, a < b, a <= b, a .. b, #a, -a, a(4)}",
         "[3,true,true,false,\"c\",9,-1,4]"},
        {"local t = setmetatable({}, {__index = function(_, k) return f(k) end}) "
         "return coroutine.wrap(function() return t.a .. t.b end)()",
         "\"ab\""}};
    CHECK_CASES(cases);
}

static void a_call_works_in_close_handlers(void) {
    const script_case cases[] = {
        {"local log = {} do local x <close> = setmetatable({}, {__close = function() log[1] = f('closed') end}) end "
         "return log[1]",
         "\"closed\""},
        {"local log = {} local ok = pcall(function() local x <close> = setmetatable({}, {__close = function(_, e) "
         "log[1] = f(e) end}) error('why', 0) end) return ok, log[1]",
         "[false,\"why\"]"},
        {"local log = {} local function g() local x <close> = setmetatable({}, {__close = function() "
         "log[1] = f('after return') end}) return 'value' end return g(), log[1]",
         "[\"value\",\"after return\"]"},
        {"local x <close> = setmetatable({}, {__close = function() f('at the end of the script') end}) return 'value'",
         "\"value\""},
        {"local log = {} for i in coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() "
         "log[1] = f('end') end}) coroutine.yield(1) end) do end return log[1]",
         "\"end\""}};
    CHECK_CASES(cases);
}

/* Nobody catches the error, so the whole script is unwound; what it holds still wants its release. */
static void a_call_works_in_a_close_handler_of_a_failing_script(void) {
    luawait_engine *engine = engine_with_f();
    uint64_t eval = start(engine, "local x <close> = setmetatable({}, {__close = function() f('release') end}) "
                                  "error('boom', 0)");
    outcome ended = serve_echo(engine, eval);
    CHECK_ERROR(ended, "runtime", "boom");
    CHECK_INT(stat_of(engine, "requests", "answered"), 1);
    luawait_engine_free(engine);
}

static void a_call_works_in_loaded_code(void) {
    const script_case cases[] = {{"return load('return f(...)')('loaded')", "\"loaded\""},
                                 {"return load(\"return f('x')\", 'name', 't', {f = f})()", "\"x\""},
                                 {"return select('#', table.unpack({f(1), f(2)}))", "2"},
                                 {"return string.format('%s-%s', f('a'), f('b'))", "\"a-b\""}};
    CHECK_CASES(cases);
}

/* Where C frames of Lua's own lie between, the call is an error that names the function, and the script lives on. */
static void where_lua_cannot_yield_the_call_is_a_clear_error(void) {
    const char *scripts[] = {"load(function() return f() end)", "load(f)",
                             "string.format('%s', setmetatable({}, {__tostring = function() return f('x') end}))",
                             "print(setmetatable({}, {__tostring = function() return f('x') end}))"};
    luawait_engine *engine = engine_without_waiting();
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        char *caught =
            text_format("local ok, a, b = pcall(function() return %s end) "
                        "local e = tostring(ok and (b or a) or a) return (e:find(\"'f'\", 1, true)) ~= nil, f('on')",
                        scripts[i]);
        outcome ended = finish(engine, start(engine, scripts[i]));
        if (strncmp(scripts[i], "load", 4) == 0) {
            /* load() catches what its reader raises, and returns it. */
            CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
            CHECK_CONTAINS(ended.json, "'f'");
            CHECK_CONTAINS(ended.json, "yield");
            outcome_free(&ended);
        } else {
            CHECK_INT(ended.state, LUAWAIT_FAILED);
            CHECK_MEMBER_CONTAINS(ended.json, "message", "'f'");
            CHECK_MEMBER_CONTAINS(ended.json, "message", "yield");
            outcome_free(&ended);
        }
        CHECK_VALUE(serve_echo(engine, start(engine, caught)), "[true,\"on\"]");
        free(caught);
    }
    luawait_engine_free(engine);
}

/* A coroutine of the script's may yield to its resumer inside such a place, but a host call cannot get out of it. */
static void a_coroutine_where_lua_cannot_yield_cannot_park_either(void) {
    luawait_engine *engine = engine_without_waiting();
    EXPECT_VALUE(
        engine,
        "return string.format('%s', setmetatable({}, {__tostring = function() return coroutine.wrap(function() "
        "coroutine.yield('x') end)() end}))",
        "\"x\"");
    EXPECT_ERROR(engine,
                 "string.format('%s', setmetatable({}, {__tostring = function() return coroutine.wrap(function() "
                 "return f('x') end)() end}))",
                 "runtime", "yield");
    EXPECT_ECHO(engine,
                "local ok = pcall(string.format, '%s', setmetatable({}, {__tostring = function() "
                "return coroutine.wrap(f)() end})) "
                "return ok, f('goes on')",
                "[false,\"goes on\"]");
    luawait_engine_free(engine);
}

static void status_and_running_are_as_in_plain_lua(void) {
    const script_case cases[] = {
        {"local co, main = coroutine.running() return type(co), main", "[\"thread\",true]"},
        {"local main = coroutine.running() f() return coroutine.running() == main, select(2, coroutine.running())",
         "[true,true]"},
        {"local co co = coroutine.create(function() f() local c, m = coroutine.running() return c == co, m, "
         "coroutine.status(co) end) return select(2, coroutine.resume(co))",
         "[true,false,\"running\"]"},
        {"local co = coroutine.create(function() coroutine.yield() end) local t = {coroutine.status(co)} "
         "coroutine.resume(co) t[2] = coroutine.status(co) coroutine.resume(co) t[3] = coroutine.status(co) return t",
         "[\"suspended\",\"suspended\",\"dead\"]"},
        {"local outer outer = coroutine.create(function() return coroutine.wrap(function() f() "
         "return coroutine.status(outer) end)() end) return coroutine.resume(outer)",
         "[true,\"normal\"]"},
        {"return coroutine.status(coroutine.running())", "\"running\""}};
    CHECK_CASES(cases);
}

static void yieldable_is_as_in_plain_lua(void) {
    const script_case cases[] = {
        {"return coroutine.isyieldable()", "false"},
        {"f() return coroutine.isyieldable()", "false"},
        {"return coroutine.wrap(function() f() return coroutine.isyieldable() end)()", "true"},
        {"local co = coroutine.create(function() end) return coroutine.isyieldable(co)", "true"},
        {"local r table.sort({2, 1}, function(a, b) r = coroutine.isyieldable() return a < b end) return r", "false"},
        {"return coroutine.wrap(function() local r table.sort({2, 1}, function(a, b) r = coroutine.isyieldable() "
         "return a < b end) return r end)()",
         "true"},
        {"return coroutine.wrap(function() local r string.format('%s', setmetatable({}, {__tostring = function() "
         "r = coroutine.isyieldable() return '' end})) return r end)()",
         "false"}};
    CHECK_CASES(cases);
}

static void a_yield_outside_a_coroutine_is_luas_error(void) {
    luawait_engine *engine = engine_with_f();
    EXPECT_ERROR(engine, "coroutine.yield(1)", "runtime", "attempt to yield from outside a coroutine");
    EXPECT_VALUE(engine, "local ok, e = pcall(coroutine.yield) return ok, (e:find('outside a coroutine')) ~= nil",
                 "[false,true]");
    EXPECT_ECHO(engine, "f() local ok = pcall(coroutine.yield, 1) return ok, f('goes on')", "[false,\"goes on\"]");
    luawait_engine_free(engine);
}

static void resuming_what_cannot_be_resumed_is_luas_error(void) {
    const script_case cases[] = {
        {"local co = coroutine.create(function() end) coroutine.resume(co) return coroutine.resume(co)",
         "[false,\"cannot resume dead coroutine\"]"},
        {"return coroutine.resume(coroutine.running())", "[false,\"cannot resume non-suspended coroutine\"]"},
        {"local outer outer = coroutine.create(function() return coroutine.wrap(function() "
         "return coroutine.resume(outer) end)() end) return select(2, coroutine.resume(outer))",
         "[false,\"cannot resume non-suspended coroutine\"]"},
        {"local w = coroutine.wrap(function() end) w() return select(2, pcall(w)):match('cannot resume dead "
         "coroutine')",
         "\"cannot resume dead coroutine\""},
        {"local w w = coroutine.wrap(function() return pcall(w) end) local ok, e = w() "
         "return ok, e:match('cannot resume non%-suspended coroutine')",
         "[false,\"cannot resume non-suspended coroutine\"]"}};
    CHECK_CASES(cases);
}

static void wrong_arguments_are_luas_errors(void) {
    luawait_engine *engine = engine_with_f();
    EXPECT_ERROR(engine, "coroutine.create(1)", "runtime", "bad argument #1 to 'create'");
    EXPECT_ERROR(engine, "coroutine.wrap()", "runtime", "bad argument #1 to 'wrap'");
    EXPECT_ERROR(engine, "coroutine.resume(1)", "runtime", "bad argument #1 to 'resume'");
    EXPECT_ERROR(engine, "coroutine.status({})", "runtime", "bad argument #1 to 'status'");
    EXPECT_ERROR(engine, "coroutine.close('x')", "runtime", "bad argument #1 to 'close'");
    luawait_engine_free(engine);
}

static void errors_propagate_through_wrap_and_resume(void) {
    const script_case cases[] = {
        {"local co = coroutine.create(function() f() error('inside', 0) end) return coroutine.resume(co)",
         "[false,\"inside\"]"},
        {"local ok, e = pcall(coroutine.wrap(function() f() error('inside') end)) return ok, e",
         "[false,\"script:1: inside\"]"},
        {"local w = coroutine.wrap(function() f() error('inside') end) return pcall(function() local x = w() end)",
         "[false,\"script:1: script:1: inside\"]"},
        {"local t = {} local ok, e = pcall(coroutine.wrap(function() f() error(t) end)) return ok, e == t",
         "[false,true]"},
        {"local co = coroutine.create(function() error('x', 0) end) coroutine.resume(co) return coroutine.status(co)",
         "\"dead\""},
        {"local log local w = coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function(_, e) "
         "log = e end}) error('closing', 0) end) pcall(w) return log",
         "\"closing\""}};
    CHECK_CASES(cases);
}

static void closing_is_as_in_plain_lua(void) {
    const script_case cases[] = {
        {"local co = coroutine.create(function() f() coroutine.yield() end) coroutine.resume(co) "
         "return coroutine.close(co), coroutine.status(co)",
         "[true,\"dead\"]"},
        {"local co = coroutine.create(function() end) return coroutine.close(co), coroutine.status(co)",
         "[true,\"dead\"]"},
        {"local log local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
         "log = 'ran' end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co) return log",
         "\"ran\""},
        {"local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
         "error('in close', 0) end}) coroutine.yield() end) coroutine.resume(co) return coroutine.close(co)",
         "[false,\"in close\"]"},
        {"local co = coroutine.create(function() error('dead', 0) end) coroutine.resume(co) return coroutine.close(co)",
         "[false,\"dead\"]"},
        {"return select(2, pcall(coroutine.close, coroutine.running())):match('cannot close a running coroutine')",
         "\"cannot close a running coroutine\""}};
    CHECK_CASES(cases);
}

/* Lua runs these handlers where it cannot yield. */
static void a_call_while_closing_is_a_clear_error(void) {
    luawait_engine *engine = engine_without_waiting();
    EXPECT_ECHO(engine,
                "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = f}) "
                "coroutine.yield() end) coroutine.resume(co) local ok, e = coroutine.close(co) "
                "return ok, (tostring(e):find('yield')) ~= nil, f('goes on')",
                "[false,true,\"goes on\"]");
    luawait_engine_free(engine);
}

static void many_coroutines_are_fine(void) {
    luawait_engine *engine = engine_with_f();
    char *script =
        text_format("local t = {} for i = 1, %zu do t[i] = coroutine.wrap(function() local a = f(i) "
                    "coroutine.yield(a) end) end local s = 0 for i = 1, #t do s = s + t[i]() end return s - #t",
                    harness_scale(2000, 100));
    size_t count = harness_scale(2000, 100);
    char *expected = text_format("%zu", count * (count + 1) / 2 - count);
    EXPECT_ECHO(engine, script, expected);
    free(script);
    free(expected);
    luawait_engine_free(engine);
}

TESTS(TEST(a_call_passes_through_nested_coroutines), TEST(yields_and_calls_do_not_mix), TEST(a_call_works_in_iterators),
      TEST(a_call_works_in_protected_calls), TEST(a_call_works_in_metamethods), TEST(a_call_works_in_close_handlers),
      TEST(a_call_works_in_a_close_handler_of_a_failing_script), TEST(a_call_works_in_loaded_code),
      TEST(where_lua_cannot_yield_the_call_is_a_clear_error),
      TEST(a_coroutine_where_lua_cannot_yield_cannot_park_either), TEST(status_and_running_are_as_in_plain_lua),
      TEST(yieldable_is_as_in_plain_lua), TEST(a_yield_outside_a_coroutine_is_luas_error),
      TEST(resuming_what_cannot_be_resumed_is_luas_error), TEST(wrong_arguments_are_luas_errors),
      TEST(errors_propagate_through_wrap_and_resume), TEST(closing_is_as_in_plain_lua),
      TEST(a_call_while_closing_is_a_clear_error), TEST(many_coroutines_are_fine))
