/* Time limits of calls (which scripts can catch) and of evals (which they cannot). Short limits, no sleeping. */
#include "host.h"

static void a_calls_timeout_is_an_error_in_the_script(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "slow", "{\"timeout_ms\":20}");
    uint64_t eval =
        start(engine, "local ok, e = pcall(slow) return ok, e.type, e['function'], tostring(e) == e.message");
    CHECK_VALUE(finish(engine, eval), "[false,\"timeout\",\"slow\",true]");
    luawait_engine_free(engine);
}

static void an_uncaught_call_timeout_is_the_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "db.slow", "{\"timeout_ms\":20}");
    outcome ended = finish(engine, start(engine, "local x\ndb.slow()"));
    CHECK_MEMBER(ended.json, "function", "\"db.slow\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "script:2");
    CHECK_ERROR(ended, "timeout", "db.slow");
    luawait_engine_free(engine);
}

/* Waits for a request of this name; those before it may time out before or after they are taken. */
static request wait_for_call(luawait_engine *engine, const char *name) {
    request taken = wait_for_request(engine);
    while (strcmp(taken.name, name) != 0) {
        request_free(&taken);
        taken = wait_for_request(engine);
    }
    return taken;
}

static void the_script_goes_on_after_a_caught_timeout(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "slow", "{\"timeout_ms\":20}");
    declare(engine, "quick");
    uint64_t eval = start(engine, "local ok = pcall(slow) return ok, quick('next')");
    request taken = wait_for_call(engine, "quick");
    answer(engine, taken.id, "\"here\"");
    CHECK_VALUE(finish(engine, eval), "[false,\"here\"]");
    request_free(&taken);
    luawait_engine_free(engine);
}

/* The ids are consecutive: nothing else makes requests. So the late one's is known whether or not it was taken. */
static void a_late_answer_is_rejected(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "slow", "{\"timeout_ms\":20}");
    declare(engine, "quick");
    uint64_t eval = start(engine, "pcall(slow) quick()");
    request next = wait_for_call(engine, "quick");
    CHECK_STATUS(luawait_provide_result(engine, next.id - 1, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_provide_error(engine, next.id - 1, "\"e\"", 3, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 1);
    answer(engine, next.id, "null");
    CHECK_VALUE(finish(engine, eval), "null");
    request_free(&next);
    luawait_engine_free(engine);
}

static void a_pending_request_that_timed_out_is_withdrawn(void) {
    luawait_engine *engine = engine_with("{\"call_timeout_ms\":20}");
    declare(engine, "f");
    request none;
    CHECK_ERROR(finish(engine, start(engine, "f()")), "timeout", "f");
    CHECK(!take_request(engine, &none));
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 1);
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    luawait_engine_free(engine);
}

static void an_answer_in_time_is_no_timeout(void) {
    luawait_engine *engine = engine_with("{\"call_timeout_ms\":60000}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "for i = 1, 20 do assert(f(i) == i) end return 'in time'", "\"in time\"");
    CHECK_INT(stat_of(engine, "requests", "answered"), 20);
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 0);
    luawait_engine_free(engine);
}

static void a_calls_limit_is_the_functions_before_the_evals_before_the_engines(void) {
    luawait_engine *patient = engine_with("{\"call_timeout_ms\":60000}");
    declare_with(patient, "own", "{\"timeout_ms\":20}");
    declare(patient, "plain");
    EXPECT_ERROR(patient, "own()", "timeout", "own");
    EXPECT_ERROR_WITH(patient, "own()", "{\"call_timeout_ms\":50000}", "timeout", "own");
    EXPECT_ERROR_WITH(patient, "plain()", "{\"call_timeout_ms\":20}", "timeout", "plain");
    luawait_engine_free(patient);
    luawait_engine *hasty = engine_with("{\"call_timeout_ms\":20}");
    declare(hasty, "plain");
    EXPECT_ERROR(hasty, "plain()", "timeout", "plain");
    luawait_engine_free(hasty);
}

/* The unlimited call is made before one with a limit of 20 ms; when that has timed out, it would have too. */
static void a_limit_of_zero_is_none(void) {
    luawait_engine *engine = engine_with("{\"call_timeout_ms\":20}");
    declare_with(engine, "unlimited", "{\"timeout_ms\":0}");
    declare(engine, "limited");
    uint64_t by_function = start(engine, "return unlimited()");
    request first = wait_for_request(engine);
    uint64_t by_eval = start_with(engine, "return limited()", "{\"call_timeout_ms\":0}");
    request second = wait_for_request(engine);
    EXPECT_ERROR(engine, "limited()", "timeout", "limited");
    answer(engine, first.id, "1");
    answer(engine, second.id, "2");
    CHECK_VALUE(finish(engine, by_function), "1");
    CHECK_VALUE(finish(engine, by_eval), "2");
    request_free(&first);
    request_free(&second);
    luawait_engine_free(engine);
}

/* Timers of different lengths, started in an order that is not that of their ends. */
static void the_shortest_limit_ends_first(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "long", "{\"timeout_ms\":60000}");
    declare_with(engine, "middle", "{\"timeout_ms\":50}");
    declare_with(engine, "short", "{\"timeout_ms\":10}");
    uint64_t a = start(engine, "return long()");
    request taken = wait_for_request(engine);
    uint64_t b = start(engine, "middle()"), c = start(engine, "short()");
    CHECK_ERROR(finish(engine, c), "timeout", "short");
    CHECK_ERROR(finish(engine, b), "timeout", "middle");
    answer(engine, taken.id, "true");
    CHECK_VALUE(finish(engine, a), "true");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void many_calls_time_out_together(void) {
    size_t count = harness_scale(1000, 50);
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "slow", "{\"timeout_ms\":30}");
    uint64_t *evals = calloc(count, sizeof *evals);
    REQUIRE(evals != NULL);
    for (size_t i = 0; i < count; i++) {
        evals[i] = start(engine, "local ok, e = pcall(slow) return e.type");
    }
    for (size_t i = 0; i < count; i++) {
        CHECK_VALUE(finish(engine, evals[i]), "\"timeout\"");
    }
    CHECK_INT(stat_of(engine, NULL, "timers"), 0);
    free(evals);
    luawait_engine_free(engine);
}

static void an_evals_timeout_ends_a_loop(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":30}", "timeout", "");
    luawait_engine_free(engine);
}

static void an_evals_timeout_ends_a_parked_script(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t warming = start(engine, "f()");
    request first = wait_for_request(engine), none;
    answer(engine, first.id, "null");
    CHECK_VALUE(finish(engine, warming), "null");
    /* Where the time is up before the script has come to its call, it is doubled. */
    for (int ms = 50; stat_of(engine, "requests", "posted") < 2; ms *= 2) {
        char *options = text_format("{\"timeout_ms\":%d}", ms);
        EXPECT_ERROR_WITH(engine, "return f()", options, "timeout", "");
        free(options);
        REQUIRE(ms < HANG_GUARD_MS);
    }
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 1);
    CHECK(!take_request(engine, &none));
    CHECK_STATUS(luawait_provide_result(engine, first.id + 1, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&first);
    luawait_engine_free(engine);
}

static void an_evals_timeout_ends_a_queued_script(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    CHECK_ERROR(finish(engine, start_with(engine, "return 1", "{\"timeout_ms\":20}")), "timeout", "");
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, holding), "null");
    luawait_engine_free(engine);
}

static void an_evals_timeout_cannot_be_caught(void) {
    const char *scripts[] = {"while true do pcall(f) end", "while true do pcall(function() while true do end end) end",
                             "pcall(f) return 'caught'",
                             "coroutine.wrap(function() while true do end end)() return 'caught'",
                             "xpcall(function() while true do end end, function() while true do end end)"};
    luawait_engine *engine = engine_with("{\"timeout_ms\":30}");
    declare(engine, "f");
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        EXPECT_ERROR(engine, scripts[i], "timeout", "");
    }
    luawait_engine_free(engine);
}

static void an_evals_timeout_counts_waiting(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "slow", "{\"timeout_ms\":5}");
    EXPECT_ERROR_WITH(engine, "while true do pcall(slow) end", "{\"timeout_ms\":60}", "timeout", "");
    luawait_engine_free(engine);
}

static void an_evals_own_timeout_replaces_the_engines(void) {
    luawait_engine *engine = engine_with("{\"timeout_ms\":20}");
    declare(engine, "f");
    uint64_t eval = start_with(engine, "return f()", "{\"timeout_ms\":0}");
    request taken = wait_for_request(engine);
    EXPECT_ERROR(engine, "while true do end", "timeout", "");
    answer(engine, taken.id, "\"no limit\"");
    CHECK_VALUE(finish(engine, eval), "\"no limit\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_script_that_ends_in_time_leaves_no_timer(void) {
    luawait_engine *engine = engine_with("{\"timeout_ms\":60000}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "return f(1)", "1");
    CHECK_INT(stat_of(engine, NULL, "timers"), 0);
    luawait_engine_free(engine);
}

TESTS(TEST(a_calls_timeout_is_an_error_in_the_script), TEST(an_uncaught_call_timeout_is_the_outcome),
      TEST(the_script_goes_on_after_a_caught_timeout), TEST(a_late_answer_is_rejected),
      TEST(a_pending_request_that_timed_out_is_withdrawn), TEST(an_answer_in_time_is_no_timeout),
      TEST(a_calls_limit_is_the_functions_before_the_evals_before_the_engines), TEST(a_limit_of_zero_is_none),
      TEST(the_shortest_limit_ends_first), TEST(many_calls_time_out_together), TEST(an_evals_timeout_ends_a_loop),
      TEST(an_evals_timeout_ends_a_parked_script), TEST(an_evals_timeout_ends_a_queued_script),
      TEST(an_evals_timeout_cannot_be_caught), TEST(an_evals_timeout_counts_waiting),
      TEST(an_evals_own_timeout_replaces_the_engines), TEST(a_script_that_ends_in_time_leaves_no_timer))
