/* Executor "custom": a pool of the host's runs the scripts, and nothing is lost when it refuses. */
#include "events.h"
#include "pool.h"

static luawait_engine *pool_engine(pool *pool, const char *more) {
    char *config = text_format("{\"executor\":\"custom\"%s}", more);
    luawait_engine *engine = engine_with(config);
    free(config);
    luawait_executor executor = executor_of(pool);
    REQUIRE_OK(luawait_set_executor(engine, &executor, NULL));
    return engine;
}

static void scripts_run_when_the_pool_runs_their_tasks(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, "");
    uint64_t eval = start(engine, "return 1 + 1");
    CHECK_INT(stat_of(engine, "evals", "queued"), 1);
    CHECK_INT(pool_waiting(pool), 1);
    CHECK(pool_step(pool));
    pool_run_all(pool); /* what its slice was too short for */
    CHECK_VALUE(finish(engine, eval), "2");
    CHECK(!pool_step(pool));
    luawait_engine_free(engine);
    CHECK_INT(pool->drops, 1);
    pool_free(pool);
}

static void a_parked_script_holds_no_task(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, "");
    declare(engine, "f");
    uint64_t eval = start(engine, "return f(1) + f(2)");
    pool_run_all(pool);
    for (int i = 1; i <= 2; i++) {
        CHECK_INT(pool_waiting(pool), 0);
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "21");
        request_free(&taken);
        CHECK_INT(pool_waiting(pool), 1);
        pool_run_all(pool);
    }
    CHECK_VALUE(finish(engine, eval), "42");
    luawait_engine_free(engine);
    pool_free(pool);
}

static void at_most_workers_tasks_are_given_at_once(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, ",\"workers\":3");
    uint64_t evals[10];
    for (size_t i = 0; i < 10; i++)
        evals[i] = start(engine, "return 7");
    CHECK_INT(pool_waiting(pool), 3);
    pool_run_all(pool);
    for (size_t i = 0; i < 10; i++)
        CHECK_VALUE(finish(engine, evals[i]), "7");
    luawait_engine_free(engine);
    pool_free(pool);
}

static void an_endless_loop_gives_the_thread_back_after_a_slice(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, ",\"slice_us\":1000,\"workers\":1");
    uint64_t endless = start(engine, "while true do end");
    CHECK(pool_step(pool));
    uint64_t quick = start(engine, "return 'through'");
    for (int64_t begun = monotonic_ms(); stat_of(engine, "evals", "succeeded") == 0 && !is_hanging(begun);)
        REQUIRE(pool_step(pool));
    CHECK_VALUE(finish(engine, quick), "\"through\"");
    CHECK_INT(pool_waiting(pool), 1);
    REQUIRE_OK(luawait_cancel(engine, endless));
    CHECK_CANCELLED(finish(engine, endless));
    luawait_engine_free(engine);
    pool_free(pool);
}

static void a_start_that_the_pool_refuses_fails_and_leaves_nothing(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, ",\"max_evals\":1");
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 99;
    pool_refuse(pool, -7);
    CHECK_STATUS(luawait_start(engine, "return 1", 8, "{\"timeout_ms\":60000}", LUAWAIT_NUL_TERMINATED, &eval, &error),
                 LUAWAIT_ERR_EXECUTOR);
    CHECK_CONTAINS(error.message, "-7");
    CHECK_INT(eval, 99);
    CHECK_INT(stat_of(engine, "evals", "started"), 0);
    CHECK_INT(stat_of(engine, "evals", "queued"), 0);
    CHECK_INT(stat_of(engine, NULL, "timers"), 0);
    pool_refuse(pool, 0);
    eval = start(engine, "return 1");
    pool_run_all(pool);
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK_NO_EVENT(engine);
    luawait_engine_free(engine);
    pool_free(pool);
}

static void what_was_refused_is_tried_again(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, "");
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    pool_run_all(pool);
    request taken = wait_for_request(engine);
    pool_refuse(pool, 1);
    answer(engine, taken.id, "5");
    request_free(&taken);
    // The answer was accepted, the pool asked in vain, and asked again by nobody but the engine.
    int64_t begun = monotonic_ms();
    while (pool_count(pool, &pool->refused) < 3 && !is_hanging(begun))
        sched_yield();
    CHECK(pool_count(pool, &pool->refused) >= 3);
    pool_refuse(pool, 0);
    begun = monotonic_ms();
    while (!pool_step(pool) && !is_hanging(begun))
        sched_yield();
    CHECK_VALUE(finish(engine, eval), "5");
    luawait_engine_free(engine);
    pool_free(pool);
}

static void a_refused_eval_can_be_cancelled(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, "");
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    pool_run_all(pool);
    request taken = wait_for_request(engine);
    pool_refuse(pool, 1);
    answer(engine, taken.id, "5");
    request_free(&taken);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
    pool_free(pool);
}

static void without_a_pool_nothing_starts(void) {
    luawait_engine *engine = engine_with("{\"executor\":\"custom\"}");
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval;
    CHECK_STATUS(luawait_start(engine, "return 1", 8, NULL, 0, &eval, &error), LUAWAIT_ERR_EXECUTOR);
    CHECK_CONTAINS(error.message, "luawait_set_executor");
    luawait_engine_free(engine);
}

static void luawait_eval_needs_no_pool(void) {
    luawait_engine *engine = engine_with("{\"executor\":\"custom\"}");
    int32_t state = 0;
    char *outcome = NULL;
    REQUIRE_OK(luawait_eval(engine, "return 6 * 7", 12, NULL, 0, &state, &outcome, NULL, NULL));
    CHECK_JSON(outcome, "42");
    luawait_free(outcome);
    luawait_engine_free(engine);
}

static void what_waits_without_a_pool_goes_on_with_the_next(void) {
    pool *first = pool_new(0), *second = pool_new(0);
    luawait_engine *engine = pool_engine(first, "");
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    pool_run_all(first);
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_set_executor(engine, NULL, NULL));
    CHECK_INT(first->drops, 1);
    answer(engine, taken.id, "3");
    request_free(&taken);
    CHECK_INT(pool_waiting(first), 0);
    luawait_executor executor = executor_of(second);
    REQUIRE_OK(luawait_set_executor(engine, &executor, NULL));
    CHECK_INT(pool_waiting(second), 1);
    pool_run_all(second);
    CHECK_VALUE(finish(engine, eval), "3");
    luawait_engine_free(engine);
    CHECK_INT(second->drops, 1);
    pool_free(first);
    pool_free(second);
}

static void a_task_run_twice_or_late_does_nothing(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, ",\"workers\":2");
    uint64_t eval = start(engine, "return 1");
    start(engine, "return 2");
    pool_task early = pool->tasks[pool->first], late = pool->tasks[pool->first + 1];
    early.run(early.task);
    early.run(early.task);
    early.run(NULL);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
    CHECK_INT(pool->drops, 1);
    late.run(late.task);
    pool_free(pool);
}

/* One task may end before the script is where the test wants it: its slice is over. */
static void *run_all_tasks(void *pool) {
    pool_run_all(pool);
    return NULL;
}

static void engine_free_waits_for_the_tasks_that_are_running(void) {
    pool *pool = pool_new(0);
    luawait_engine *engine = pool_engine(pool, "");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    start(engine, "hold() while true do pcall(function() while true do end end) end");
    pthread_t inside = run_thread(run_all_tasks, pool);
    gate_wait(&held.entered, 1);
    gate_open(&held.leave);
    luawait_engine_free(engine);
    CHECK_INT(pool->drops, 1);
    pthread_join(inside, NULL);
    pool_free(pool);
}

static void threads_of_a_pool_run_many_evals_at_once(void) {
    enum { EVALS = 400 };
    size_t count = harness_scale(EVALS, 60);
    pool *pool = pool_new(4);
    luawait_engine *engine = pool_engine(pool, ",\"workers\":4");
    declare(engine, "f");
    size_t ended = 0;
    for (size_t i = 0; i < count; i++)
        start(engine, "local sum = 0 for i = 1, 5 do sum = sum + f(i) end return sum");
    while (ended < count) {
        luawait_event event = wait_for_event(engine);
        if (event.kind == LUAWAIT_EVENT_REQUEST) {
            REQUIRE_OK(luawait_provide_result(engine, event.request_id, "2", 1, NULL));
        } else {
            CHECK_INT(event.state, LUAWAIT_SUCCEEDED);
            CHECK_TEXT(event.text, "10");
            ended++;
        }
        release_event(&event);
    }
    luawait_engine_free(engine);
    pool_free(pool);
}

static void a_shut_down_engine_lets_the_pool_finish(void) {
    pool *pool = pool_new(2);
    luawait_engine *engine = pool_engine(pool, "");
    uint64_t eval = start(engine, "local s = 0 for i = 1, 100000 do s = s + i end return s");
    uint64_t endless = start(engine, "while true do end");
    CHECK_STATUS(luawait_shutdown(engine, 200), LUAWAIT_OK);
    CHECK_VALUE(finish(engine, eval), "5000050000");
    CHECK_CANCELLED(finish(engine, endless));
    luawait_engine_free(engine);
    pool_free(pool);
}

static void bad_arguments_are_refused_and_drop_nothing(void) {
    pool *pool = pool_new(0);
    luawait_executor good = executor_of(pool), bad = good;
    luawait_engine *engine = engine_with("{\"executor\":\"custom\"}"), *other = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    int32_t more;
    CHECK_STATUS(luawait_set_executor(NULL, &good, &error), LUAWAIT_ERR_ARGUMENT);
    bad.struct_size = 8;
    CHECK_STATUS(luawait_set_executor(engine, &bad, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_CONTAINS(error.message, "struct_size");
    bad = good;
    bad.submit = NULL;
    CHECK_STATUS(luawait_set_executor(engine, &bad, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_CONTAINS(error.message, "submit");
    CHECK_STATUS(luawait_set_executor(other, &good, &error), LUAWAIT_ERR_EXECUTOR);
    CHECK_CONTAINS(error.message, "threads");
    CHECK_STATUS(luawait_run(engine, 100, &more), LUAWAIT_ERR_EXECUTOR);
    luawait_engine_free(engine);
    luawait_engine_free(other);
    CHECK_INT(pool->drops, 0);
    pool_free(pool);
}

static void do_nothing(void *user_data, luawait_call *call) {
    (void)user_data;
    (void)call;
}

/* The pool's threads are in the middle of their tasks, and none of them may be the one that lets go of the engine. */
static void finalizers_have_run_when_engine_free_returns(void) {
    pool *pool = pool_new(3);
    for (size_t i = 0; i < harness_scale(500, 20); i++) {
        gate dropped = GATE;
        luawait_engine *engine = pool_engine(pool, ",\"cpu_ms\":0");
        REQUIRE_OK(luawait_register_callback(engine, "g", 1, NULL, 0, do_nothing, &dropped, open_gate, NULL));
        start(engine, "g()");
        start(engine, "g() while true do end");
        luawait_engine_free(engine);
        CHECK_INT(gate_count(&dropped), 1);
    }
    pool_free(pool);
}

TESTS(TEST(scripts_run_when_the_pool_runs_their_tasks), TEST(a_parked_script_holds_no_task),
      TEST(at_most_workers_tasks_are_given_at_once), TEST(an_endless_loop_gives_the_thread_back_after_a_slice),
      TEST(a_start_that_the_pool_refuses_fails_and_leaves_nothing), TEST(what_was_refused_is_tried_again),
      TEST(a_refused_eval_can_be_cancelled), TEST(without_a_pool_nothing_starts),
      TEST(what_waits_without_a_pool_goes_on_with_the_next), TEST(a_task_run_twice_or_late_does_nothing),
      TEST(engine_free_waits_for_the_tasks_that_are_running), TEST(threads_of_a_pool_run_many_evals_at_once),
      TEST(a_shut_down_engine_lets_the_pool_finish), TEST(bad_arguments_are_refused_and_drop_nothing),
      TEST(luawait_eval_needs_no_pool), TEST(finalizers_have_run_when_engine_free_returns))
