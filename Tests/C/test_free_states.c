/* luawait_engine_free() in states that only events, wakers and the host's own threads bring about. */
#include "events.h"
#include <errno.h>
#include <fcntl.h>

static void with_executor_host_in_every_state(void) {
    for (int config = 0; config < CONFIGS; config++) {
        for (int turns = 0; turns < 4; turns++) {
            luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0,\"slice_us\":200,\"print\":\"event\"");
            declare(engine, "f");
            start(engine, "while true do end");
            start(engine, "f() f()");
            start(engine, "print('unread') return 'unread'");
            start(engine, "coroutine.wrap(function() while true do pcall(f) end end)()");
            /* None of them has run, or has been compiled, or they are in the middle, or parked. */
            for (int i = 0; i < turns * 2; i++) {
                CHECK_STATUS(luawait_run(engine, 300, NULL), LUAWAIT_OK);
            }
            uint64_t request = 0;
            if (luawait_get_pending_request(engine, &request, NULL, NULL, NULL, NULL) == LUAWAIT_OK && turns % 2 == 1) {
                answer(engine, request, "{\"answered\":\"and not run\"}");
            }
            luawait_engine_free(engine);
        }
    }
}

static void with_events_handed_out_and_others_unread(void) {
    luawait_engine *engine = engine_with("{\"print\":\"event\",\"workers\":1}");
    declare(engine, "f");
    uint64_t cancelled = start(engine, "f('handed out')");
    luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, cancelled);
    start(engine, "print('unread') f('unread')");
    wait_for_stat(engine, "requests", "pending", 1);
    /* That it was withdrawn is never read. */
    REQUIRE_OK(luawait_cancel(engine, cancelled));
    wait_for_stat(engine, "evals", "finished_unread", 1);
    luawait_engine_free(engine);
    CHECK_JSON(asked.text, "[\"handed out\"]");
    CHECK_TEXT(asked.name, "f");
    release_event(&asked);
}

typedef struct future {
    gate woken, dropped;
} future;

static void wake_future(void *data) {
    gate_open(&((future *)data)->woken);
}

static void drop_future(void *data) {
    gate_open(&((future *)data)->dropped);
}

static void with_wakers_on_evals_in_every_state(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
    declare(engine, "f");
    enum { PARKED, RUNNING, QUEUED, ENDED, STATES };
    future futures[STATES] = {{GATE, GATE}, {GATE, GATE}, {GATE, GATE}, {GATE, GATE}};
    uint64_t evals[STATES];
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    evals[ENDED] = start(engine, "return 1");
    evals[PARKED] = start(engine, "f()");
    wait_for_stat(engine, "evals", "parked", 1);
    evals[RUNNING] = start(engine, "hold() while true do end");
    gate_wait(&held.entered, 1);
    evals[QUEUED] = start(engine, "return 1");
    for (int i = 0; i < STATES; i++) {
        const luawait_waker waker = {
            .struct_size = sizeof waker, .data = &futures[i], .wake = wake_future, .drop = drop_future};
        REQUIRE_OK(luawait_set_waker(engine, evals[i], &waker));
    }
    CHECK_INT(gate_count(&futures[ENDED].woken), 1);
    gate_open(&held.leave);
    luawait_engine_free(engine);
    for (int i = 0; i < STATES; i++) {
        CHECK(gate_count(&futures[i].woken) <= 1);
        CHECK_INT(gate_count(&futures[i].dropped), 1);
    }
}

static void after_a_shutdown_with_everything_unread(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    declare(engine, "f");
    start(engine, "while true do end");
    start(engine, "f()");
    start(engine, "return 1");
    wait_for_stat(engine, "requests", "pending", 1);
    REQUIRE_OK(luawait_shutdown(engine, 0));
    luawait_engine_free(engine);
}

static void its_descriptors_are_closed_and_no_others(void) {
    const char *configs[] = {NULL, "{\"executor\":\"host\"}", "{\"executor\":\"host\",\"watchdog\":false}"};
    long before = descriptor_count();
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        luawait_engine *engine = engine_with(configs[i]), *other = engine_with(configs[i]);
        int descriptor = -1, others = -1;
        REQUIRE_OK(luawait_event_fd(engine, &descriptor));
        REQUIRE_OK(luawait_event_fd(other, &others));
        start(engine, "return 1");
        luawait_engine_free(engine);
        CHECK(fcntl(descriptor, F_GETFD) == -1 && errno == EBADF);
        CHECK(fcntl(others, F_GETFD) >= 0);
        luawait_engine_free(other);
        CHECK_INT(descriptor_count(), before);
    }
}

TESTS(TEST(with_executor_host_in_every_state), TEST(with_events_handed_out_and_others_unread),
      TEST(with_wakers_on_evals_in_every_state), TEST(after_a_shutdown_with_everything_unread),
      TEST(its_descriptors_are_closed_and_no_others))
