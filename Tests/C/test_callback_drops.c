/* The end of a callback's user_data: `drop` is called once, when nothing can call the function any more. */
#include "host.h"

static luawait_status declare_dropped(luawait_engine *engine, const char *name, luawait_callback fn, gate *dropped) {
    return luawait_register_callback(engine, name, LUAWAIT_NUL_TERMINATED, NULL, 0, fn, dropped, open_gate, NULL);
}

static void drop_runs_once_at_the_engines_end(void) {
    gate dropped = GATE;
    luawait_engine *engine = engine_with(NULL);
    REQUIRE_OK(declare_dropped(engine, "f", return_first, &dropped));
    EXPECT_VALUE(engine, "return f(1)", "1");
    CHECK_INT(gate_count(&dropped), 0);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

static void drop_runs_once_after_unregister(void) {
    gate dropped = GATE;
    luawait_engine *engine = engine_with(NULL);
    REQUIRE_OK(declare_dropped(engine, "f", return_first, &dropped));
    EXPECT_VALUE(engine, "return f(1)", "1");
    REQUIRE_OK(luawait_unregister(engine, "f", 1));
    gate_wait(&dropped, 1);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

static void drop_waits_for_evals_that_still_see_it(void) {
    gate dropped = GATE;
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "wait");
    REQUIRE_OK(declare_dropped(engine, "f", return_first, &dropped));
    uint64_t eval = start(engine, "wait() return f('still here')");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_unregister(engine, "f", 1));
    EXPECT_VALUE(engine, "return type(f)", "\"nil\"");
    CHECK_INT(gate_count(&dropped), 0);
    answer(engine, taken.id, "null");
    CHECK_VALUE(finish(engine, eval), "\"still here\"");
    gate_wait(&dropped, 1);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
    request_free(&taken);
}

static void drop_waits_for_a_queued_eval(void) {
    gate dropped = GATE;
    holder held = HOLDER;
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare_callback(engine, "hold", hold_worker, &held);
    REQUIRE_OK(declare_dropped(engine, "f", return_first, &dropped));
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    uint64_t queued = start(engine, "return f(5)");
    REQUIRE_OK(luawait_unregister(engine, "f", 1));
    CHECK_INT(gate_count(&dropped), 0);
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, queued), "5");
    CHECK_VALUE(finish(engine, holding), "null");
    gate_wait(&dropped, 1);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

/* An outcome nobody takes must not keep the function alive: its eval cannot call any more. */
static void drop_does_not_wait_for_outcomes_to_be_taken(void) {
    gate dropped = GATE;
    luawait_engine *engine = engine_with(NULL);
    REQUIRE_OK(declare_dropped(engine, "f", return_first, &dropped));
    uint64_t eval = start(engine, "return f(1)");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE_OK(luawait_unregister(engine, "f", 1));
    gate_wait(&dropped, 1);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

static void drop_is_not_called_when_registering_fails(void) {
    gate dropped = GATE;
    luawait_engine *engine = engine_with(NULL);
    REQUIRE_OK(declare_dropped(engine, "taken", return_first, &dropped));
    CHECK_STATUS(declare_dropped(engine, "taken", never_called, &dropped), LUAWAIT_ERR_EXISTS);
    CHECK_STATUS(declare_dropped(engine, "not a name", never_called, &dropped), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(declare_dropped(engine, "f", NULL, &dropped), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(declare_dropped(NULL, "f", never_called, &dropped), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, "{\"timeout_ms\":5}", LUAWAIT_NUL_TERMINATED, never_called,
                                           &dropped, open_gate, NULL),
                 LUAWAIT_ERR_OPTION);
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, "{", 1, never_called, &dropped, open_gate, NULL),
                 LUAWAIT_ERR_JSON);
    CHECK_INT(gate_count(&dropped), 0);
    EXPECT_VALUE(engine, "return type(f), taken('first')", "[\"nil\",\"first\"]");
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

TESTS(TEST(drop_runs_once_at_the_engines_end), TEST(drop_runs_once_after_unregister),
      TEST(drop_waits_for_evals_that_still_see_it), TEST(drop_waits_for_a_queued_eval),
      TEST(drop_does_not_wait_for_outcomes_to_be_taken), TEST(drop_is_not_called_when_registering_fails))
