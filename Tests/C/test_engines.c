/* Several engines in one process share nothing. */
#include "events.h"

/* Both have everything of the same name and the same ids; `which` tells them apart. */
static luawait_engine *engines[2];

static void make_both(const char *first, const char *second) {
    engines[0] = engine_with(first);
    engines[1] = engine_with(second);
}

static void free_both(void) {
    luawait_engine_free(engines[0]);
    luawait_engine_free(engines[1]);
}

static void ids_are_an_engines_own(void) {
    make_both(NULL, NULL);
    request taken[2];
    uint64_t evals[2];
    for (int i = 0; i < 2; i++) {
        declare(engines[i], "f");
        evals[i] = start(engines[i], "return f()");
        taken[i] = wait_for_request(engines[i]);
    }
    CHECK_INT(evals[0], evals[1]);
    CHECK_INT(taken[0].id, taken[1].id);
    answer(engines[0], taken[0].id, "\"the first\"");
    CHECK_VALUE(finish(engines[0], evals[0]), "\"the first\"");
    /* The other's request and eval of the same ids are as they were. */
    CHECK_INT(stat_of(engines[1], "requests", "open"), 1);
    REQUIRE_OK(luawait_cancel(engines[1], evals[1]));
    CHECK_STATUS(luawait_provide_result(engines[1], taken[1].id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_CANCELLED(finish(engines[1], evals[1]));
    /* And an id that only one of them has given out is unknown to the other. */
    uint64_t more = start(engines[0], "return 1");
    int32_t state = 0;
    CHECK_STATUS(luawait_poll(engines[1], more, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_cancel(engines[1], more), LUAWAIT_ERR_NOT_FOUND);
    CHECK_VALUE(finish(engines[0], more), "1");
    request_free(&taken[0]);
    request_free(&taken[1]);
    free_both();
}

static void return_which(void *which, luawait_call *call) {
    CHECK_STATUS(luawait_call_return(call, which, LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
}

static void functions_are_an_engines_own(void) {
    static char first[] = "\"first\"", second[] = "\"second\"";
    make_both(NULL, NULL);
    declare_callback(engines[0], "which", return_which, first);
    declare_callback(engines[1], "which", return_which, second);
    declare(engines[0], "only.here");
    EXPECT_VALUE(engines[0], "return which(), type(only)", "[\"first\",\"table\"]");
    EXPECT_VALUE(engines[1], "return which(), type(only)", "[\"second\",\"nil\"]");
    REQUIRE_OK(luawait_unregister(engines[0], "which", 5));
    EXPECT_VALUE(engines[0], "return type(which)", "\"nil\"");
    EXPECT_VALUE(engines[1], "return which()", "\"second\"");
    free_both();
}

static void limits_are_an_engines_own(void) {
    make_both("{\"memory_bytes\":1000000,\"cpu_ms\":200,\"max_evals\":1,\"nulls\":\"keep\"}", "{\"cpu_ms\":0}");
    const char *large = "return #string.rep('x', 4000000)";
    EXPECT_ERROR(engines[0], large, "memory", "");
    EXPECT_VALUE(engines[1], large, "4000000");
    const char *options = "{\"args\":[{\"a\":null}]}", *script = "return (...).a == nil";
    EXPECT_VALUE_WITH(engines[0], script, options, "false");
    EXPECT_VALUE_WITH(engines[1], script, options, "true");
    EXPECT_ERROR(engines[0], "while true do end", "cpu", "");
    uint64_t endless = start(engines[1], "while true do end"), other = 0;
    EXPECT_VALUE(engines[1], "return 'one of two'", "\"one of two\"");
    declare(engines[0], "f");
    uint64_t parked = start(engines[0], "f()");
    CHECK_STATUS(luawait_start(engines[0], "1", 1, NULL, 0, &other, NULL), LUAWAIT_ERR_LIMIT);
    REQUIRE_OK(luawait_cancel(engines[0], parked));
    REQUIRE_OK(luawait_cancel(engines[1], endless));
    CHECK_CANCELLED(finish(engines[1], endless));
    free_both();
}

static void count_call(void *count) {
    gate_open(count);
}

static void what_tells_the_host_is_an_engines_own(void) {
    make_both(NULL, NULL);
    gate told[2] = {GATE, GATE};
    int descriptors[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(luawait_set_notifier(engines[i], count_call, &told[i], NULL));
        REQUIRE_OK(luawait_event_fd(engines[i], &descriptors[i]));
    }
    CHECK(descriptors[0] != descriptors[1]);
    uint64_t eval = start(engines[0], "return 1");
    gate_wait(&told[0], 1);
    CHECK(readable(engines[0], HANG_GUARD_MS));
    CHECK(!readable(engines[1], 0));
    CHECK_STATUS(luawait_wait_any(engines[1], 0), LUAWAIT_NONE);
    CHECK_NO_EVENT(engines[1]);
    CHECK_INT(gate_count(&told[1]), 0);
    luawait_event ended = expect_event(engines[0], LUAWAIT_EVENT_FINISHED, eval);
    luawait_engine_free(engines[0]);
    /* Its event stays, and the other engine still tells. */
    CHECK_TEXT(ended.text, "1");
    start(engines[1], "return 2");
    gate_wait(&told[1], 1);
    CHECK(readable(engines[1], HANG_GUARD_MS));
    release_event(&ended);
    luawait_engine_free(engines[1]);
}

static void the_end_of_one_is_nothing_to_the_other(void) {
    make_both("{\"cpu_ms\":0}", "{\"cpu_ms\":0}");
    uint64_t endless[2], parked[2];
    for (int i = 0; i < 2; i++) {
        declare(engines[i], "f");
        endless[i] = start(engines[i], "while true do end");
        parked[i] = start(engines[i], "return f()");
    }
    request taken = wait_for_request(engines[1]);
    uint64_t refused = 0;
    REQUIRE_OK(luawait_shutdown(engines[0], 0));
    CHECK_STATUS(luawait_start(engines[0], "1", 1, NULL, 0, &refused, NULL), LUAWAIT_ERR_SHUTDOWN);
    CHECK_CANCELLED(finish(engines[0], endless[0]));
    EXPECT_VALUE(engines[1], "return 'goes on'", "\"goes on\"");
    luawait_engine_free(engines[0]);
    answer(engines[1], taken.id, "\"still asked\"");
    CHECK_VALUE(finish(engines[1], parked[1]), "\"still asked\"");
    wait_for_stat(engines[1], "evals", "running", 1);
    REQUIRE_OK(luawait_cancel(engines[1], endless[1]));
    CHECK_CANCELLED(finish(engines[1], endless[1]));
    request_free(&taken);
    luawait_engine_free(engines[1]);
}

/* On one thread, one inside the other; each script still has its own limit. */
static void evaluate_in_the_other(void *data, luawait_call *call) {
    (void)data;
    int32_t state = 0;
    char *outcome = NULL;
    const char *script = "while true do end", *options = "{\"cpu_ms\":10}";
    CHECK_STATUS(
        luawait_eval(engines[1], script, strlen(script), options, strlen(options), &state, &outcome, NULL, NULL),
        LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_FAILED);
    CHECK_STATUS(luawait_call_return(call, outcome, LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
    luawait_free(outcome);
}

static void a_callback_may_use_another_engine(void) {
    const char *pairs[][2] = {{NULL, NULL}, {NULL, "{\"preemption\":\"count\"}"}, {"{\"preemption\":\"count\"}", NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        make_both(pairs[i][0], pairs[i][1]);
        declare_callback(engines[0], "elsewhere", evaluate_in_the_other, NULL);
        EXPECT_VALUE(engines[0], "return elsewhere().type", "\"cpu\"");
        EXPECT_ERROR_WITH(engines[0], "elsewhere() while true do end", "{\"cpu_ms\":30}", "cpu", "");
        free_both();
    }
}

TESTS(TEST(ids_are_an_engines_own), TEST(functions_are_an_engines_own), TEST(limits_are_an_engines_own),
      TEST(what_tells_the_host_is_an_engines_own), TEST(the_end_of_one_is_nothing_to_the_other),
      TEST(a_callback_may_use_another_engine))
