/* cpu_ms, memory_bytes, output_bytes and max_depth: just under, at and over, where the edge is a number. */
#include "host.h"

static void processor_time_is_limited(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":50}");
    EXPECT_ERROR(engine, "while true do end", "cpu", "");
    EXPECT_ERROR(engine, "local s = 0 for i = 1, math.huge do s = s + i end return s", "cpu", "");
    EXPECT_VALUE_WITH(engine, "return 'the next one runs'", "{\"cpu_ms\":0}", "\"the next one runs\"");
    luawait_engine_free(engine);
}

static void the_processor_limit_cannot_be_caught(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":50}");
    EXPECT_ERROR(engine, "while true do pcall(function() while true do end end) end", "cpu", "");
    EXPECT_ERROR(engine, "pcall(function() while true do end end) return 'caught'", "cpu", "");
    luawait_engine_free(engine);
}

static void an_evals_own_processor_limit_replaces_the_engines(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"cpu_ms\":30}", "cpu", "");
    luawait_engine_free(engine);
}

/* The waiting lasts twice the processor time allowed at least, which is far more than the script needs. */
static void waiting_is_not_processor_time(void) {
    size_t allowed = harness_scale(200, 1000);
    char *config = text_format("{\"cpu_ms\":%zu}", allowed),
         *patience = text_format("{\"timeout_ms\":%zu}", 2 * allowed);
    luawait_engine *engine = engine_with(config);
    declare_with(engine, "slow", patience);
    free(config);
    free(patience);
    EXPECT_VALUE(engine, "local ok, e = pcall(slow) return e.type", "\"timeout\"");
    luawait_engine_free(engine);
}

static void evals_that_share_a_worker_have_their_own_processor_time(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":60,\"slice_us\":1000}");
    uint64_t evals[4];
    for (int i = 0; i < 4; i++) {
        evals[i] = start(engine, "while true do end");
    }
    for (int i = 0; i < 4; i++) {
        CHECK_ERROR(finish(engine, evals[i]), "cpu", "");
    }
    luawait_engine_free(engine);
}

static void memory_is_limited(void) {
    const char *scripts[] = {"local t = {} for i = 1, math.huge do t[i] = i end",
                             "return #string.rep('x', 100000000)",
                             "local s = 'x' while true do s = s .. s end",
                             "local t = {} while true do t = {t} end",
                             "local t = {} while true do t[#t + 1] = function() return t end end",
                             "local t = {} while true do t[#t + 1] = coroutine.create(print) end"};
    luawait_engine *engine = engine_with("{\"memory_bytes\":2000000}");
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        EXPECT_ERROR(engine, scripts[i], "memory", "memory");
    }
    EXPECT_VALUE(engine, "return #string.rep('x', 500000)", "500000");
    luawait_engine_free(engine);
}

static void an_evals_own_memory_limit_replaces_the_engines(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":2000000}");
    const char *script = "return #string.rep('x', 5000000)";
    EXPECT_ERROR(engine, script, "memory", "");
    EXPECT_VALUE_WITH(engine, script, "{\"memory_bytes\":20000000}", "5000000");
    EXPECT_VALUE_WITH(engine, script, "{\"memory_bytes\":0}", "5000000");
    EXPECT_ERROR(engine, script, "memory", "");
    luawait_engine_free(engine);
}

/* Compiling, the arguments, an answer and the limit itself: each may be what passes it. */
static void memory_runs_out_anywhere_without_harm(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":2000000,\"max_script_bytes\":0}");
    declare(engine, "f");
    char *word = text_of('w', 4000000);
    char *script = text_format("return #'%s'", word), *options = text_format("{\"args\":[\"%s\"]}", word);
    char *result = text_format("\"%s\"", word);
    EXPECT_ERROR(engine, script, "memory", "");
    EXPECT_ERROR_WITH(engine, "return 1", options, "memory", "");
    uint64_t eval = start(engine, "return #f()");
    request taken = wait_for_request(engine);
    answer(engine, taken.id, result);
    CHECK_ERROR(finish(engine, eval), "memory", "");
    EXPECT_ERROR_WITH(engine, "return 1", "{\"memory_bytes\":1}", "memory", "");
    EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    request_free(&taken);
    free(word);
    free(script);
    free(options);
    free(result);
    luawait_engine_free(engine);
}

/* Every limit from "nothing works" to "all works": wherever the allocation fails, the outcome is one of the two. */
static void memory_running_out_at_every_step_is_an_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    const char *script = "local t = {} for i = 1, 50 do t[i] = {i, tostring(i)} end "
                         "local co = coroutine.wrap(function() return f({t = t}) end) return co(), #t";
    size_t step = harness_scale(500, 8000);
    int failed = 0, succeeded = 0;
    for (size_t bytes = 1000; bytes < 120000; bytes += step) {
        char *options = text_format("{\"memory_bytes\":%zu}", bytes);
        outcome ended = serve_echo(engine, start_with(engine, script, options));
        if (ended.state == LUAWAIT_SUCCEEDED) {
            succeeded++;
            outcome_free(&ended);
        } else {
            failed++;
            CHECK_ERROR(ended, "memory", "");
        }
        free(options);
    }
    CHECK(failed > 0);
    CHECK(succeeded > 0);
    luawait_engine_free(engine);
}

static void a_result_is_limited_by_its_json(void) {
    luawait_engine *engine = engine_with("{\"output_bytes\":100}");
    EXPECT_VALUE(engine, "return #string.rep('x', 1000)", "1000");
    for (size_t length = 97; length <= 98; length++) {
        char *text = text_of('x', length), *json = text_format("\"%s\"", text);
        char *script = text_format("return string.rep('x', %zu)", length);
        EXPECT_VALUE(engine, script, json);
        free(text);
        free(json);
        free(script);
    }
    EXPECT_ERROR(engine, "return string.rep('x', 99)", "limit", "");
    EXPECT_ERROR(engine, "return string.rep('x', 100000)", "limit", "");
    EXPECT_ERROR(engine, "local t = {} for i = 1, 51 do t[i] = 1 end return t", "limit", "");
    luawait_engine_free(engine);
}

static void arguments_are_limited_by_their_json(void) {
    luawait_engine *engine = engine_with("{\"output_bytes\":100}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "return #f(string.rep('x', 96))", "96");
    EXPECT_ERROR(engine, "f(string.rep('x', 97))", "limit", "");
    CHECK_INT(stat_of(engine, "requests", "posted"), 1);
    luawait_engine_free(engine);
}

static void an_output_limit_of_zero_is_none(void) {
    luawait_engine *engine = engine_with("{\"output_bytes\":0,\"memory_bytes\":0}");
    outcome ended = finish(engine, start(engine, "return string.rep('x', 20000000)"));
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    CHECK_INT(ended.length, 20000002);
    outcome_free(&ended);
    luawait_engine_free(engine);
    engine = engine_with("{\"memory_bytes\":0}");
    EXPECT_ERROR(engine, "return string.rep('x', 20000000)", "limit", "");
    luawait_engine_free(engine);
}

/* `depth` arrays around each other. */
static char *nested(size_t depth) {
    char *text = text_of('[', depth * 2);
    memset(text + depth, ']', depth);
    return text;
}

static void check_depth_outward(harness_place at, luawait_engine *engine, size_t depth, bool fits) {
    char *json = nested(depth);
    char *script = text_format("local t = json.array{} for i = 2, %zu do t = {t} end return t", depth);
    outcome ended = host_finish(at, engine, host_start(at, engine, script, NULL));
    if (fits) {
        host_check_value(at, ended, json);
    } else {
        host_check_error(at, ended, "conversion", "result[1]");
    }
    free(json);
    free(script);
}

static void check_depth_inward(harness_place at, luawait_engine *engine, size_t depth, bool fits) {
    char *json = nested(depth);
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = host_start(at, engine, "local t, n = f(), 0 while t do t, n = t[1], n + 1 end return n", NULL);
    request taken = host_wait_for_request(at, engine);
    luawait_status status = luawait_provide_result(engine, taken.id, json, strlen(json), &error);
    if (harness_check_status(at, status, fits ? LUAWAIT_OK : LUAWAIT_ERR_JSON, "depth inward") && fits) {
        char *expected = text_format("%zu", depth);
        host_check_value(at, host_finish(at, engine, eval), expected);
        free(expected);
    } else {
        harness_check_int(at, error.status, LUAWAIT_ERR_JSON, "error.status");
        harness_check(at, error.message[0] != '\0', "there are words");
        host_answer(at, engine, taken.id, "[]");
        host_check_value(at, host_finish(at, engine, eval), "1");
    }
    request_free(&taken);
    free(json);
}

static void nesting_is_limited_both_ways(void) {
    const size_t limits[] = {1, 3, 128, 1000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        char *config = text_format("{\"max_depth\":%zu}", limits[i]);
        luawait_engine *engine = engine_with(config);
        declare(engine, "f");
        for (size_t depth = limits[i] > 1 ? limits[i] - 1 : 1; depth <= limits[i] + 1; depth++) {
            check_depth_outward(HERE, engine, depth, depth <= limits[i]);
            check_depth_inward(HERE, engine, depth, depth <= limits[i]);
        }
        free(config);
        luawait_engine_free(engine);
    }
}

static void nesting_of_arguments_is_limited(void) {
    luawait_engine *engine = engine_with("{\"max_depth\":10}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "local t = {} for i = 1, 8 do t = {t} end f(t) return 'fits'", "\"fits\"");
    EXPECT_ERROR(engine, "local t = {} for i = 1, 12 do t = {t} end f(t)", "conversion", "[1]");
    EXPECT_ECHO(engine, "local t = {} for i = 1, 12 do t = {t} end local ok, e = pcall(f, t) return ok, e.type",
                "[false,\"conversion\"]");
    luawait_engine_free(engine);
}

static void nesting_of_errors_and_options_is_limited(void) {
    luawait_engine *engine = engine_with("{\"max_depth\":10}");
    declare(engine, "f");
    char *deep = nested(14), *failure = text_format("{\"message\":\"m\",\"data\":%s}", deep);
    char *globals = text_format("{\"globals\":{\"x\":%s}}", deep);
    uint64_t eval = start(engine, "f()"), other = 0;
    request taken = wait_for_request(engine);
    CHECK_STATUS(luawait_provide_error(engine, taken.id, failure, strlen(failure), NULL), LUAWAIT_ERR_JSON);
    answer(engine, taken.id, "null");
    CHECK_VALUE(finish(engine, eval), "null");
    CHECK_STATUS(luawait_start(engine, "return 1", 8, globals, strlen(globals), &other, NULL), LUAWAIT_ERR_JSON);
    request_free(&taken);
    free(deep);
    free(failure);
    free(globals);
    luawait_engine_free(engine);
}

static void recurse_without_end(const char *config) {
    luawait_engine *engine = engine_with(config);
    EXPECT_ERROR(engine, "local function f() return 1 + f() end return f()", "limit", "stack overflow");
    EXPECT_VALUE(engine, "local function f() return 1 + f() end local ok = pcall(f) return ok", "false");
    EXPECT_ERROR(engine,
                 "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end "
                 "return t.x",
                 "limit", "stack overflow");
    EXPECT_ERROR(engine, "local function f() return coroutine.wrap(f)() end f()", "limit", "stack overflow");
    luawait_engine_free(engine);
}

static void endless_recursion_is_an_error_the_script_can_catch(void) {
    recurse_without_end("{\"memory_bytes\":0,\"cpu_ms\":0}");
}

/* To end a slice costs time that grows with the depth; that must not take all of the next one. */
static void endless_recursion_ends_in_short_slices_by_counting_too(void) {
    recurse_without_end("{\"memory_bytes\":0,\"cpu_ms\":0,\"slice_us\":1000,\"preemption\":\"count\"}");
}

/* What Lua allocates for a long text does not collect garbage by itself. */
static void there_is_room_where_garbage_was(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":8388608}");
    EXPECT_VALUE(engine,
                 "local t = {} for i = 1, 60000 do t[i] = {i} end t = nil "
                 "for _ = 1, 20 do local s = ('x'):rep(2000000):upper() end return 'room'",
                 "\"room\"");
    luawait_engine_free(engine);
}

static void formats_of_megabytes_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "return string.format(('%%'):rep(1000000))", "limit", "format is longer than");
    EXPECT_ERROR(engine, "return string.packsize(('b'):rep(1000000))", "limit", "format is longer than");
    EXPECT_ERROR(engine, "return os.date(('%c'):rep(1000000))", "limit", "format is longer than");
    EXPECT_ERROR(engine, "return ('%q'):format(('x'):rep(1000000))", "limit", "strings for %q");
    EXPECT_VALUE(engine, "return #('%s%%q'):format(('x'):rep(1000000))", "1000002");
    EXPECT_ERROR(engine, "return ('%d'):format('x')", "runtime", "bad argument #1 to 'format' (number expected");
    luawait_engine_free(engine);
}

TESTS(TEST(processor_time_is_limited), TEST(the_processor_limit_cannot_be_caught),
      TEST(an_evals_own_processor_limit_replaces_the_engines), TEST(waiting_is_not_processor_time),
      TEST(evals_that_share_a_worker_have_their_own_processor_time), TEST(memory_is_limited),
      TEST(an_evals_own_memory_limit_replaces_the_engines), TEST(memory_runs_out_anywhere_without_harm),
      TEST(memory_running_out_at_every_step_is_an_outcome), TEST(a_result_is_limited_by_its_json),
      TEST(arguments_are_limited_by_their_json), TEST(an_output_limit_of_zero_is_none),
      TEST(nesting_is_limited_both_ways), TEST(nesting_of_arguments_is_limited),
      TEST(nesting_of_errors_and_options_is_limited), TEST(endless_recursion_is_an_error_the_script_can_catch),
      TEST(endless_recursion_ends_in_short_slices_by_counting_too), TEST(there_is_room_where_garbage_was),
      TEST(formats_of_megabytes_are_refused))
