/* luawait_set_waker(): woken once when one eval ends, dropped once in any case. */
#include "events.h"

/* A future of the host's: counts what happens to it. */
typedef struct future {
    luawait_engine *engine;
    uint64_t eval;
    gate woken;
    gate dropped;
} future;

#define FUTURE(engine, eval)                                                                                           \
    { (engine), (eval), GATE, GATE }

static void wake_future(void *data) {
    future *f = data;
    CHECK_INT(gate_count(&f->dropped), 0);
    gate_open(&f->woken);
}

static void drop_future(void *data) {
    gate_open(&((future *)data)->dropped);
}

static luawait_status await(future *f, void (*wake)(void *data), luawait_drop drop) {
    luawait_waker waker = {.struct_size = sizeof waker, .data = f, .wake = wake, .drop = drop};
    return luawait_set_waker(f->engine, f->eval, &waker);
}

static void check_counts(harness_place at, future *f, int woken, int dropped) {
    harness_check_int(at, gate_count(&f->woken), woken, "woken");
    harness_check_int(at, gate_count(&f->dropped), dropped, "dropped");
}

#define CHECK_COUNTS(future, woken, dropped) check_counts(HERE, (future), (woken), (dropped))

static void it_is_woken_and_dropped_once_at_the_end(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future f = FUTURE(engine, start(engine, "return f()"));
    REQUIRE_OK(await(&f, wake_future, drop_future));
    request taken = wait_for_request(engine);
    CHECK_COUNTS(&f, 0, 0);
    answer(engine, taken.id, "1");
    request_free(&taken);
    gate_wait(&f.woken, 1);
    gate_wait(&f.dropped, 1);
    int32_t state = 0;
    REQUIRE_OK(luawait_poll(engine, f.eval, &state, NULL, NULL));
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    luawait_engine_free(engine);
    CHECK_COUNTS(&f, 1, 1);
}

static void every_end_wakes(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *scripts[] = {"f()", "f() error('x')", "f() while true do end", "f() return"};
    const char *options[] = {NULL, NULL, "{\"cpu_ms\":200}", "{\"detached\":true}"};
    declare(engine, "f");
    for (int i = 0; i < 4; i++) {
        future f = FUTURE(engine, start_with(engine, scripts[i], options[i]));
        REQUIRE_OK(await(&f, wake_future, drop_future));
        request taken = wait_for_request(engine);
        CHECK_COUNTS(&f, 0, 0);
        answer(engine, taken.id, "null");
        request_free(&taken);
        gate_wait(&f.dropped, 1);
        CHECK_COUNTS(&f, 1, 1);
        if (i < 3) {
            outcome ended = finish(engine, f.eval);
            outcome_free(&ended);
        }
    }
    luawait_engine_free(engine);
}

static void cancelling_wakes_before_it_returns_if_the_eval_is_parked(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future f = FUTURE(engine, start(engine, "f()"));
    request taken = wait_for_request(engine);
    request_free(&taken);
    REQUIRE_OK(await(&f, wake_future, drop_future));
    REQUIRE_OK(luawait_cancel(engine, f.eval));
    CHECK_COUNTS(&f, 1, 1);
    CHECK_CANCELLED(finish(engine, f.eval));
    luawait_engine_free(engine);
}

static void a_timeout_wakes(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future f = FUTURE(engine, start_with(engine, "f()", "{\"timeout_ms\":300}"));
    REQUIRE_OK(await(&f, wake_future, drop_future));
    gate_wait(&f.dropped, 1);
    CHECK_COUNTS(&f, 1, 1);
    CHECK_ERROR(finish(engine, f.eval), "timeout", "");
    luawait_engine_free(engine);
}

static void it_is_woken_at_once_if_the_eval_has_ended(void) {
    luawait_engine *engine = engine_with(NULL);
    future f = FUTURE(engine, start(engine, "return 1"));
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE_OK(await(&f, wake_future, drop_future));
    CHECK_COUNTS(&f, 1, 1);
    future again = FUTURE(engine, f.eval);
    REQUIRE_OK(await(&again, wake_future, drop_future));
    CHECK_COUNTS(&again, 1, 1);
    CHECK_VALUE(finish(engine, f.eval), "1");
    luawait_engine_free(engine);
    CHECK_COUNTS(&f, 1, 1);
    CHECK_COUNTS(&again, 1, 1);
}

static void replaced_and_removed_ones_are_dropped_and_not_woken(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "f()");
    future first = FUTURE(engine, eval), second = FUTURE(engine, eval), third = FUTURE(engine, eval);
    REQUIRE_OK(await(&first, wake_future, drop_future));
    REQUIRE_OK(await(&second, wake_future, drop_future));
    CHECK_COUNTS(&first, 0, 1);
    CHECK_COUNTS(&second, 0, 0);
    CHECK_STATUS(luawait_set_waker(engine, eval, NULL), LUAWAIT_OK);
    CHECK_COUNTS(&second, 0, 1);
    CHECK_STATUS(luawait_set_waker(engine, eval, NULL), LUAWAIT_OK);
    REQUIRE_OK(await(&third, wake_future, drop_future));
    REQUIRE_OK(luawait_cancel(engine, eval));
    gate_wait(&third.dropped, 1);
    luawait_engine_free(engine);
    CHECK_COUNTS(&first, 0, 1);
    CHECK_COUNTS(&second, 0, 1);
    CHECK_COUNTS(&third, 1, 1);
}

static void on_failure_it_stays_the_callers(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "f()"), gone = start(engine, "return 1");
    future f = FUTURE(engine, 987654);
    luawait_waker waker = {.struct_size = sizeof waker, .data = &f, .wake = wake_future, .drop = drop_future};
    CHECK_VALUE(finish(engine, gone), "1");
    CHECK_STATUS(luawait_set_waker(engine, 987654, &waker), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_set_waker(engine, 0, &waker), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_set_waker(engine, gone, &waker), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_set_waker(engine, gone, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_set_waker(NULL, eval, &waker), LUAWAIT_ERR_ARGUMENT);
    waker.wake = NULL;
    CHECK_STATUS(luawait_set_waker(engine, eval, &waker), LUAWAIT_ERR_ARGUMENT);
    waker.wake = wake_future;
    waker.struct_size = sizeof waker - 1;
    CHECK_STATUS(luawait_set_waker(engine, eval, &waker), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
    CHECK_COUNTS(&f, 0, 0);
}

static void a_waker_without_drop_is_fine(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future f = FUTURE(engine, start(engine, "f()"));
    REQUIRE_OK(await(&f, wake_future, NULL));
    REQUIRE_OK(await(&f, wake_future, NULL));
    REQUIRE_OK(luawait_cancel(engine, f.eval));
    gate_wait(&f.woken, 1);
    luawait_engine_free(engine);
    CHECK_COUNTS(&f, 1, 0);
}

/* The struct is copied: the caller's may go. */
static void a_larger_struct_is_accepted(void) {
    struct {
        luawait_waker known;
        uint64_t unknown[2];
    } later = {.known = {.struct_size = sizeof later, .wake = wake_future, .drop = drop_future}};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future f = FUTURE(engine, start(engine, "f()"));
    later.known.data = &f;
    REQUIRE_OK(luawait_set_waker(engine, f.eval, &later.known));
    memset(&later, 0, sizeof later);
    REQUIRE_OK(luawait_cancel(engine, f.eval));
    gate_wait(&f.dropped, 1);
    CHECK_COUNTS(&f, 1, 1);
    luawait_engine_free(engine);
}

static void freeing_the_engine_drops_once(void) {
    for (int config = SIGNAL; config <= CONFIGS; config++) {
        luawait_engine *engine = config == CONFIGS ? engine_with("{\"cpu_ms\":0}") : host_engine_of(config, "");
        declare(engine, "f");
        future parked = FUTURE(engine, start(engine, "f()"));
        future endless = FUTURE(engine, start(engine, "while true do end"));
        REQUIRE_OK(await(&parked, wake_future, drop_future));
        REQUIRE_OK(await(&endless, wake_future, drop_future));
        int64_t begun = monotonic_ms();
        while (config < CONFIGS && stat_of(engine, "evals", "parked") == 0 && CHECK(!is_hanging(begun))) {
            REQUIRE_OK(luawait_run(engine, 500, NULL));
        }
        wait_for_stat(engine, "evals", "parked", 1);
        CHECK_COUNTS(&parked, 0, 0);
        luawait_engine_free(engine);
        CHECK_INT(gate_count(&parked.dropped), 1);
        CHECK_INT(gate_count(&endless.dropped), 1);
        CHECK(gate_count(&parked.woken) <= 1);
        CHECK(gate_count(&endless.woken) <= 1);
    }
}

/* Takes the outcome right where it is woken, as a future that is polled inline does. */
static void poll_inline(void *data) {
    future *f = data;
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *json = NULL;
    CHECK_STATUS(luawait_poll(f->engine, f->eval, &state, &json, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_JSON(json, "\"taken\"");
    luawait_free(json);
    gate_open(&f->woken);
}

static void a_waker_may_poll_its_eval(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    future late = FUTURE(engine, start(engine, "return f()"));
    request taken = wait_for_request(engine);
    REQUIRE_OK(await(&late, poll_inline, drop_future));
    answer(engine, taken.id, "\"taken\"");
    request_free(&taken);
    gate_wait(&late.dropped, 1);
    CHECK_COUNTS(&late, 1, 1);
    future early = FUTURE(engine, start(engine, "return 'taken'"));
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE_OK(await(&early, poll_inline, drop_future));
    CHECK_COUNTS(&early, 1, 1);
    CHECK_NO_EVENT(engine);
    luawait_engine_free(engine);
}

static void with_executor_host_run_wakes(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        future f = FUTURE(engine, start(engine, "return 'taken'"));
        REQUIRE_OK(await(&f, poll_inline, drop_future));
        CHECK_COUNTS(&f, 0, 0);
        run_until_idle(engine);
        CHECK_COUNTS(&f, 1, 1);
        luawait_engine_free(engine);
    }
}

static void *answer_elsewhere(void *argument) {
    future *f = argument;
    request taken = {0};
    while (!take_request(f->engine, &taken)) {
        luawait_wait_any(f->engine, -1);
    }
    CHECK_STATUS(luawait_provide_result(f->engine, taken.id, "1", 1, NULL), LUAWAIT_OK);
    request_free(&taken);
    return NULL;
}

/* The end and the setting meet in every order; each waker is dropped, and the last one woken. */
static void setting_and_ending_at_once_lose_nothing(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < harness_scale(1000, 50); i++) {
        uint64_t eval = start(engine, "return f()");
        future first = FUTURE(engine, eval), second = FUTURE(engine, eval);
        pthread_t thread = run_thread(answer_elsewhere, &first);
        /* A little later each time, so that the two meet in every place. */
        for (size_t spin = 0; spin < i % 50 * 20; spin++) {
            __asm__ volatile("" ::: "memory");
        }
        REQUIRE_OK(await(&first, wake_future, drop_future));
        REQUIRE_OK(await(&second, wake_future, drop_future));
        gate_wait(&second.dropped, 1);
        gate_wait(&first.dropped, 1);
        pthread_join(thread, NULL);
        CHECK_INT(gate_count(&second.woken), 1);
        CHECK_INT(gate_count(&second.dropped), 1);
        CHECK(gate_count(&first.woken) <= 1);
        CHECK_INT(gate_count(&first.dropped), 1);
        CHECK_VALUE(finish(engine, eval), "1");
    }
    luawait_engine_free(engine);
}

TESTS(TEST(it_is_woken_and_dropped_once_at_the_end), TEST(every_end_wakes),
      TEST(cancelling_wakes_before_it_returns_if_the_eval_is_parked), TEST(a_timeout_wakes),
      TEST(it_is_woken_at_once_if_the_eval_has_ended), TEST(replaced_and_removed_ones_are_dropped_and_not_woken),
      TEST(on_failure_it_stays_the_callers), TEST(a_waker_without_drop_is_fine), TEST(a_larger_struct_is_accepted),
      TEST(freeing_the_engine_drops_once), TEST(a_waker_may_poll_its_eval), TEST(with_executor_host_run_wakes),
      TEST(setting_and_ending_at_once_lose_nothing))
