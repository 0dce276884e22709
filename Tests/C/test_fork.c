/* After fork(2): a child has its parent's memory, but none of the engine's threads. */
#include "host.h"
#include <unistd.h>

static void skip_under_tools(void) {
    if (harness_scale(1, 0) == 0) harness_skip("leak checkers count what a child leaves to its parent");
}

static luawait_engine *inherited;
static uint64_t parked, asked;

static void every_call_is_refused(void) {
    luawait_error error = {.struct_size = sizeof error};
    luawait_event event = {.struct_size = sizeof event};
    luawait_waker waker = {.struct_size = sizeof waker};
    uint64_t id = 0;
    int64_t timeout = 0;
    size_t count = 0;
    int32_t state = 0;
    int fd = 0;
    char *text = NULL;
    CHECK_STATUS(luawait_start(inherited, "1", 1, NULL, 0, &id, &error), LUAWAIT_ERR_FORKED);
    CHECK_INT(error.status, LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_eval(inherited, "1", 1, NULL, 0, &state, &text, NULL, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_check(inherited, "1", 1, NULL, 0, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_register(inherited, "g", 1, NULL, 0, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_unregister(inherited, "f", 1), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_poll(inherited, parked, &state, NULL, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_wait(inherited, parked, -1, &state, NULL, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_wait_any(inherited, -1), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_cancel(inherited, parked), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_get_pending_request(inherited, &id, NULL, NULL, NULL, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_next_events(inherited, &event, 1, &count), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_provide_result(inherited, asked, "1", 1, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_provide_error(inherited, asked, "\"x\"", 3, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_run(inherited, 1, &state), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_next_timeout(inherited, &timeout), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_shutdown(inherited, -1), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_event_fd(inherited, &fd), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_set_notifier(inherited, NULL, NULL, NULL), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_set_waker(inherited, parked, &waker), LUAWAIT_ERR_FORKED);
    CHECK_STATUS(luawait_stats(inherited, &text, NULL), LUAWAIT_ERR_FORKED);
    luawait_engine_free(inherited);
}

static void a_child_is_refused_every_call_and_nothing_hangs(void) {
    skip_under_tools();
    inherited = engine_with(NULL);
    declare(inherited, "f");
    parked = start(inherited, "return f()");
    uint64_t endless = start(inherited, "while true do end");
    request taken = wait_for_request(inherited);
    asked = taken.id;
    CHECK(harness_in_process(every_call_is_refused));
    /* And the parent goes on. */
    answer(inherited, taken.id, "7");
    CHECK_VALUE(finish(inherited, parked), "7");
    REQUIRE_OK(luawait_cancel(inherited, endless));
    CHECK_CANCELLED(finish(inherited, endless));
    request_free(&taken);
    luawait_engine_free(inherited);
}

static void an_engine_of_its_own_works(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return 1 + 1", "2");
    uint64_t endless = start(engine, "while true do end");
    REQUIRE_OK(luawait_cancel(engine, endless));
    CHECK_CANCELLED(finish(engine, endless));
    luawait_engine_free(engine);
}

static void a_child_may_have_engines_of_its_own(void) {
    skip_under_tools();
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return 1", "1");
    CHECK(harness_in_process(an_engine_of_its_own_works));
    EXPECT_VALUE(engine, "return 2", "2");
    luawait_engine_free(engine);
}

TESTS(TEST(a_child_is_refused_every_call_and_nothing_hangs), TEST(a_child_may_have_engines_of_its_own))
