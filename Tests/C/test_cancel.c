/* luawait_cancel(): queued, parked, running, in a callback, ended; and its races with answers, in both orders. */
#include "host.h"

static outcome poll_now(luawait_engine *engine, uint64_t eval) {
    outcome seen = {.state = -1};
    REQUIRE_OK(luawait_poll(engine, eval, &seen.state, &seen.json, &seen.length));
    return seen;
}

static void a_queued_eval_has_ended_when_cancel_returns(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    uint64_t queued = start(engine, "return 1");
    CHECK_STATUS(luawait_cancel(engine, queued), LUAWAIT_OK);
    CHECK_CANCELLED(poll_now(engine, queued));
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, holding), "null");
    EXPECT_VALUE(engine, "return 'still works'", "\"still works\"");
    luawait_engine_free(engine);
}

static void a_parked_eval_has_ended_when_cancel_returns(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_CANCELLED(poll_now(engine, eval));
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_pending_request_is_withdrawn(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    request none;
    uint64_t eval = start(engine, "return f()");
    wait_for_stat(engine, "requests", "pending", 1);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK(!take_request(engine, &none));
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 1);
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
}

/* Of several pending requests only the cancelled eval's goes; the others keep their order. */
static void the_requests_of_others_stay(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t evals[3];
    for (int i = 0; i < 3; i++) {
        evals[i] = start(engine, "return f()");
        wait_for_stat(engine, "requests", "pending", i + 1);
    }
    CHECK_STATUS(luawait_cancel(engine, evals[1]), LUAWAIT_OK);
    for (int i = 0; i < 3; i += 2) {
        request taken;
        REQUIRE(take_request(engine, &taken));
        CHECK_INT(taken.eval_id, evals[i]);
        answer(engine, taken.id, "true");
        CHECK_VALUE(finish(engine, evals[i]), "true");
        request_free(&taken);
    }
    request none;
    CHECK(!take_request(engine, &none));
    luawait_engine_free(engine);
}

static void a_running_eval_ends(void) {
    luawait_engine *engine = engine_with(NULL);
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    gate_open(&held.leave);
    uint64_t eval = start(engine, "hold() while true do end");
    gate_wait(&held.entered, 1);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
}

static void an_eval_in_a_callback_ends_when_it_returns(void) {
    luawait_engine *engine = engine_with(NULL);
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t eval = start(engine, "hold() return 'went on'");
    gate_wait(&held.entered, 1);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    gate_open(&held.leave);
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
}

static void cancel_at_any_moment_wins(void) {
    luawait_engine *engine = engine_with("{\"workers\":2}");
    for (size_t i = 0; i < harness_scale(2000, 50); i++) {
        uint64_t eval = start(engine, "while true do end");
        CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
        CHECK_CANCELLED(finish(engine, eval));
    }
    luawait_engine_free(engine);
}

/* The eval may or may not have ended when the cancel comes; either way there is one outcome, of one of two kinds. */
static void cancel_against_the_end_gives_one_outcome(void) {
    luawait_engine *engine = engine_with("{\"workers\":2}");
    size_t rounds = harness_scale(2000, 50);
    for (size_t i = 0; i < rounds; i++) {
        uint64_t eval = start(engine, i % 2 == 0 ? "return 1" : "for i = 1, 1000 do end return 1");
        CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
        outcome ended = finish(engine, eval);
        if (ended.state == LUAWAIT_SUCCEEDED) {
            CHECK_VALUE(ended, "1");
        } else {
            CHECK_CANCELLED(ended);
        }
        CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_ERR_NOT_FOUND);
    }
    CHECK_INT(stat_of(engine, "evals", "succeeded") + stat_of(engine, "evals", "cancelled"), rounds);
    luawait_engine_free(engine);
}

static void cancelling_again_changes_nothing(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_CANCELLED(finish(engine, eval));
    CHECK_INT(stat_of(engine, "evals", "cancelled"), 1);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void cancelling_an_ended_eval_keeps_its_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t good = start(engine, "return 'done'"), bad = start(engine, "error('broken')");
    wait_for_stat(engine, "evals", "finished_unread", 2);
    CHECK_STATUS(luawait_cancel(engine, good), LUAWAIT_OK);
    CHECK_STATUS(luawait_cancel(engine, bad), LUAWAIT_OK);
    CHECK_VALUE(finish(engine, good), "\"done\"");
    CHECK_ERROR(finish(engine, bad), "runtime", "broken");
    luawait_engine_free(engine);
}

static void an_eval_whose_outcome_is_taken_is_not_found(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_cancel(engine, 0), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_cancel(engine, eval + 1), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_cancel(engine, UINT64_MAX), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

static void no_handler_of_the_script_sees_a_cancel(void) {
    const char *scripts[] = {
        "pcall(f) return 'caught'",
        "xpcall(f, function(e) return e end) return 'caught'",
        "while true do pcall(f) end",
        "coroutine.wrap(function() pcall(f) end)() return 'caught'",
        "local co = coroutine.create(f) coroutine.resume(co) return 'caught'",
        "local x <close> = setmetatable({}, {__close = function() while true do end end}) f() return 'caught'",
        "local x <close> = setmetatable({}, {__close = function() f() end}) f() return 'caught'",
        "pcall(pcall, pcall, f) return 'caught'"};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        uint64_t eval = start(engine, scripts[i]);
        request taken = wait_for_request(engine), none;
        CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
        CHECK_CANCELLED(finish(engine, eval));
        CHECK(!take_request(engine, &none));
        request_free(&taken);
    }
    CHECK_INT(stat_of(engine, "requests", "posted"), sizeof scripts / sizeof *scripts);
    luawait_engine_free(engine);
}

/* The answer is accepted, so the request is gone; what the script does after it no longer matters. */
static void cancel_after_an_answer_still_cancels(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "f() while true do end");
    request taken = wait_for_request(engine);
    answer(engine, taken.id, "1");
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_CANCELLED(finish(engine, eval));
    request_free(&taken);
    luawait_engine_free(engine);
}

typedef struct race {
    luawait_engine *engine;
    uint64_t eval;
    uint64_t request;
    luawait_status cancelled;
    luawait_status answered;
} race;

static void *cancel_in_thread(void *argument) {
    race *r = argument;
    r->cancelled = luawait_cancel(r->engine, r->eval);
    return NULL;
}

static void *answer_in_thread(void *argument) {
    race *r = argument;
    r->answered = luawait_provide_result(r->engine, r->request, "true", 4, NULL);
    return NULL;
}

static void cancel_against_an_answer_gives_one_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < harness_scale(500, 20); i++) {
        race r = {engine, start(engine, "return f()"), 0, -99, -99};
        request taken = wait_for_request(engine);
        r.request = taken.id;
        pthread_t one = run_thread(i % 2 == 0 ? cancel_in_thread : answer_in_thread, &r);
        pthread_t two = run_thread(i % 2 == 0 ? answer_in_thread : cancel_in_thread, &r);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
        CHECK_STATUS(r.cancelled, LUAWAIT_OK);
        CHECK(r.answered == LUAWAIT_OK || r.answered == LUAWAIT_ERR_NOT_FOUND);
        outcome ended = finish(engine, r.eval);
        if (ended.state == LUAWAIT_SUCCEEDED) {
            CHECK_STATUS(r.answered, LUAWAIT_OK);
            CHECK_VALUE(ended, "true");
        } else {
            CHECK_CANCELLED(ended);
        }
        request_free(&taken);
    }
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    luawait_engine_free(engine);
}

static void a_detached_eval_can_be_cancelled(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = 0;
    REQUIRE_OK(luawait_start(engine, "f()", 3, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, &eval, NULL));
    request taken = wait_for_request(engine);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_INT(stat_of(engine, "evals", "cancelled"), 1);
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    luawait_engine_free(engine);
}

TESTS(TEST(a_queued_eval_has_ended_when_cancel_returns), TEST(a_parked_eval_has_ended_when_cancel_returns),
      TEST(a_pending_request_is_withdrawn), TEST(the_requests_of_others_stay), TEST(a_running_eval_ends),
      TEST(an_eval_in_a_callback_ends_when_it_returns), TEST(cancel_at_any_moment_wins),
      TEST(cancel_against_the_end_gives_one_outcome), TEST(cancelling_again_changes_nothing),
      TEST(cancelling_an_ended_eval_keeps_its_outcome), TEST(an_eval_whose_outcome_is_taken_is_not_found),
      TEST(no_handler_of_the_script_sees_a_cancel), TEST(cancel_after_an_answer_still_cancels),
      TEST(cancel_against_an_answer_gives_one_outcome), TEST(a_detached_eval_can_be_cancelled))
