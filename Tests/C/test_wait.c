/* luawait_wait(): woken by the end, back at the timeout, one winner among several. */
#include "host.h"

typedef struct waiting {
    luawait_engine *engine;
    uint64_t eval;
    int64_t timeout_ms;
    gate *begun;
    luawait_status status;
    outcome ended;
} waiting;

static void *wait_in_thread(void *argument) {
    waiting *w = argument;
    gate_open(w->begun);
    w->status = luawait_wait(w->engine, w->eval, w->timeout_ms, &w->ended.state, &w->ended.json, &w->ended.length);
    return NULL;
}

static void waiting_gives_the_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(finish(engine, start(engine, "return {a = 1}")), "{\"a\":1}");
    CHECK_ERROR(finish(engine, start(engine, "error('no')")), "runtime", "no");
    luawait_engine_free(engine);
}

static void zero_does_not_block(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    outcome seen = {.state = -1, .json = (char *)"left over"};
    CHECK_STATUS(luawait_wait(engine, eval, 0, &seen.state, &seen.json, &seen.length), LUAWAIT_OK);
    CHECK_INT(seen.state, LUAWAIT_IN_PROGRESS);
    CHECK(seen.json == NULL);
    request taken = wait_for_request(engine);
    answer(engine, taken.id, "1");
    request_free(&taken);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void at_the_timeout_the_eval_is_still_in_progress(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    outcome seen = {.state = -1, .json = (char *)"left over"};
    CHECK_STATUS(luawait_wait(engine, eval, 20, &seen.state, &seen.json, &seen.length), LUAWAIT_OK);
    CHECK_INT(seen.state, LUAWAIT_IN_PROGRESS);
    CHECK(seen.json == NULL);
    request taken = wait_for_request(engine);
    answer(engine, taken.id, "\"after\"");
    request_free(&taken);
    CHECK_VALUE(finish(engine, eval), "\"after\"");
    luawait_engine_free(engine);
}

static void an_ended_eval_needs_no_waiting(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    outcome seen = {0};
    CHECK_STATUS(luawait_wait(engine, eval, 0, &seen.state, &seen.json, &seen.length), LUAWAIT_OK);
    CHECK_VALUE(seen, "1");
    CHECK_STATUS(luawait_wait(engine, eval, -1, &seen.state, &seen.json, &seen.length), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

/* Limits far beyond any clock must neither overflow into "now" nor be refused. */
static void the_longest_timeouts_wait(void) {
    const int64_t timeouts[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 1000};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        gate begun = GATE;
        waiting w = {engine, start(engine, "return f()"), timeouts[i], &begun, -99, {0}};
        request taken = wait_for_request(engine);
        pthread_t thread = run_thread(wait_in_thread, &w);
        gate_wait(&begun, 1);
        answer(engine, taken.id, "true");
        request_free(&taken);
        pthread_join(thread, NULL);
        CHECK_STATUS(w.status, LUAWAIT_OK);
        CHECK_VALUE(w.ended, "true");
    }
    luawait_engine_free(engine);
}

static void a_cancel_wakes_the_waiter(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    gate begun = GATE;
    waiting w = {engine, start(engine, "return f()"), -1, &begun, -99, {0}};
    request taken = wait_for_request(engine);
    pthread_t thread = run_thread(wait_in_thread, &w);
    gate_wait(&begun, 1);
    CHECK_STATUS(luawait_cancel(engine, w.eval), LUAWAIT_OK);
    pthread_join(thread, NULL);
    CHECK_STATUS(w.status, LUAWAIT_OK);
    CHECK_CANCELLED(w.ended);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void of_several_waiters_one_gets_the_outcome(void) {
    enum { WAITERS = 6 };
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    gate begun = GATE;
    waiting waiters[WAITERS];
    pthread_t threads[WAITERS];
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (waiting){engine, eval, -1, &begun, -99, {0}};
        threads[i] = run_thread(wait_in_thread, &waiters[i]);
    }
    gate_wait(&begun, WAITERS);
    answer(engine, taken.id, "\"won\"");
    int winners = 0;
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
        if (waiters[i].status == LUAWAIT_OK) {
            winners++;
            CHECK_VALUE(waiters[i].ended, "\"won\"");
        } else {
            CHECK_STATUS(waiters[i].status, LUAWAIT_ERR_NOT_FOUND);
        }
    }
    CHECK_INT(winners, 1);
    request_free(&taken);
    luawait_engine_free(engine);
}

/* A waiter whose outcome somebody else polls away must not wait for ever. */
static void a_poll_that_takes_the_outcome_releases_the_waiter(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    gate begun = GATE;
    waiting w = {engine, start(engine, "return f()"), -1, &begun, -99, {0}};
    request taken = wait_for_request(engine);
    pthread_t thread = run_thread(wait_in_thread, &w);
    gate_wait(&begun, 1);
    answer(engine, taken.id, "1");
    request_free(&taken);
    outcome seen = {0};
    luawait_status status = LUAWAIT_OK;
    while (status == LUAWAIT_OK && seen.state == LUAWAIT_IN_PROGRESS) {
        status = luawait_poll(engine, w.eval, &seen.state, &seen.json, &seen.length);
    }
    pthread_join(thread, NULL);
    CHECK((status == LUAWAIT_OK) != (w.status == LUAWAIT_OK));
    CHECK(status == LUAWAIT_OK || status == LUAWAIT_ERR_NOT_FOUND);
    CHECK(w.status == LUAWAIT_OK || w.status == LUAWAIT_ERR_NOT_FOUND);
    outcome_free(&seen);
    outcome_free(&w.ended);
    luawait_engine_free(engine);
}

static void the_outcome_may_be_dropped(void) {
    luawait_engine *engine = engine_with(NULL);
    int32_t state = -1;
    uint64_t eval = start(engine, "return 1");
    CHECK_STATUS(luawait_wait(engine, eval, HANG_GUARD_MS, &state, NULL, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_STATUS(luawait_wait(engine, eval, 0, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

static void unknown_ids_are_not_found_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    int32_t state = -1;
    CHECK_STATUS(luawait_wait(engine, 0, -1, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_wait(engine, 1234567, -1, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_wait(engine, UINT64_MAX, -1, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_INT(state, -1);
    luawait_engine_free(engine);
}

TESTS(TEST(waiting_gives_the_outcome), TEST(zero_does_not_block), TEST(at_the_timeout_the_eval_is_still_in_progress),
      TEST(an_ended_eval_needs_no_waiting), TEST(the_longest_timeouts_wait), TEST(a_cancel_wakes_the_waiter),
      TEST(of_several_waiters_one_gets_the_outcome), TEST(a_poll_that_takes_the_outcome_releases_the_waiter),
      TEST(the_outcome_may_be_dropped), TEST(unknown_ids_are_not_found_at_once))
