/* luawait_wait_any(): a thread with nothing else to do sleeps until there is something to take. */
#include "events.h"
#include <stdatomic.h>

#define CONFIG "{\"workers\":1,\"print\":\"event\"}"

/* A thread that waits, and what it was told. */
typedef struct sleeper {
    luawait_engine *engine;
    int64_t timeout;
    gate begun;
    gate woken;
    luawait_status status;
} sleeper;

static void *sleep_until_something(void *argument) {
    sleeper *s = argument;
    gate_open(&s->begun);
    s->status = luawait_wait_any(s->engine, s->timeout);
    gate_open(&s->woken);
    return NULL;
}

/* Lets a thread wait, makes something happen, and checks that it is woken. */
static void expect_woken_by(luawait_engine *engine, void (*happen)(luawait_engine *engine, uint64_t id), uint64_t id) {
    sleeper s = {engine, -1, GATE, GATE, LUAWAIT_ERR_MEMORY};
    pthread_t thread = run_thread(sleep_until_something, &s);
    gate_wait(&s.begun, 1);
    happen(engine, id);
    gate_wait(&s.woken, 1);
    pthread_join(thread, NULL);
    CHECK_STATUS(s.status, LUAWAIT_OK);
    CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_OK);
}

static void start_a_call(luawait_engine *engine, uint64_t id) {
    (void)id;
    start_with(engine, "f()", "{\"detached\":true}");
}

static void start_a_value(luawait_engine *engine, uint64_t id) {
    (void)id;
    start(engine, "return 1");
}

static void start_a_print(luawait_engine *engine, uint64_t id) {
    (void)id;
    start_with(engine, "print('hello')", "{\"detached\":true}");
}

static void cancel_detached(luawait_engine *engine, uint64_t id) {
    REQUIRE_OK(luawait_cancel(engine, id));
}

static void answer_it(luawait_engine *engine, uint64_t id) {
    answer(engine, id, "1");
}

static void it_is_woken_by_a_request(void) {
    luawait_engine *engine = engine_with(CONFIG);
    declare(engine, "f");
    expect_woken_by(engine, start_a_call, 0);
    request taken;
    REQUIRE(take_request(engine, &taken));
    request_free(&taken);
    CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_NONE);
    luawait_engine_free(engine);
}

static void it_is_woken_by_an_outcome(void) {
    luawait_engine *engine = engine_with(CONFIG);
    expect_woken_by(engine, start_a_value, 0);
    luawait_event event = wait_for_event(engine);
    CHECK_INT(event.kind, LUAWAIT_EVENT_FINISHED);
    release_event(&event);
    CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_NONE);
    luawait_engine_free(engine);
}

static void it_is_woken_by_output(void) {
    luawait_engine *engine = engine_with(CONFIG);
    expect_woken_by(engine, start_a_print, 0);
    luawait_event event = wait_for_event(engine);
    CHECK_INT(event.kind, LUAWAIT_EVENT_OUTPUT);
    release_event(&event);
    luawait_engine_free(engine);
}

static void it_is_woken_by_a_withdrawn_request(void) {
    luawait_engine *engine = engine_with(CONFIG);
    declare(engine, "f");
    uint64_t eval = start_with(engine, "f()", "{\"detached\":true}");
    luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
    expect_woken_by(engine, cancel_detached, eval);
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_WITHDRAWN, eval);
    release_event(&asked);
    release_event(&event);
    luawait_engine_free(engine);
}

static void with_executor_host_it_is_woken_by_ready_work(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "f", "{\"timeout_ms\":0}");
        expect_woken_by(engine, start_a_call, 0);
        run_until_idle(engine);
        request taken = wait_for_request(engine);
        CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_NONE);
        expect_woken_by(engine, answer_it, taken.id);
        request_free(&taken);
        luawait_engine_free(engine);
    }
}

/* Nobody else does anything: the deadline alone has to end the wait. */
static void with_executor_host_it_does_not_sleep_through_a_deadline(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "slow", "{\"timeout_ms\":100}");
        uint64_t eval = start(engine, "return (pcall(slow))");
        run_until_idle(engine);
        request taken = wait_for_request(engine);
        request_free(&taken);
        int32_t state = LUAWAIT_IN_PROGRESS;
        int64_t begun = monotonic_ms();
        while (state == LUAWAIT_IN_PROGRESS && CHECK(!is_hanging(begun))) {
            CHECK_STATUS(luawait_wait_any(engine, HANG_GUARD_MS), LUAWAIT_OK);
            run_until_idle(engine);
            REQUIRE_OK(luawait_poll(engine, eval, &state, NULL, NULL));
        }
        CHECK_INT(state, LUAWAIT_SUCCEEDED);
        luawait_engine_free(engine);
    }
}

static void the_time_can_be_up_first(void) {
    luawait_engine *engine = engine_with(CONFIG);
    declare(engine, "f");
    int64_t begun = monotonic_ms();
    CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_NONE);
    CHECK_STATUS(luawait_wait_any(engine, 30), LUAWAIT_NONE);
    CHECK(monotonic_ms() - begun >= 29);
    start(engine, "f()");
    request taken = wait_for_request(engine);
    request_free(&taken);
    CHECK_STATUS(luawait_wait_any(engine, 30), LUAWAIT_NONE);
    luawait_engine_free(engine);
}

static void what_is_there_already_ends_every_wait_at_once(void) {
    luawait_engine *engine = engine_with(CONFIG);
    const int64_t timeouts[] = {0, 1, -1, INT64_MIN, INT64_MAX, HANG_GUARD_MS};
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        CHECK_STATUS(luawait_wait_any(engine, timeouts[i]), LUAWAIT_OK);
    }
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void all_who_wait_are_woken(void) {
    enum { SLEEPERS = 5 };
    luawait_engine *engine = engine_with(CONFIG);
    sleeper sleepers[SLEEPERS];
    pthread_t threads[SLEEPERS];
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (sleeper){engine, i % 2 == 0 ? -1 : INT64_MAX, GATE, GATE, LUAWAIT_ERR_MEMORY};
        threads[i] = run_thread(sleep_until_something, &sleepers[i]);
        gate_wait(&sleepers[i].begun, 1);
    }
    uint64_t eval = start(engine, "return 1");
    for (int i = 0; i < SLEEPERS; i++) {
        gate_wait(&sleepers[i].woken, 1);
        pthread_join(threads[i], NULL);
        CHECK_STATUS(sleepers[i].status, LUAWAIT_OK);
    }
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

/* Two threads share the work; each waits whenever it finds nothing. */
typedef struct pool {
    luawait_engine *engine;
    atomic_int left;
} pool;

static void *serve(void *argument) {
    pool *p = argument;
    int64_t begun = monotonic_ms();
    while (atomic_load(&p->left) > 0 && CHECK(!is_hanging(begun))) {
        luawait_event event;
        if (take_events(p->engine, &event, 1) == 0) {
            luawait_wait_any(p->engine, 100);
            continue;
        }
        if (event.kind == LUAWAIT_EVENT_REQUEST) {
            CHECK_STATUS(luawait_provide_result(p->engine, event.request_id, "1", 1, NULL), LUAWAIT_OK);
        } else {
            CHECK_JSON(event.text, "10");
            atomic_fetch_sub(&p->left, 1);
        }
        release_event(&event);
    }
    return NULL;
}

static void a_pool_that_waits_for_work_misses_none(void) {
    pool p = {engine_with("{\"workers\":2}"), (int)harness_scale(300, 30)};
    int count = atomic_load(&p.left);
    declare(p.engine, "f");
    pthread_t threads[2] = {run_thread(serve, &p), run_thread(serve, &p)};
    for (int i = 0; i < count; i++) {
        start(p.engine, "local s = 0 for i = 1, 10 do s = s + f() end return s");
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK_INT(atomic_load(&p.left), 0);
    luawait_engine_free(p.engine);
}

static void a_null_pointer_is_refused(void) {
    CHECK_STATUS(luawait_wait_any(NULL, -1), LUAWAIT_ERR_ARGUMENT);
}

TESTS(TEST(it_is_woken_by_a_request), TEST(it_is_woken_by_an_outcome), TEST(it_is_woken_by_output),
      TEST(it_is_woken_by_a_withdrawn_request), TEST(with_executor_host_it_is_woken_by_ready_work),
      TEST(with_executor_host_it_does_not_sleep_through_a_deadline), TEST(the_time_can_be_up_first),
      TEST(what_is_there_already_ends_every_wait_at_once), TEST(all_who_wait_are_woken),
      TEST(a_pool_that_waits_for_work_misses_none), TEST(a_null_pointer_is_refused))
