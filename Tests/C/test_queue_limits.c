/* max_evals, max_queued, max_unread, max_requests: just under, at and over, and again after some of it is gone. */
#include "events.h"

/* Starting is refused, the message names the key, and nothing has been started. */
#define CHECK_REFUSED(engine, key) check_refused(HERE, (engine), (key))

static void check_refused(harness_place at, luawait_engine *engine, const char *key) {
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 77;
    int32_t state = 77;
    long started = stat_of(engine, "evals", "started");
    harness_check_status(at, luawait_start(engine, "return 1", 8, NULL, 0, &eval, &error), LUAWAIT_ERR_LIMIT, "start");
    harness_check_contains(at, error.message, key, "message");
    harness_check_int(at, error.status, LUAWAIT_ERR_LIMIT, "error.status");
    harness_check_int(at, (int64_t)eval, 77, "eval_id");
    harness_check_status(at, luawait_eval(engine, "return 1", 8, NULL, 0, &state, NULL, NULL, &error),
                         LUAWAIT_ERR_LIMIT, "eval");
    harness_check_int(at, state, 77, "state");
    harness_check_int(at, stat_of(engine, "evals", "started"), started, "evals.started");
}

static void evals_in_progress_are_limited(void) {
    luawait_engine *engine = engine_with("{\"max_evals\":3}");
    declare(engine, "f");
    uint64_t evals[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            evals[i] = start(engine, "return f()");
        }
        wait_for_stat(engine, "requests", "pending", 3);
        CHECK_REFUSED(engine, "max_evals");
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "1");
        request_free(&taken);
        wait_for_stat(engine, "evals", "finished_unread", 1);
        /* An ended one does not count, taken or not. */
        CHECK_VALUE(finish(engine, start(engine, "return 2")), "2");
        uint64_t again = start(engine, "return f()");
        CHECK_REFUSED(engine, "max_evals");
        REQUIRE_OK(luawait_cancel(engine, again));
        CHECK_CANCELLED(finish(engine, again));
        for (int i = 0; i < 3; i++) {
            outcome ended = {0};
            REQUIRE_OK(luawait_cancel(engine, evals[i]));
            ended = finish(engine, evals[i]);
            outcome_free(&ended);
        }
    }
    luawait_engine_free(engine);
}

static void detached_evals_are_evals_in_progress(void) {
    luawait_engine *engine = engine_with("{\"max_evals\":1}");
    declare(engine, "f");
    start_with(engine, "f()", "{\"detached\":true}");
    request taken = wait_for_request(engine);
    CHECK_REFUSED(engine, "max_evals");
    answer(engine, taken.id, "1");
    wait_for_stat(engine, "evals", "succeeded", 1);
    CHECK_VALUE(finish(engine, start(engine, "return 1")), "1");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void queued_evals_are_limited(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"max_queued\":3}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t evals[4], holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    for (int i = 0; i < 3; i++) {
        evals[i] = start(engine, "return 1");
    }
    CHECK_REFUSED(engine, "max_queued");
    /* One that is cancelled waits no more. */
    REQUIRE_OK(luawait_cancel(engine, evals[1]));
    CHECK_CANCELLED(finish(engine, evals[1]));
    evals[3] = start(engine, "return 1");
    CHECK_REFUSED(engine, "max_queued");
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, holding), "null");
    CHECK_VALUE(finish(engine, evals[0]), "1");
    CHECK_VALUE(finish(engine, evals[2]), "1");
    CHECK_VALUE(finish(engine, evals[3]), "1");
    for (int i = 0; i < 10; i++) {
        CHECK_VALUE(finish(engine, start(engine, "return 1")), "1");
    }
    luawait_engine_free(engine);
}

/* Cancelling the whole queue, taking the outcomes, and filling it again: the count neither sticks nor goes below zero. */
static void a_cancelled_queue_is_empty(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"max_queued\":5");
        for (int round = 0; round < 4; round++) {
            uint64_t evals[5];
            for (int i = 0; i < 5; i++) {
                evals[i] = start(engine, "return 1");
            }
            CHECK_REFUSED(engine, "max_queued");
            for (int i = 0; i < 5; i++) {
                REQUIRE_OK(luawait_cancel(engine, evals[i]));
                if (i % 2 == 0) CHECK_CANCELLED(finish(engine, evals[i]));
            }
            if (round % 2 == 1) run_until_idle(engine);
        }
        luawait_engine_free(engine);
    }
}

/* They are as many as evals and requests, which have limits of their own. */
static void events_nobody_takes_refuse_no_start(void) {
    luawait_engine *engine = engine_with("{\"print\":\"event\",\"max_unread\":1}");
    declare(engine, "f");
    luawait_event events[12];
    for (long i = 0; i < 5; i++) {
        start(engine, "f()");
        wait_for_stat(engine, "requests", "pending", i + 1);
        start(engine, "return 2");
        wait_for_stat(engine, "evals", "finished_unread", i + 1);
    }
    start(engine, "print('room')");
    wait_for_stat(engine, "evals", "finished_unread", 6);
    REQUIRE(take_events(engine, events, 12) == 12);
    CHECK_INT(events[10].kind, LUAWAIT_EVENT_OUTPUT);
    CHECK_INT(events[11].state, LUAWAIT_SUCCEEDED);
    luawait_release_events(events, 12);
    luawait_engine_free(engine);
}

/* Nobody reads what this prints: by default, too, it comes to an end before the host's memory does. */
static void a_printing_loop_ends_at_a_hundred_thousand_lines(void) {
    luawait_engine *engine = engine_with("{\"print\":\"event\",\"cpu_ms\":0}");
    const char *script = "local n = 0 while pcall(print, n) do n = n + 1 end return n";
    outcome ended = finish(engine, start(engine, script));
    CHECK_VALUE(ended, "100000");
    // Long lines sooner.
    luawait_event event;
    while (take_events(engine, &event, 1) == 1)
        luawait_release_events(&event, 1);
    ended = finish(engine, start(engine, "local s, n = ('x'):rep(1 << 20), 0 "
                                         "while pcall(print, s) do n = n + 1 end return n"));
    CHECK_VALUE(ended, "98");
    luawait_engine_free(engine);
}

static const char *const print_much =
    "local n = 0 for i = 1, 10 do local ok, e = pcall(print, i) if not ok then "
    "return {n, e.type, tostring(e):find('max_unread', 1, true) ~= nil} end n = n + 1 end return {n}";

static void printing_beyond_the_limit_is_an_error_in_the_script(void) {
    luawait_engine *engine = engine_with("{\"print\":\"event\",\"max_unread\":4}");
    luawait_event events[8];
    uint64_t eval = start(engine, print_much);
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE(take_events(engine, events, 8) == 5);
    CHECK_INT(events[4].eval_id, eval);
    CHECK_JSON(events[4].text, "[4,\"limit\",true]");
    CHECK_TEXT(events[3].text, "4");
    luawait_release_events(events, 5);
    eval = start(engine, "for i = 1, 10 do print(i) end");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE(take_events(engine, events, 8) == 5);
    CHECK_INT(events[4].state, LUAWAIT_FAILED);
    CHECK_MEMBER(events[4].text, "type", "\"limit\"");
    CHECK_MEMBER_CONTAINS(events[4].text, "message", "max_unread");
    luawait_release_events(events, 5);
    luawait_engine_free(engine);
}

/* That there are scripts to run is no event. */
static void with_executor_host_ready_work_is_not_unread(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"print\":\"event\",\"max_unread\":4");
        luawait_event events[8];
        for (int i = 0; i < 6; i++) {
            start_with(engine, i == 0 ? "for i = 1, 4 do print(i) end" : "return", "{\"detached\":true}");
        }
        run_until_idle(engine);
        REQUIRE(take_events(engine, events, 8) == 4);
        luawait_release_events(events, 4);
        uint64_t eval = start(engine, print_much);
        run_until_idle(engine);
        REQUIRE(take_events(engine, events, 8) == 5);
        CHECK_INT(events[4].eval_id, eval);
        CHECK_JSON(events[4].text, "[4,\"limit\",true]");
        luawait_release_events(events, 5);
        luawait_engine_free(engine);
    }
}

static void open_requests_are_limited(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"max_requests\":2}");
    declare(engine, "f");
    uint64_t evals[2] = {start(engine, "return f(1)"), start(engine, "return f(2)")};
    wait_for_stat(engine, "requests", "open", 2);
    uint64_t first_request = 0;
    const char *catching = "local ok, e = pcall(f) return ok, e.type, tostring(e)";
    for (int taken_first = 0; taken_first < 2; taken_first++) {
        uint64_t eval = start(engine, catching);
        outcome ended = finish(engine, eval);
        CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
        CHECK_CONTAINS(ended.json, "[false,\"limit\",\"f: 2 requests wait");
        CHECK_CONTAINS(ended.json, "max_requests");
        outcome_free(&ended);
        ended = finish(engine, start(engine, "f()"));
        CHECK_MEMBER_CONTAINS(ended.json, "message", "max_requests");
        CHECK_ERROR(ended, "limit", "max_requests");
        /* Requests count until they are answered, not until they are taken. */
        if (taken_first == 0) {
            luawait_event events[2];
            REQUIRE(take_events(engine, events, 2) == 2);
            CHECK_INT(events[0].eval_id, evals[0]);
            first_request = events[0].request_id;
            luawait_release_events(events, 2);
        }
    }
    CHECK_INT(stat_of(engine, "requests", "posted"), 2);
    /* Answered or withdrawn, there is room again. */
    answer(engine, first_request, "\"a\"");
    CHECK_VALUE(finish(engine, evals[0]), "\"a\"");
    CHECK_VALUE(serve_echo(engine, start(engine, "return f(3)")), "3");
    REQUIRE_OK(luawait_cancel(engine, evals[1]));
    CHECK_CANCELLED(finish(engine, evals[1]));
    uint64_t pair[2] = {start(engine, "return f(4)"), start(engine, "return f(5)")};
    wait_for_stat(engine, "requests", "open", 2);
    CHECK_VALUE(serve_echo(engine, pair[0]), "4");
    CHECK_VALUE(serve_echo(engine, pair[1]), "5");
    luawait_engine_free(engine);
}

static void a_refused_call_leaves_the_script_whole(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"max_requests\":1}");
    declare(engine, "f");
    uint64_t first = start(engine, "return f('kept')");
    wait_for_stat(engine, "requests", "open", 1);
    /* Caught in a coroutine, in a loop, and then answered like any other. */
    uint64_t second = start(engine, "local refused = 0 "
                                    "local call = coroutine.wrap(function() while true do "
                                    "local ok, value = pcall(f, 'late') if ok then return value end "
                                    "assert(value.type == 'limit' and value['function'] == 'f') "
                                    "refused = refused + 1 if refused == 1000 then coroutine.yield('full') end "
                                    "end end) "
                                    "local s = call() return {s, refused}");
    CHECK_VALUE(finish(engine, second), "[\"full\",1000]");
    CHECK_VALUE(serve_echo(engine, first), "\"kept\"");
    luawait_engine_free(engine);
}

static void zero_is_no_limit(void) {
    luawait_engine *engine = engine_with(
        "{\"workers\":1,\"print\":\"event\",\"max_evals\":0,\"max_queued\":0,\"max_unread\":0,\"max_requests\":0}");
    declare(engine, "f");
    for (int i = 0; i < 200; i++) {
        start(engine, "print('x') f()");
    }
    wait_for_stat(engine, "requests", "pending", 200);
    luawait_event events[400];
    CHECK_INT(take_events(engine, events, 400), 400);
    luawait_release_events(events, 400);
    luawait_engine_free(engine);
}

static void unusable_limits_are_refused(void) {
    const char *keys[] = {"max_evals", "max_queued", "max_unread", "max_requests"};
    const char *values[] = {"-1", "1.5", "\"1\"", "null", "true"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            luawait_error error = {.struct_size = sizeof error};
            luawait_engine *engine = NULL;
            char *config = text_format("{\"%s\":%s}", keys[i], values[j]);
            CHECK_STATUS(luawait_engine_new(config, strlen(config), &engine, &error), LUAWAIT_ERR_OPTION);
            CHECK_CONTAINS(error.message, keys[i]);
            luawait_engine_free(engine);
            free(config);
        }
    }
}

TESTS(TEST(evals_in_progress_are_limited), TEST(detached_evals_are_evals_in_progress), TEST(queued_evals_are_limited),
      TEST(a_cancelled_queue_is_empty), TEST(events_nobody_takes_refuse_no_start),
      TEST(a_printing_loop_ends_at_a_hundred_thousand_lines), TEST(printing_beyond_the_limit_is_an_error_in_the_script),
      TEST(with_executor_host_ready_work_is_not_unread), TEST(open_requests_are_limited),
      TEST(a_refused_call_leaves_the_script_whole), TEST(zero_is_no_limit), TEST(unusable_limits_are_refused))
