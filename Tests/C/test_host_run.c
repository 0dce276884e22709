/* Executor "host": scripts run inside luawait_run(), on the thread that calls it, and nowhere else. */
#include "events.h"
#include <stdatomic.h>

static void without_watchdog_there_is_no_thread(void) {
    long before = resting_thread_count();
    luawait_engine *engine = host_engine_of(UNWATCHED, ",\"workers\":7");
    CHECK_THREADS(before);
    declare_with(engine, "f", "{\"timeout_ms\":60000}");
    uint64_t eval = start_with(engine, "return 1", "{\"timeout_ms\":60000}");
    start(engine, "f()");
    CHECK_VALUE(run_to_end(engine, eval), "1");
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_THREADS(before);
    luawait_engine_free(engine);
    CHECK_THREADS(before);
}

static void the_watchdog_is_the_only_thread(void) {
    long before = resting_thread_count();
    luawait_engine *engine = host_engine_of(SIGNAL, ",\"workers\":7");
    CHECK_INT(thread_count(), before + 1);
    CHECK_VALUE(run_to_end(engine, start(engine, "return 1")), "1");
    CHECK_INT(thread_count(), before + 1);
    luawait_engine_free(engine);
    CHECK_THREADS(before);
}

static void the_executor_decides_what_is_allowed(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    int64_t timeout = 5;
    int32_t more = 9;
    CHECK_STATUS(luawait_run(engine, 1000, &more), LUAWAIT_ERR_EXECUTOR);
    CHECK_INT(more, 9);
    CHECK_STATUS(luawait_next_timeout(engine, &timeout), LUAWAIT_OK);
    CHECK_INT(timeout, -1);
    luawait_engine_free(engine);
    const char *refused[] = {"{\"watchdog\":false}", "{\"watchdog\":false,\"executor\":\"threads\"}",
                             "{\"executor\":\"host\",\"watchdog\":0}", "{\"executor\":\"elsewhere\"}"};
    const char *keys[] = {"watchdog", "watchdog", "watchdog", "executor"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        engine = NULL;
        CHECK_STATUS(luawait_engine_new(refused[i], strlen(refused[i]), &engine, &error), LUAWAIT_ERR_OPTION);
        CHECK(engine == NULL);
        CHECK_CONTAINS(error.message, keys[i]);
    }
    luawait_engine_free(engine_with("{\"watchdog\":true}"));
}

static void null_pointers_are_refused(void) {
    luawait_engine *engine = host_engine_of(UNWATCHED, "");
    int64_t timeout = 5;
    int32_t more = 9;
    CHECK_STATUS(luawait_run(NULL, 1000, &more), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(more, 9);
    CHECK_STATUS(luawait_run(engine, 1000, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_next_timeout(NULL, &timeout), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_next_timeout(engine, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(timeout, 5);
    luawait_engine_free(engine);
}

/* A callback that notes on which thread it was called, and how often. */
typedef struct footprint {
    pthread_t thread;
    atomic_int count;
} footprint;

static void leave_footprint(void *user_data, luawait_call *call) {
    footprint *print = user_data;
    (void)call;
    print->thread = pthread_self();
    atomic_fetch_add(&print->count, 1);
}

static void nothing_runs_before_run_and_then_on_its_thread(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        footprint print = {0};
        int32_t state = -1;
        declare_callback(engine, "mark", leave_footprint, &print);
        uint64_t eval = start(engine, "mark()");
        CHECK(readable(engine, HANG_GUARD_MS));
        REQUIRE_OK(luawait_wait(engine, eval, 50, &state, NULL, NULL));
        CHECK_INT(state, LUAWAIT_IN_PROGRESS);
        CHECK_INT(atomic_load(&print.count), 0);
        CHECK_INT(stat_of(engine, "evals", "queued"), 1);
        CHECK_VALUE(run_to_end(engine, eval), "null");
        CHECK_INT(atomic_load(&print.count), 1);
        CHECK(pthread_equal(print.thread, pthread_self()));
        luawait_engine_free(engine);
    }
}

static void results_are_right_across_slices(void) {
    const char *sum = "local s = 0 for i = 1, 200000 do s = s + i % 7 end return s";
    const char *sorted = "local t = {} for i = 1, 5000 do t[i] = (i * 7919) % 5003 end table.sort(t) "
                         "for i = 2, #t do assert(t[i - 1] <= t[i]) end return #t";
    const char *waiting = "local s = 0 for i = 1, 20 do for j = 1, 2000 do s = s + 1 end s = s + f(i) end return s";
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"slice_us\":100");
        declare(engine, "f");
        uint64_t evals[] = {start(engine, sum), start(engine, sorted), start(engine, waiting)};
        const char *values[] = {"599997", "5000", "40210"};
        int64_t begun = monotonic_ms();
        int left = 3;
        while (left > 0 && CHECK(!is_hanging(begun))) {
            request taken;
            REQUIRE_OK(luawait_run(engine, 100, NULL));
            while (take_request(engine, &taken)) {
                char *value = text_format("%d", atoi(taken.args + 1));
                answer(engine, taken.id, value);
                free(value);
                request_free(&taken);
            }
            for (int i = 0; i < 3; i++) {
                outcome ended = {0};
                if (evals[i] == 0) continue;
                REQUIRE_OK(luawait_poll(engine, evals[i], &ended.state, &ended.json, &ended.length));
                if (ended.state == LUAWAIT_IN_PROGRESS) continue;
                CHECK_VALUE(ended, values[i]);
                evals[i] = 0;
                left--;
            }
        }
        luawait_engine_free(engine);
    }
}

static void endless_loops_come_back_and_others_finish(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0");
        int32_t more = -1;
        uint64_t endless = start(engine, "while true do end");
        uint64_t protective = start(engine, "while true do pcall(function() while true do end end) end");
        REQUIRE_OK(luawait_run(engine, 500, &more));
        CHECK_INT(more, 1);
        for (int i = 0; i < 5; i++) {
            CHECK_VALUE(run_to_end(engine, start(engine, "local s = 0 for i = 1, 1000 do s = s + i end return s")),
                        "500500");
            REQUIRE_OK(luawait_run(engine, 100, &more));
            CHECK_INT(more, 1);
        }
        REQUIRE_OK(luawait_cancel(engine, endless));
        REQUIRE_OK(luawait_cancel(engine, protective));
        CHECK_CANCELLED(run_to_end(engine, endless));
        CHECK_CANCELLED(run_to_end(engine, protective));
        run_until_idle(engine);
        luawait_engine_free(engine);
    }
}

static void no_budget_makes_progress_nevertheless(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        uint64_t eval = start(engine, "local s = 0 for i = 1, 100000 do s = s + 1 end return s");
        outcome ended = {0};
        int64_t begun = monotonic_ms();
        while (ended.state == LUAWAIT_IN_PROGRESS && CHECK(!is_hanging(begun))) {
            REQUIRE_OK(luawait_run(engine, 0, NULL));
            REQUIRE_OK(luawait_poll(engine, eval, &ended.state, &ended.json, &ended.length));
        }
        CHECK_VALUE(ended, "100000");
        luawait_engine_free(engine);
    }
}

static void the_largest_budget_ends_when_nothing_is_ready(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        int32_t more = -1;
        declare(engine, "f");
        uint64_t eval = start(engine, "return 1");
        start(engine, "f()");
        REQUIRE_OK(luawait_run(engine, UINT64_MAX, &more));
        CHECK_INT(more, 0);
        CHECK_VALUE(finish(engine, eval), "1");
        CHECK_INT(stat_of(engine, "evals", "parked"), 1);
        luawait_engine_free(engine);
    }
}

static void a_parked_eval_is_cancelled_without_a_run(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare(engine, "f");
        uint64_t parked = start(engine, "f()");
        run_until_idle(engine);
        uint64_t queued = start(engine, "return 1");
        CHECK_INT(stat_of(engine, "evals", "parked"), 1);
        REQUIRE_OK(luawait_cancel(engine, parked));
        REQUIRE_OK(luawait_cancel(engine, queued));
        CHECK_CANCELLED(finish(engine, parked));
        CHECK_CANCELLED(finish(engine, queued));
        run_until_idle(engine);
        CHECK_INT(stat_of(engine, "contexts", "live"), stat_of(engine, "contexts", "warm"));
        luawait_engine_free(engine);
    }
}

typedef struct canceller {
    luawait_engine *engine;
    uint64_t eval;
} canceller;

static void cancel_itself(void *user_data, luawait_call *call) {
    canceller *c = user_data;
    CHECK_INT(call->eval_id, c->eval);
    CHECK_STATUS(luawait_cancel(c->engine, c->eval), LUAWAIT_OK);
}

static void *cancel_from_elsewhere(void *argument) {
    canceller *c = argument;
    wait_for_stat(c->engine, "evals", "running", 1);
    CHECK_STATUS(luawait_cancel(c->engine, c->eval), LUAWAIT_OK);
    return NULL;
}

static void a_running_eval_is_cancelled_while_it_runs(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        canceller c = {host_engine_of(config, ",\"cpu_ms\":0"), 0};
        declare_callback(c.engine, "cancel", cancel_itself, &c);
        c.eval = start(c.engine, "cancel() while true do end");
        /* A budget that would be a hang: only the cancel ends it. */
        REQUIRE_OK(luawait_run(c.engine, UINT64_MAX, NULL));
        CHECK_CANCELLED(finish(c.engine, c.eval));
        c.eval = start(c.engine, "while true do pcall(function() while true do end end) end");
        pthread_t thread = run_thread(cancel_from_elsewhere, &c);
        REQUIRE_OK(luawait_run(c.engine, UINT64_MAX, NULL));
        pthread_join(thread, NULL);
        CHECK_CANCELLED(finish(c.engine, c.eval));
        luawait_engine_free(c.engine);
    }
}

typedef struct runners {
    luawait_engine *engine;
    atomic_bool done;
} runners;

static void *run_until_done(void *argument) {
    runners *r = argument;
    while (!atomic_load(&r->done)) {
        CHECK_STATUS(luawait_run(r->engine, 300, NULL), LUAWAIT_OK);
        luawait_wait_any(r->engine, 1);
    }
    return NULL;
}

static void several_threads_may_run_at_once(void) {
    enum { THREADS = 4 };
    const int count = (int)harness_scale(200, 20);
    for (int config = SIGNAL; config < CONFIGS; config++) {
        runners r = {host_engine_of(config, ",\"slice_us\":200,\"cpu_ms\":0"), false};
        pthread_t threads[THREADS];
        uint64_t *evals = calloc((size_t)count, sizeof *evals);
        REQUIRE(evals != NULL);
        for (int i = 0; i < THREADS; i++) {
            threads[i] = run_thread(run_until_done, &r);
        }
        uint64_t endless = start(r.engine, "while true do end");
        for (int i = 0; i < count; i++) {
            evals[i] = start(r.engine, "local s = 0 for i = 1, 20000 do s = s + 1 end return s");
        }
        for (int i = 0; i < count; i++) {
            CHECK_VALUE(finish(r.engine, evals[i]), "20000");
        }
        REQUIRE_OK(luawait_cancel(r.engine, endless));
        CHECK_CANCELLED(finish(r.engine, endless));
        atomic_store(&r.done, true);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        free(evals);
        luawait_engine_free(r.engine);
    }
}

/* A script whose callback runs the other scripts. */
static void run_the_others(void *user_data, luawait_call *call) {
    int32_t more = -1;
    CHECK_STATUS(luawait_run(user_data, UINT64_MAX, &more), LUAWAIT_OK);
    CHECK_INT(more, 0);
    CHECK_STATUS(luawait_call_return(call, "\"ran\"", LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
}

static void a_callback_may_run_the_others(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_callback(engine, "run", run_the_others, engine);
        uint64_t outer = start(engine, "local s = 0 for i = 1, 1000 do s = s + 1 end return run() .. s");
        uint64_t inner = start(engine, "return 1 + 1");
        uint64_t deeper = start(engine, "return run()");
        REQUIRE_OK(luawait_run(engine, 0, NULL));
        CHECK_VALUE(run_to_end(engine, outer), "\"ran1000\"");
        CHECK_VALUE(finish(engine, inner), "2");
        CHECK_VALUE(finish(engine, deeper), "\"ran\"");
        luawait_engine_free(engine);
    }
}

static void the_engine_is_freed_whatever_its_evals_do(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0,\"print\":\"event\"");
        gate dropped = GATE;
        footprint print = {0};
        int fd = -1;
        declare(engine, "f");
        declare_callback(engine, "mark", leave_footprint, &print);
        REQUIRE_OK(luawait_register_callback(engine, "g", 1, NULL, 0, leave_footprint, &dropped, open_gate, NULL));
        REQUIRE_OK(luawait_event_fd(engine, &fd));
        start(engine, "print('unread') return 1");
        start_with(engine, "f()", "{\"timeout_ms\":600000}");
        start(engine, "mark() while true do end");
        int64_t begun = monotonic_ms();
        while (atomic_load(&print.count) == 0 && CHECK(!is_hanging(begun))) {
            REQUIRE_OK(luawait_run(engine, 100, NULL));
        }
        start(engine, "return 'ready'");
        luawait_engine_free(engine);
        CHECK_INT(gate_count(&dropped), 1);
    }
}

/* Each call with no budget is one turn. */
static void a_new_script_goes_before_those_that_used_up_their_slices(void) {
    luawait_engine *engine = host_engine_of(UNWATCHED, ",\"slice_us\":100");
    enum { LOOPS = 20 };
    for (int i = 0; i < LOOPS; i++)
        start(engine, "while true do end");
    // Until each has used up a slice: every fifth turn is one that had.
    for (int i = 0; i < 2 * LOOPS; i++)
        REQUIRE_OK(luawait_run(engine, 0, NULL));
    uint64_t eval = start(engine, "return 'through'");
    for (int i = 0; i < 2; i++)
        REQUIRE_OK(luawait_run(engine, 0, NULL));
    CHECK_VALUE(finish(engine, eval), "\"through\"");
    luawait_engine_free(engine);
}

static void new_scripts_do_not_starve_those_that_used_up_their_slices(void) {
    luawait_engine *engine = host_engine_of(UNWATCHED, ",\"slice_us\":100");
    char *script = text_format("local n = 0 for i = 1, %zu do n = n + 1 end return n", harness_scale(1000000, 20000));
    uint64_t counting = start(engine, script);
    free(script);
    REQUIRE_OK(luawait_run(engine, 0, NULL));
    int64_t begun = monotonic_ms();
    int32_t state = LUAWAIT_IN_PROGRESS;
    while (state == LUAWAIT_IN_PROGRESS && !is_hanging(begun)) {
        // Always more new ones than there are turns.
        for (int i = 0; i < 2; i++)
            start_with(engine, "return 1", "{\"detached\":true}");
        REQUIRE_OK(luawait_run(engine, 0, NULL));
        REQUIRE_OK(luawait_poll(engine, counting, &state, NULL, NULL));
    }
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    luawait_engine_free(engine);
}

TESTS(TEST(without_watchdog_there_is_no_thread), TEST(the_watchdog_is_the_only_thread),
      TEST(the_executor_decides_what_is_allowed), TEST(null_pointers_are_refused),
      TEST(nothing_runs_before_run_and_then_on_its_thread), TEST(results_are_right_across_slices),
      TEST(endless_loops_come_back_and_others_finish), TEST(no_budget_makes_progress_nevertheless),
      TEST(the_largest_budget_ends_when_nothing_is_ready), TEST(a_parked_eval_is_cancelled_without_a_run),
      TEST(a_running_eval_is_cancelled_while_it_runs), TEST(several_threads_may_run_at_once),
      TEST(a_callback_may_run_the_others), TEST(the_engine_is_freed_whatever_its_evals_do),
      TEST(a_new_script_goes_before_those_that_used_up_their_slices),
      TEST(new_scripts_do_not_starve_those_that_used_up_their_slices))
