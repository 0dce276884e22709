/* Calls nested through C end in an error that can be caught, on a stack of any size, whoever's it is. */
#include "c_stack.h"
#include "pool.h"

#include <stdio.h>

enum { KIB = 1024 };
static const size_t sizes[] = {128 * KIB, 256 * KIB, 512 * KIB, 2048 * KIB, 8192 * KIB};
enum { SIZES = sizeof sizes / sizeof *sizes, FIBER = 256 * KIB };

static const char config[] = "{\"print\":\"none\",\"cpu_ms\":0}";

/* Under a sanitizer frames are several times as large, and a small stack is too small for any script. */
static bool has_plain_frames(void) {
    return getenv("ASAN_OPTIONS") == NULL && getenv("TSAN_OPTIONS") == NULL;
}

/* Lua says so itself, too, and in other words where a message handler nests. */
static bool is_overflow(const char *json) {
    return strstr(json, "stack overflow") != NULL || strstr(json, "error in error handling") != NULL;
}

static void check_nesting(const char *what, outcome ended) {
    bool fits = (ended.state == LUAWAIT_SUCCEEDED || strstr(ended.json, "\"type\":\"limit\"") != NULL) &&
                is_overflow(ended.json);
    if (!CHECK(fits)) fprintf(stderr, "%s: %s\n", what, ended.json);
    outcome_free(&ended);
}

static outcome evaluate(luawait_engine *engine, const char *script) {
    outcome ended = {0};
    char *json = NULL;
    size_t length = 0;
    luawait_status status =
        luawait_eval(engine, script, LUAWAIT_NUL_TERMINATED, NULL, 0, &ended.state, &json, &length, NULL);
    if (status != LUAWAIT_OK) harness_fail(HERE, "luawait_eval: %s", luawait_status_name(status));
    ended.json = json;
    ended.length = length;
    return ended;
}

/* A script, and how it is run on the calling thread. */
typedef struct job {
    luawait_engine *engine;
    const char *script;
    uint64_t eval;
    outcome ended;
} job;

static void by_eval(void *data) {
    job *work = data;
    work->ended = evaluate(work->engine, work->script);
}

/* For executor "host". */
static void by_run(void *data) {
    job *work = data;
    int32_t more = 1;
    while (more) {
        if (luawait_run(work->engine, 10000, &more) != LUAWAIT_OK) break;
    }
}

static outcome run_by_eval(luawait_engine *engine, const char *script, size_t size) {
    job work = {.engine = engine, .script = script};
    on_thread(size, by_eval, &work);
    return work.ended;
}

static void every_way_of_nesting_ends_in_an_error_on_any_stack(void) {
    luawait_engine *engine = engine_with(config);
    for (size_t way = 0; way < way_count(); way++) {
        char *script = nesting_script(&way, 1);
        for (size_t i = 0; i < SIZES; i++)
            check_nesting(way_name(way), run_by_eval(engine, script, sizes[i]));
        free(script);
    }
    EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    luawait_engine_free(engine);
}

static char *random_nesting(uint64_t seed) {
    size_t chosen[6], count = 2 + seed % 5;
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        chosen[i] = state % way_count();
    }
    return nesting_script(chosen, count);
}

static void all_ways_mixed_end_in_an_error_on_any_stack(void) {
    luawait_engine *engine = engine_with(config);
    for (uint64_t seed = 1; seed <= harness_scale(20, 4); seed++) {
        char *script = random_nesting(seed);
        for (size_t i = 0; i < SIZES; i++)
            check_nesting(script, run_by_eval(engine, script, sizes[i]));
        check_nesting(script, evaluate(engine, script)); /* on the main thread */
        free(script);
    }
    EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    luawait_engine_free(engine);
}

static void a_fiber_has_a_budget_of_its_own(void) {
    luawait_engine *engine = engine_with(config);
    job simple = {.engine = engine, .script = "return select(2, pcall(load, 'return 1'))()"};
    on_fiber(FIBER, by_eval, &simple);
    if (has_plain_frames()) {
        CHECK_VALUE(simple.ended, "1");
    } else {
        outcome_free(&simple.ended);
    }
    for (size_t way = 0; way < way_count(); way++) {
        job work = {.engine = engine, .script = nesting_script(&way, 1)};
        on_fiber(FIBER, by_eval, &work);
        check_nesting(way_name(way), work.ended);
        free((char *)(uintptr_t)work.script);
    }
    EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    luawait_engine_free(engine);
}

static void luawait_run_takes_the_stack_it_is_called_on(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\",\"cpu_ms\":0,\"executor\":\"host\"}");
    for (uint64_t seed = 1; seed <= harness_scale(12, 3); seed++) {
        char *script = random_nesting(seed);
        for (size_t i = 0; i <= SIZES; i++) {
            job work = {.engine = engine, .eval = start(engine, script)};
            if (i < SIZES) {
                on_thread(sizes[i], by_run, &work);
            } else {
                on_fiber(FIBER, by_run, &work);
            }
            check_nesting(script, finish(engine, work.eval));
        }
        free(script);
    }
    luawait_engine_free(engine);
}

/* Parked deep inside coroutines on a large stack, it goes on on a small one. */
static void an_eval_may_go_on_on_a_smaller_stack(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\",\"cpu_ms\":0,\"executor\":\"host\"}");
    declare(engine, "f");
    const char *script =
        "local function deep(n) if n == 0 then return f() end return coroutine.wrap(deep)(n - 1) + 1 end "
        "return select(2, pcall(deep, 150))";
    for (size_t i = 0; i < SIZES; i++) {
        job work = {.engine = engine, .eval = start(engine, script)};
        on_thread(8192 * KIB, by_run, &work);
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "1");
        request_free(&taken);
        on_thread(sizes[i], by_run, &work);
        outcome ended = finish(engine, work.eval);
        if (sizes[i] >= 512 * KIB && has_plain_frames()) {
            CHECK_VALUE(ended, "151");
        } else if (strcmp(ended.json, "151") == 0) {
            outcome_free(&ended);
        } else {
            /* Caught, it is the value: an error object. */
            CHECK_CONTAINS(ended.json, "C stack overflow");
            CHECK_CONTAINS(ended.json, "\"type\":\"limit\"");
            outcome_free(&ended);
        }
    }
    luawait_engine_free(engine);
}

static pool *small_pool;

static void step_pool(void *unused) {
    (void)unused;
    pool_run_all(small_pool);
}

static void a_pools_threads_may_have_small_stacks(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\",\"cpu_ms\":0,\"executor\":\"custom\"}");
    small_pool = pool_new(0);
    luawait_executor executor = executor_of(small_pool);
    REQUIRE_OK(luawait_set_executor(engine, &executor, NULL));
    for (uint64_t seed = 1; seed <= harness_scale(12, 3); seed++) {
        char *script = random_nesting(seed);
        for (size_t i = 0; i < SIZES; i++) {
            uint64_t eval = start(engine, script);
            while (pool_waiting(small_pool) > 0)
                on_thread(sizes[i], step_pool, NULL);
            check_nesting(script, finish(engine, eval));
        }
        free(script);
    }
    luawait_engine_free(engine);
    pool_free(small_pool);
}

static void workers_nest_as_deep_as_their_stack_allows(void) {
    luawait_engine *engine = engine_with(config);
    for (uint64_t seed = 1; seed <= harness_scale(20, 4); seed++) {
        char *script = random_nesting(seed);
        check_nesting(script, finish(engine, start(engine, script)));
        free(script);
    }
    luawait_engine_free(engine);
}

/* Coroutines that each close the next: Lua begins to count its C calls anew in each. */
static void chains_of_closing_coroutines_end_in_an_error(void) {
    luawait_engine *engine = engine_with(config);
    const char *script =
        "local cos, i = {}, 0\n"
        "local mt = {__close = function() i = i + 1 if cos[i] then coroutine.close(cos[i]) end end}\n"
        "for k = 1, 9000 do\n"
        "  cos[k] = coroutine.create(function() local x <close> = setmetatable({}, mt) coroutine.yield() end)\n"
        "  coroutine.resume(cos[k])\n"
        "end\n"
        "i = 1\n"
        "local ok, e = coroutine.close(cos[1])\n"
        "return ok, ok or e.type, ok or tostring(e)";
    for (size_t i = 0; i < SIZES; i++) {
        outcome ended = run_by_eval(engine, script, sizes[i]);
        if (ended.state == LUAWAIT_SUCCEEDED && strcmp(ended.json, "[true,true,true]") == 0) {
            outcome_free(&ended);
        } else if (ended.state == LUAWAIT_SUCCEEDED) {
            CHECK_VALUE(ended, "[false,\"limit\",\"C stack overflow\"]");
        } else {
            CHECK_ERROR(ended, "limit", "C stack overflow");
        }
    }
    luawait_engine_free(engine);
}

/* At each depth of such a chain Lua nests as deep as it counts, and does there what needs most stack of all that looks at
   none. */
static void lua_may_nest_as_deep_as_it_counts_at_any_depth(void) {
    luawait_engine *engine = engine_with(config);
    const char *script =
        "local cos, i, deepest = {}, 1, 0\n"
        "local t, mt = setmetatable({}, {}), {}\n"
        "local function leaf(n)\n"
        "  deepest = math.max(deepest, n)\n"
        "  local _ = 1 / 3 .. 1e300, tonumber('0x1.8p10'), '1e308' + 1, os.date('%c'), ('x'):rep(5000)\n"
        "  collectgarbage('step')\n"
        "end\n"
        "getmetatable(t).__concat = function(t, n) leaf(n) return t .. n + 1 end\n"
        "function mt.__close()\n"
        "  i = i + 1\n"
        "  local ok, e = pcall(function() return t .. 1 end)\n"
        "  if cos[i] then coroutine.close(cos[i]) end\n"
        "end\n"
        "for k = 1, 500 do\n"
        "  cos[k] = coroutine.create(function() local x <close> = setmetatable({}, mt) coroutine.yield() end)\n"
        "  coroutine.resume(cos[k])\n"
        "end\n"
        "coroutine.close(cos[1])\n"
        "return deepest > 150";
    for (size_t i = 0; i < 3; i++) {
        outcome ended = run_by_eval(engine, script, sizes[i]);
        if (ended.state == LUAWAIT_SUCCEEDED) {
            CHECK_VALUE(ended, "true");
        } else {
            CHECK_ERROR(ended, "limit", "C stack overflow");
        }
    }
    luawait_engine_free(engine);
}

/* A callback that evaluates another script takes its stack from the same thread. */
static void evaluate_deeper(void *user_data, luawait_call *call) {
    luawait_engine *engine = user_data;
    outcome ended = evaluate(engine, "return deeper()");
    if (ended.state == LUAWAIT_SUCCEEDED) {
        luawait_call_return(call, ended.json, ended.length, NULL);
    } else {
        luawait_call_return(call, "\"ended\"", LUAWAIT_NUL_TERMINATED, NULL);
    }
    outcome_free(&ended);
}

static void evals_inside_callbacks_share_the_stack(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0,\"memory_bytes\":1000000}");
    declare_callback(engine, "deeper", evaluate_deeper, engine);
    for (size_t i = 0; i < SIZES - 1; i++) {
        outcome ended = run_by_eval(engine, "return deeper()", sizes[i]);
        if (ended.state != LUAWAIT_SUCCEEDED) {
            CHECK_ERROR(ended, "limit", "C stack overflow");
        } else {
            CHECK_VALUE(ended, "\"ended\"");
        }
    }
    luawait_engine_free(engine);
}

/* Values of many levels are converted by recursion. */
static void conversions_of_deep_values_keep_to_the_stack(void) {
    luawait_engine *engine = engine_with("{\"max_depth\":1000}");
    const char *script = "local t = 1 for i = 1, 990 do t = {t} end return t";
    for (size_t i = 0; i < SIZES; i++) {
        outcome ended = run_by_eval(engine, script, sizes[i]);
        if (ended.state != LUAWAIT_SUCCEEDED) {
            CHECK_ERROR(ended, "limit", "C stack overflow");
        } else {
            CHECK(strncmp(ended.json, "[[[[", 4) == 0);
            outcome_free(&ended);
        }
    }
    luawait_engine_free(engine);
}

static void check_simple(void *data) {
    job *work = data;
    static const char *const scripts[] = {"return 1 + 1", "return #string.format('%.14g', 1 / 3) > 0 and 2",
                                          "return pcall(pcall, error) and 2",
                                          ("return (coroutine.wrap(function() return pcall(string.gsub, '2', '2', "
                                           "function() return 2 end) and 2 end)())")};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        CHECK_VALUE(evaluate(work->engine, scripts[i]), "2");
}

/* What the header promises for the smallest stack. */
static void simple_scripts_run_on_128_kib(void) {
    if (!has_plain_frames()) harness_skip("frames are larger under sanitizers");
    luawait_engine *engine = engine_with(config);
    job work = {.engine = engine};
    on_thread(128 * KIB, check_simple, &work);
    luawait_engine_free(engine);
}

static void on_a_stack_too_small_every_eval_fails_and_says_so(void) {
    luawait_engine *engine = engine_with(config);
    CHECK_ERROR(run_by_eval(engine, "return 1", 80 * KIB), "limit", "C stack overflow");
    EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    luawait_engine_free(engine);
}

TESTS(TEST(every_way_of_nesting_ends_in_an_error_on_any_stack), TEST(all_ways_mixed_end_in_an_error_on_any_stack),
      TEST(a_fiber_has_a_budget_of_its_own), TEST(luawait_run_takes_the_stack_it_is_called_on),
      TEST(an_eval_may_go_on_on_a_smaller_stack), TEST(a_pools_threads_may_have_small_stacks),
      TEST(workers_nest_as_deep_as_their_stack_allows), TEST(chains_of_closing_coroutines_end_in_an_error),
      TEST(lua_may_nest_as_deep_as_it_counts_at_any_depth), TEST(evals_inside_callbacks_share_the_stack),
      TEST(conversions_of_deep_values_keep_to_the_stack), TEST(simple_scripts_run_on_128_kib),
      TEST(on_a_stack_too_small_every_eval_fails_and_says_so))
