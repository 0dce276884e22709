/* luawait_engine_free() with everything still going on, and engines side by side. */
#include "host.h"

static void mark(void *user_data, luawait_call *call) {
    (void)call;
    gate_open(user_data);
}

static void with_nothing_going_on(void) {
    for (size_t i = 0; i < harness_scale(200, 20); i++) {
        luawait_engine_free(engine_with(NULL));
    }
}

static void with_evals_running(void) {
    const char *scripts[] = {"mark() while true do end",
                             "mark() while true do pcall(function() while true do end end) end",
                             "mark() table.sort({1, 2, 3}, function() while true do end end)",
                             "mark() coroutine.wrap(function() while true do end end)()",
                             ("mark() local x <close> = setmetatable({}, {__close = function() while true do end end}) "
                              "error()")};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        for (int preemption = 0; preemption < 2; preemption++) {
            gate running = GATE;
            luawait_engine *engine =
                engine_with(preemption == 0 ? "{\"cpu_ms\":0,\"workers\":2}"
                                            : "{\"cpu_ms\":0,\"workers\":2,\"preemption\":\"count\"}");
            declare_callback(engine, "mark", mark, &running);
            for (int copy = 0; copy < 4; copy++) {
                start(engine, scripts[i]);
            }
            gate_wait(&running, 2);
            luawait_engine_free(engine);
        }
    }
}

static void with_evals_parked(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (int i = 0; i < 20; i++) {
        start(engine, i % 2 == 0 ? "return f()" : "coroutine.wrap(function() pcall(f) end)()");
    }
    wait_for_stat(engine, "evals", "parked", 20);
    for (int i = 0; i < 5; i++) {
        request taken = wait_for_request(engine);
        request_free(&taken);
    }
    luawait_engine_free(engine);
}

static void with_evals_queued(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
    gate running = GATE;
    declare_callback(engine, "mark", mark, &running);
    start(engine, "mark() while true do end");
    gate_wait(&running, 1);
    for (int i = 0; i < 100; i++) {
        start(engine, "return 1");
    }
    luawait_engine_free(engine);
}

static void with_answers_on_their_way(void) {
    for (size_t i = 0; i < harness_scale(100, 10); i++) {
        luawait_engine *engine = engine_with(NULL);
        declare(engine, "f");
        start(engine, "while true do f() end");
        for (size_t j = 0; j < i % 4; j++) {
            request taken = wait_for_request(engine);
            answer(engine, taken.id, "[1,2,3]");
            request_free(&taken);
        }
        luawait_engine_free(engine);
    }
}

static void with_outcomes_unread(void) {
    luawait_engine *engine = engine_with(NULL);
    for (int i = 0; i < 50; i++) {
        start(engine, i % 2 == 0 ? "return {1, 2, 3}" : "error('x')");
    }
    wait_for_stat(engine, "evals", "finished_unread", 50);
    luawait_engine_free(engine);
}

static void with_timers_running(void) {
    luawait_engine *engine = engine_with("{\"timeout_ms\":3600000}");
    declare_with(engine, "slow", "{\"timeout_ms\":1800000}");
    for (int i = 0; i < 20; i++) {
        start(engine, "slow()");
    }
    wait_for_stat(engine, "evals", "parked", 20);
    luawait_engine_free(engine);
}

/* One of each at once. */
static void with_everything_going_on(void) {
    for (size_t i = 0; i < harness_scale(50, 5); i++) {
        luawait_engine *engine = engine_with("{\"workers\":2,\"cpu_ms\":0,\"slice_us\":500}");
        gate running = GATE, dropped = GATE;
        int fd = -1;
        declare(engine, "f");
        REQUIRE_OK(luawait_register_callback(engine, "mark", 4, NULL, 0, mark, &running, NULL, NULL));
        REQUIRE_OK(luawait_register_callback(engine, "g", 1, NULL, 0, mark, &dropped, open_gate, NULL));
        REQUIRE_OK(luawait_set_notifier(engine, open_gate, &running, NULL));
        REQUIRE_OK(luawait_event_fd(engine, &fd));
        start(engine, "return 'unread'");
        start(engine, "f()");
        for (int j = 0; j < 4; j++) {
            start(engine, "mark() while true do pcall(f, 1) end");
            start(engine, "mark() while true do end");
        }
        REQUIRE_OK(luawait_start(engine, "f()", 3, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, NULL, NULL));
        gate_wait(&running, 2);
        luawait_engine_free(engine);
        CHECK_INT(gate_count(&dropped), 1);
    }
}

static void finalizers_have_run_when_it_returns(void) {
    luawait_engine *engine = engine_with(NULL);
    gate dropped = GATE;
    declare(engine, "f");
    for (int i = 0; i < 10; i++) {
        char *name = text_format("callback%d", i);
        REQUIRE_OK(luawait_register_callback(engine, name, strlen(name), NULL, 0, mark, &dropped, open_gate, NULL));
        free(name);
    }
    REQUIRE_OK(luawait_set_notifier(engine, open_gate, &dropped, open_gate));
    REQUIRE_OK(luawait_unregister(engine, "callback3", LUAWAIT_NUL_TERMINATED));
    CHECK(gate_count(&dropped) <= 1);
    gate_wait(&dropped, 1);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 11);
}

/* The eval still sees a function that was taken away; both go together. */
static void finalizers_of_unregistered_functions_have_run_too(void) {
    luawait_engine *engine = engine_with(NULL);
    gate dropped = GATE;
    declare(engine, "f");
    REQUIRE_OK(luawait_register_callback(engine, "g", 1, NULL, 0, mark, &dropped, open_gate, NULL));
    start(engine, "f() g()");
    wait_for_stat(engine, "requests", "pending", 1);
    REQUIRE_OK(luawait_unregister(engine, "g", 1));
    CHECK_INT(gate_count(&dropped), 0);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&dropped), 1);
}

typedef struct freeing {
    luawait_engine *engine;
    gate begun;
    gate freed;
} freeing;

static void *free_in_thread(void *argument) {
    freeing *f = argument;
    gate_open(&f->begun);
    luawait_engine_free(f->engine);
    gate_open(&f->freed);
    return NULL;
}

static void it_waits_for_a_callback_in_progress(void) {
    freeing f = {engine_with(NULL), GATE, GATE};
    holder held = HOLDER;
    declare_callback(f.engine, "hold", hold_worker, &held);
    start(f.engine, "hold() while true do end");
    gate_wait(&held.entered, 1);
    pthread_t thread = run_thread(free_in_thread, &f);
    gate_wait(&f.begun, 1);
    CHECK_INT(gate_count(&f.freed), 0);
    gate_open(&held.leave);
    gate_wait(&f.freed, 1);
    pthread_join(thread, NULL);
}

static void engines_live_side_by_side(void) {
    enum { ENGINES = 6 };
    luawait_engine *engines[ENGINES];
    uint64_t evals[ENGINES];
    for (int i = 0; i < ENGINES; i++) {
        engines[i] = engine_with(i % 2 == 0 ? "{\"workers\":1}" : "{\"workers\":2,\"preemption\":\"count\"}");
        declare(engines[i], "f");
        evals[i] = start(engines[i], "return f('which') .. '!'");
    }
    for (int i = 0; i < ENGINES; i++) {
        request taken = wait_for_request(engines[i]);
        char *result = text_format("\"engine %d\"", i), *expected = text_format("\"engine %d!\"", i);
        answer(engines[i], taken.id, result);
        CHECK_VALUE(finish(engines[i], evals[i]), expected);
        request_free(&taken);
        free(result);
        free(expected);
    }
    for (int i = 0; i < ENGINES; i += 2) {
        luawait_engine_free(engines[i]);
    }
    for (int i = 1; i < ENGINES; i += 2) {
        EXPECT_VALUE(engines[i], "return 'unharmed'", "\"unharmed\"");
        EXPECT_ERROR_WITH(engines[i], "while true do end", "{\"cpu_ms\":10}", "cpu", "");
        luawait_engine_free(engines[i]);
    }
}

static void *live_and_die(void *argument) {
    (void)argument;
    for (size_t i = 0; i < harness_scale(50, 5); i++) {
        luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
        declare(engine, "f");
        start(engine, "while true do end");
        CHECK_VALUE(serve_echo(engine, start(engine, "return f(1)")), "1");
        luawait_engine_free(engine);
    }
    return NULL;
}

static void threads_have_engines_of_their_own(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = run_thread(live_and_die, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

TESTS(TEST(with_nothing_going_on), TEST(with_evals_running), TEST(with_evals_parked), TEST(with_evals_queued),
      TEST(with_answers_on_their_way), TEST(with_outcomes_unread), TEST(with_timers_running),
      TEST(with_everything_going_on), TEST(finalizers_have_run_when_it_returns),
      TEST(finalizers_of_unregistered_functions_have_run_too), TEST(it_waits_for_a_callback_in_progress),
      TEST(engines_live_side_by_side), TEST(threads_have_engines_of_their_own))
