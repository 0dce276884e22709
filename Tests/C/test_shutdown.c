/* luawait_shutdown(): no eval starts any more, those in progress may end, the rest is cancelled when the time is up. */
#include "events.h"
#include <stdatomic.h>

static void check_refused(luawait_engine *engine) {
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 77;
    int32_t state = 77;
    CHECK_STATUS(luawait_start(engine, "return 1", 8, NULL, 0, &eval, &error), LUAWAIT_ERR_SHUTDOWN);
    CHECK_INT(error.status, LUAWAIT_ERR_SHUTDOWN);
    CHECK_INT(eval, 77);
    CHECK_STATUS(luawait_eval(engine, "return 1", 8, NULL, 0, &state, NULL, NULL, NULL), LUAWAIT_ERR_SHUTDOWN);
    CHECK_INT(state, 77);
    CHECK_INT(stat_of(engine, "evals", "queued"), 0);
}

static void an_idle_engine_is_shut_down_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_STATUS(luawait_shutdown(engine, -1), LUAWAIT_OK);
    check_refused(engine);
    luawait_engine_free(engine);
}

static void a_null_pointer_is_refused(void) {
    CHECK_STATUS(luawait_shutdown(NULL, 0), LUAWAIT_ERR_ARGUMENT);
}

static void evals_in_progress_may_end_and_their_outcomes_be_taken(void) {
    const int64_t timeouts[] = {-1, HANG_GUARD_MS, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        luawait_engine *engine = engine_with("{\"workers\":1}");
        uint64_t evals[20];
        for (int j = 0; j < 20; j++) {
            evals[j] = start(engine, "local s = 0 for i = 1, 100000 do s = s + 1 end return s");
        }
        CHECK_STATUS(luawait_shutdown(engine, timeouts[i]), LUAWAIT_OK);
        CHECK_INT(stat_of(engine, "evals", "finished_unread"), 20);
        check_refused(engine);
        for (int j = 0; j < 19; j++) {
            CHECK_VALUE(finish(engine, evals[j]), "100000");
        }
        luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, evals[19]);
        CHECK_INT(event.state, LUAWAIT_SUCCEEDED);
        release_event(&event);
        luawait_engine_free(engine);
    }
}

static void what_is_left_is_cancelled_when_the_time_is_up(void) {
    const int64_t timeouts[] = {0, 50};
    for (int i = 0; i < 2; i++) {
        luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
        declare_with(engine, "f", "{\"timeout_ms\":0}");
        uint64_t parked = start(engine, "f()");
        wait_for_stat(engine, "evals", "parked", 1);
        luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, parked);
        uint64_t endless = start(engine, "while true do pcall(function() while true do end end) end");
        uint64_t other = start(engine, "while true do end");
        CHECK_STATUS(luawait_shutdown(engine, timeouts[i]), LUAWAIT_OK);
        CHECK_INT(stat_of(engine, "evals", "parked"), 0);
        CHECK_INT(stat_of(engine, "evals", "cancelled"), 3);
        check_refused(engine);
        CHECK_STATUS(luawait_provide_result(engine, asked.request_id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
        luawait_event event = expect_event(engine, LUAWAIT_EVENT_WITHDRAWN, parked);
        release_event(&event);
        CHECK_CANCELLED(finish(engine, parked));
        CHECK_CANCELLED(finish(engine, endless));
        CHECK_CANCELLED(finish(engine, other));
        release_event(&asked);
        luawait_engine_free(engine);
    }
}

/* A shutdown on a thread of its own. */
typedef struct ending {
    luawait_engine *engine;
    int64_t timeout;
    gate ended;
} ending;

static void *shut_down(void *argument) {
    ending *e = argument;
    CHECK_STATUS(luawait_shutdown(e->engine, e->timeout), LUAWAIT_OK);
    gate_open(&e->ended);
    return NULL;
}

/* Waits until a shutdown that another thread has called is under way. */
static void wait_until_refused(luawait_engine *engine) {
    int64_t begun = monotonic_ms();
    luawait_status status;
    do {
        status = luawait_start(engine, "", 0, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, NULL, NULL);
        if (is_hanging(begun)) {
            harness_fail(HERE, "evals still start");
            harness_stop();
        }
    } while (status == LUAWAIT_OK);
    CHECK_STATUS(status, LUAWAIT_ERR_SHUTDOWN);
}

static void requests_are_answered_meanwhile(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "local s = 0 for i = 1, 50 do s = s + f(i) end return s");
    ending e = {engine, -1, GATE};
    pthread_t thread = run_thread(shut_down, &e);
    wait_until_refused(engine);
    CHECK_INT(gate_count(&e.ended), 0);
    CHECK_VALUE(serve_echo(engine, eval), "1275");
    gate_wait(&e.ended, 1);
    pthread_join(thread, NULL);
    luawait_engine_free(engine);
}

static void it_waits_for_a_callback_in_progress(void) {
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        luawait_engine *engine = engine_with("{\"workers\":1}");
        holder held = HOLDER;
        declare_callback(engine, "hold", hold_worker, &held);
        uint64_t eval = start(engine, "hold() return 'done'");
        gate_wait(&held.entered, 1);
        ending e = {engine, cancelled ? 0 : -1, GATE};
        pthread_t thread = run_thread(shut_down, &e);
        wait_until_refused(engine);
        CHECK_INT(gate_count(&e.ended), 0);
        gate_open(&held.leave);
        gate_wait(&e.ended, 1);
        pthread_join(thread, NULL);
        outcome ended = finish(engine, eval);
        if (cancelled) {
            /* The call may have returned before the cancel came, and the script ended. */
            CHECK(ended.state == LUAWAIT_CANCELLED || ended.state == LUAWAIT_SUCCEEDED);
            outcome_free(&ended);
        } else {
            CHECK_VALUE(ended, "\"done\"");
        }
        luawait_engine_free(engine);
    }
}

static void it_may_be_called_twice_and_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    ending patient = {engine, -1, GATE}, other = {engine, HANG_GUARD_MS, GATE};
    pthread_t threads[] = {run_thread(shut_down, &patient), run_thread(shut_down, &other)};
    wait_until_refused(engine);
    CHECK_INT(gate_count(&patient.ended), 0);
    CHECK_INT(gate_count(&other.ended), 0);
    /* The impatient one ends it for all. */
    CHECK_STATUS(luawait_shutdown(engine, 0), LUAWAIT_OK);
    gate_wait(&patient.ended, 1);
    gate_wait(&other.ended, 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK_STATUS(luawait_shutdown(engine, -1), LUAWAIT_OK);
    CHECK_CANCELLED(finish(engine, eval));
    request_free(&taken);
    luawait_engine_free(engine);
}

static void with_executor_host_it_runs_what_is_ready(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        uint64_t evals[10];
        for (int i = 0; i < 10; i++) {
            evals[i] = start(engine, "local s = 0 for i = 1, 100000 do s = s + 1 end return s");
        }
        CHECK_STATUS(luawait_shutdown(engine, -1), LUAWAIT_OK);
        check_refused(engine);
        for (int i = 0; i < 10; i++) {
            CHECK_VALUE(finish(engine, evals[i]), "100000");
        }
        luawait_engine_free(engine);
    }
}

static void with_executor_host_it_cancels_what_is_left(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        for (int64_t timeout = 0; timeout <= 40; timeout += 40) {
            luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0");
            declare_with(engine, "f", "{\"timeout_ms\":0}");
            uint64_t parked = start(engine, "f()");
            run_until_idle(engine);
            uint64_t endless = start(engine, "while true do end");
            REQUIRE_OK(luawait_run(engine, 100, NULL));
            CHECK_STATUS(luawait_shutdown(engine, timeout), LUAWAIT_OK);
            CHECK_CANCELLED(finish(engine, parked));
            CHECK_CANCELLED(finish(engine, endless));
            luawait_engine_free(engine);
        }
    }
}

/* The thread that shuts down sleeps while all are parked, and has to run what the answers make ready. */
static void with_executor_host_an_answer_wakes_it(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "f", "{\"timeout_ms\":0}");
        uint64_t eval = start(engine, "local s = 0 for i = 1, 20 do s = s + f(i) end return s");
        ending e = {engine, -1, GATE};
        pthread_t thread = run_thread(shut_down, &e);
        for (int i = 1; i <= 20; i++) {
            request taken = wait_for_request(engine);
            char *value = text_format("%d", i);
            answer(engine, taken.id, value);
            free(value);
            request_free(&taken);
        }
        gate_wait(&e.ended, 1);
        pthread_join(thread, NULL);
        CHECK_VALUE(finish(engine, eval), "210");
        luawait_engine_free(engine);
    }
}

static void with_executor_host_a_calls_timeout_still_comes(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "slow", "{\"timeout_ms\":50}");
        uint64_t eval = start(engine, "return (pcall(slow))");
        CHECK_STATUS(luawait_shutdown(engine, -1), LUAWAIT_OK);
        CHECK_VALUE(finish(engine, eval), "false");
        luawait_engine_free(engine);
    }
}

typedef struct other_runner {
    luawait_engine *engine;
    atomic_bool done;
} other_runner;

static void *run_meanwhile(void *argument) {
    other_runner *r = argument;
    while (!atomic_load(&r->done)) {
        CHECK_STATUS(luawait_run(r->engine, 1000, NULL), LUAWAIT_OK);
        luawait_wait_any(r->engine, 1);
    }
    return NULL;
}

static void with_executor_host_another_thread_may_run_scripts_meanwhile(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        for (size_t i = 0; i < harness_scale(20, 3); i++) {
            other_runner r = {host_engine_of(config, ",\"cpu_ms\":0"), false};
            pthread_t thread = run_thread(run_meanwhile, &r);
            uint64_t endless = start(r.engine, "while true do end");
            uint64_t ends = start(r.engine, "local s = 0 for i = 1, 1000 do s = s + 1 end return s");
            CHECK_VALUE(finish(r.engine, ends), "1000");
            CHECK_STATUS(luawait_shutdown(r.engine, (int64_t)(i % 3)), LUAWAIT_OK);
            atomic_store(&r.done, true);
            pthread_join(thread, NULL);
            CHECK_CANCELLED(finish(r.engine, endless));
            luawait_engine_free(r.engine);
        }
    }
}

static void detached_evals_count_too(void) {
    luawait_engine *engine = engine_with(NULL);
    for (int i = 0; i < 10; i++) {
        start_with(engine, "for i = 1, 100000 do end", "{\"detached\":true}");
    }
    CHECK_STATUS(luawait_shutdown(engine, -1), LUAWAIT_OK);
    CHECK_INT(stat_of(engine, "evals", "succeeded"), 10);
    luawait_engine_free(engine);
}

TESTS(TEST(an_idle_engine_is_shut_down_at_once), TEST(a_null_pointer_is_refused),
      TEST(evals_in_progress_may_end_and_their_outcomes_be_taken), TEST(what_is_left_is_cancelled_when_the_time_is_up),
      TEST(requests_are_answered_meanwhile), TEST(it_waits_for_a_callback_in_progress),
      TEST(it_may_be_called_twice_and_at_once), TEST(with_executor_host_it_runs_what_is_ready),
      TEST(with_executor_host_it_cancels_what_is_left), TEST(with_executor_host_an_answer_wakes_it),
      TEST(with_executor_host_a_calls_timeout_still_comes),
      TEST(with_executor_host_another_thread_may_run_scripts_meanwhile), TEST(detached_evals_count_too))
