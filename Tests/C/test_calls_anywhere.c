/* Host calls from every place a script can call from, on every executor. */
#include "events.h"
#include "pool.h"

typedef struct place {
    const char *name, *script, *json;
} place;

/* f gives its argument back. Here the script parks, whoever runs it. */
static const place parking[] = {
    {"pcall", "return {pcall(f, 1)}", "[true,1]"},
    {"xpcall", "return {xpcall(f, print, 1)}", "[true,1]"},
    {"iterator",
     "local n = 0 for i in function() local i = f(n + 1) if i < 4 then return i end end do n = i end return n", "3"},
    {"__index", "return setmetatable({}, {__index = function(_, k) return f(k) end}).x", "\"x\""},
    {"__newindex", "local got setmetatable(_G, {__newindex = function(_, k, v) got = f(v) end}) y = 4 return got", "4"},
    {"__add", "return setmetatable({}, {__add = function(_, n) return f(n) end}) + 5", "5"},
    {"__concat", "return setmetatable({}, {__concat = function(_, n) return f(n) end}) .. 'x'", "\"x\""},
    {"__eq", "local mt = {__eq = function() return f(true) end} return setmetatable({}, mt) == setmetatable({}, mt)",
     "true"},
    {"__lt", "local mt = {__lt = function() return f(true) end} return setmetatable({}, mt) < setmetatable({}, mt)",
     "true"},
    {"__le", "local mt = {__le = function() return f(true) end} return setmetatable({}, mt) <= setmetatable({}, mt)",
     "true"},
    {"__len", "return #setmetatable({}, {__len = function() return f(6) end})", "6"},
    {"__unm", "return -setmetatable({}, {__unm = function() return f(6) end})", "6"},
    {"__call", "return setmetatable({}, {__call = function(_, x) return f(x) end})(7)", "7"},
    {"__pairs",
     "for k in pairs(setmetatable({}, {__pairs = function() return next, {[f('k')] = 1} end})) do return k end",
     "\"k\""},
    {"__close", "local got do local x <close> = setmetatable({}, {__close = function() got = f(8) end}) end return got",
     "8"},
    {"__close after an error",
     "local got pcall(function() local x <close> = setmetatable({}, {__close = function() got = f(8) end}) error() "
     "end) "
     "return got",
     "8"},
    {"coroutine.wrap", "return coroutine.wrap(function() return f(coroutine.wrap(f)(9)) end)()", "9"},
    {"coroutine.resume",
     "local co = coroutine.create(function(x) x = f(x) return f(coroutine.yield(x)) end) "
     "return {select(2, coroutine.resume(co, 1)), select(2, coroutine.resume(co, 2))}",
     "[1,2]"},
    {"table.sort", "local t = {3, 1, 2} table.sort(t, function(a, b) return f(a) < f(b) end) return t", "[1,2,3]"},
    {"__lt in table.sort",
     "local mt = {__lt = function(a, b) return f(a[1]) < b[1] end} local t = {} "
     "for i, n in ipairs {3, 1, 2} do t[i] = setmetatable({n}, mt) end table.sort(t) return {t[1][1], t[2][1], "
     "t[3][1]}",
     "[1,2,3]"},
    {"string.gsub with a function", "return (('abc'):gsub('.', function(c) return f(c:upper()) end))", "\"ABC\""},
    {"string.gsub with a table",
     "return (('abc'):gsub('.', setmetatable({}, {__index = function(_, c) return f(c:upper()) end})))", "\"ABC\""},
    {"tostring", "return tostring(setmetatable({}, {__tostring = function() return f('me') end}))", "\"me\""},
    {"ipairs",
     "local t = setmetatable({}, {__index = function(_, i) if i < 3 then return f(i) end end}) "
     "local n = 0 for _, v in ipairs(t) do n = n + v end return n",
     "3"},
    {"table.concat",
     "return table.concat(setmetatable({}, {__index = function(_, i) return f(i) end, "
     "__len = function() return 3 end}), '-')",
     "\"1-2-3\""},
    {"table.unpack", "return {table.unpack(setmetatable({}, {__index = function(_, i) return f(i) end}), 1, 3)}",
     "[1,2,3]"},
    {"a comparator in a callback in a coroutine",
     "return coroutine.wrap(function() return (('21'):gsub('%d+', function(s) local t = {s:sub(1, 1), s:sub(2)} "
     "table.sort(t, function(a, b) return f(a) < f(b) end) return table.concat(t) end)) end)()",
     "\"12\""},
};

/* Here Lua cannot yield: a thread waits, where there is one to lend. */
static const place blocking[] = {
    {"load's reader", "local n = 0 return load(function() n = n + 1 return f(({'return ', '5'})[n]) end)()", "5"},
    {"xpcall's handler", "return {xpcall(error, function(e) return f(e .. '!') end, 'oh')}", "[false,\"oh!\"]"},
    {"string.format", "return ('%s'):format(setmetatable({}, {__tostring = function() return f('me') end}))", "\"me\""},
    {"__close in coroutine.close",
     "local got local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
     "got = f(8) end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co) return got",
     "8"},
    {"a coroutine in __tostring",
     "return ('%s'):format(setmetatable({}, {__tostring = function() return coroutine.wrap(f)('deep') end}))",
     "\"deep\""},
    {"several at once",
     "local mt = {__tostring = function() return f('a') .. f('b') end} "
     "return ('%s%s'):format(setmetatable({}, mt), setmetatable({}, mt))",
     "\"abab\""},
};

enum { PLACES = sizeof parking / sizeof *parking, BLOCKING = sizeof blocking / sizeof *blocking };

typedef enum executor { THREADS, HOST, UNWATCHED_HOST, POOL, EXECUTORS } executor;

typedef struct bench {
    luawait_engine *engine;
    pool *pool;
    executor executor;
} bench;

static bench bench_of(executor executor, const char *more) {
    bench made = {.executor = executor};
    switch (executor) {
    case THREADS: {
        char *config = text_format("{\"workers\":2%s}", more);
        made.engine = engine_with(config);
        free(config);
        break;
    }
    case HOST: made.engine = host_engine_of(SIGNAL, more); break;
    case UNWATCHED_HOST: made.engine = host_engine_of(UNWATCHED, more); break;
    default: {
        char *config = text_format("{\"executor\":\"custom\"%s}", more);
        made.engine = engine_with(config);
        free(config);
        made.pool = pool_new(2);
        luawait_executor pool = executor_of(made.pool);
        REQUIRE_OK(luawait_set_executor(made.engine, &pool, NULL));
    }
    }
    declare(made.engine, "f");
    return made;
}

static void bench_free(bench *used) {
    luawait_engine_free(used->engine);
    if (used->pool != NULL) pool_free(used->pool);
}

/* Answers each request with its argument until the eval ends. */
static outcome serve(bench *on, uint64_t eval) {
    if (on->executor == THREADS || on->executor == POOL) return serve_echo(on->engine, eval);
    outcome ended = {0};
    int64_t begun = monotonic_ms();
    while (ended.state == LUAWAIT_IN_PROGRESS) {
        request taken;
        REQUIRE_OK(luawait_run(on->engine, 10000, NULL));
        while (take_request(on->engine, &taken)) {
            taken.args[taken.args_length - 1] = '\0';
            answer(on->engine, taken.id, taken.args + 1);
            request_free(&taken);
        }
        REQUIRE_OK(luawait_poll(on->engine, eval, &ended.state, &ended.json, &ended.length));
        REQUIRE(!is_hanging(begun));
    }
    return ended;
}

static void check_place(bench *on, const place *at, const char *json) {
    outcome ended = serve(on, start(on->engine, at->script));
    bool is_right = ended.state == LUAWAIT_SUCCEEDED && strcmp(ended.json, json) == 0;
    if (!is_right) harness_fail(HERE, "%s on executor %d: %s", at->name, (int)on->executor, ended.json);
    outcome_free(&ended);
}

static void everywhere_a_script_can_yield_it_parks(void) {
    for (int executor = 0; executor < EXECUTORS; executor++) {
        bench on = bench_of((enum executor)executor, ",\"max_blocked\":0");
        for (size_t i = 0; i < PLACES; i++)
            check_place(&on, &parking[i], parking[i].json);
        bench_free(&on);
    }
}

static void elsewhere_a_worker_waits(void) {
    bench on = bench_of(THREADS, "");
    for (size_t i = 0; i < BLOCKING; i++)
        check_place(&on, &blocking[i], blocking[i].json);
    bench_free(&on);
}

/* The same places, asking what the error says. */
static const place refused[] = {
    {"load's reader", "local said load(function() said = said or select(2, pcall(f)).message end) return said", ""},
    {"xpcall's handler", "return (select(2, xpcall(error, function() return select(2, pcall(f)).message end)))", ""},
    {"string.format", "return ('%s'):format(setmetatable({}, {__tostring = f}))", ""},
    {"__close in coroutine.close",
     "local said local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
     "said = select(2, pcall(f)).message end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co) return "
     "said",
     ""},
};

static void elsewhere_an_executor_without_threads_says_so(void) {
    for (int executor = HOST; executor < EXECUTORS; executor++) {
        bench on = bench_of((enum executor)executor, "");
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            outcome ended = serve(&on, start_with(on.engine, refused[i].script, "{\"name\":\"here\"}"));
            // It names the function and the place.
            if (strstr(ended.json, "here:1: host function 'f' cannot wait here") == NULL)
                harness_fail(HERE, "%s on executor %d: %s", refused[i].name, executor, ended.json);
            outcome_free(&ended);
        }
        bench_free(&on);
    }
}

/* A script in which a thread waits. */
static const char waiting[] = "return ('%s'):format(setmetatable({}, {__tostring = function() return f('x') end}))";

static void other_scripts_go_on_while_threads_wait(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    enum { WAITERS = 5 };
    uint64_t evals[WAITERS];
    request taken[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        evals[i] = start(engine, waiting);
        taken[i] = wait_for_request(engine);
    }
    CHECK_VALUE(finish(engine, start(engine, "return 'through'")), "\"through\"");
    for (int i = 0; i < WAITERS; i++) {
        answer(engine, taken[i].id, "\"done\"");
        request_free(&taken[i]);
        CHECK_VALUE(finish(engine, evals[i]), "\"done\"");
    }
    luawait_engine_free(engine);
}

static void too_many_waiting_threads_are_an_error_that_can_be_caught(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"max_blocked\":1}");
    declare(engine, "f");
    uint64_t first = start(engine, waiting);
    request taken = wait_for_request(engine);
    EXPECT_ERROR(engine, waiting, "limit", "f: 1 threads wait inside scripts already (max_blocked)");
    answer(engine, taken.id, "\"done\"");
    request_free(&taken);
    CHECK_VALUE(finish(engine, first), "\"done\"");
    uint64_t again = start(engine, waiting);
    taken = wait_for_request(engine);
    answer(engine, taken.id, "\"again\"");
    request_free(&taken);
    CHECK_VALUE(finish(engine, again), "\"again\"");
    luawait_engine_free(engine);
}

static void a_waiting_eval_can_be_cancelled(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    uint64_t eval = start(engine, "while true do pcall(function() local x = ('%s'):format(setmetatable({}, "
                                  "{__tostring = function() return f('x') end})) end) end");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    CHECK_VALUE(finish(engine, start(engine, "return 1")), "1");
    luawait_engine_free(engine);
}

static void a_waiting_call_can_time_out(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare_with(engine, "f", "{\"timeout_ms\":20}");
    EXPECT_VALUE(engine,
                 "local _, e = pcall(string.format, '%s', setmetatable({}, {__tostring = function() "
                 "local ok, e = pcall(f) return e.type end})) return e",
                 "\"timeout\"");
    luawait_engine_free(engine);
}

static void a_waiting_eval_can_time_out(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    EXPECT_ERROR_WITH(engine, waiting, "{\"timeout_ms\":30}", "timeout", "timeout_ms");
    luawait_engine_free(engine);
}

static void an_engine_with_waiting_threads_can_be_freed(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    for (int i = 0; i < 3; i++) {
        start(engine, waiting);
        request taken = wait_for_request(engine);
        request_free(&taken);
    }
    luawait_engine_free(engine);
}

static void waiting_does_not_count_as_processor_time(void) {
    char *config = text_format("{\"cpu_ms\":%zu,\"slice_us\":1000}", harness_scale(100, 1000));
    char *timeout = text_format("{\"timeout_ms\":%zu}", harness_scale(300, 3000));
    luawait_engine *engine = engine_with(config);
    declare_with(engine, "never", timeout);
    free(config);
    free(timeout);
    EXPECT_VALUE(engine, "return (select(2, xpcall(error, function() return not pcall(never) end)))", "true");
    luawait_engine_free(engine);
}

TESTS(TEST(everywhere_a_script_can_yield_it_parks), TEST(elsewhere_a_worker_waits),
      TEST(elsewhere_an_executor_without_threads_says_so), TEST(other_scripts_go_on_while_threads_wait),
      TEST(too_many_waiting_threads_are_an_error_that_can_be_caught), TEST(a_waiting_eval_can_be_cancelled),
      TEST(a_waiting_call_can_time_out), TEST(a_waiting_eval_can_time_out),
      TEST(an_engine_with_waiting_threads_can_be_freed), TEST(waiting_does_not_count_as_processor_time))
