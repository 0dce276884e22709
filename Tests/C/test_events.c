/* luawait_next_events(): one order for everything, and each thing once. */
#include "events.h"
#include <stdatomic.h>

#define EVENT_CONFIG "{\"workers\":1,\"print\":\"event\"}"

static void kinds_come_in_one_order(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t first = start(engine, "print('a') f(1, 'x') print('b')");
    wait_for_stat(engine, "requests", "pending", 1);
    uint64_t second = start(engine, "print('c') return {7}");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    uint64_t third = start(engine, "error('no')");
    wait_for_stat(engine, "evals", "finished_unread", 2);
    luawait_event events[8];
    REQUIRE(take_events(engine, events, 8) == 5);
    const int32_t kinds[] = {LUAWAIT_EVENT_OUTPUT, LUAWAIT_EVENT_REQUEST, LUAWAIT_EVENT_OUTPUT, LUAWAIT_EVENT_FINISHED,
                             LUAWAIT_EVENT_FINISHED};
    const uint64_t evals[] = {first, first, second, second, third};
    for (int i = 0; i < 5; i++) {
        CHECK_INT(events[i].kind, kinds[i]);
        CHECK_INT(events[i].eval_id, evals[i]);
        CHECK_INT(events[i].struct_size, sizeof(luawait_event));
        CHECK_INT(strlen(events[i].text), events[i].text_length);
        CHECK((events[i].request_id != 0) == (i == 1));
        CHECK((events[i].name != NULL) == (i == 1));
    }
    CHECK_TEXT(events[0].text, "a");
    CHECK_TEXT(events[1].name, "f");
    CHECK_INT(events[1].name_length, 1);
    CHECK_JSON(events[1].text, "[1,\"x\"]");
    CHECK_TEXT(events[2].text, "c");
    CHECK_INT(events[1].state, 0);
    CHECK_INT(events[3].state, LUAWAIT_SUCCEEDED);
    CHECK_JSON(events[3].text, "[7]");
    CHECK_INT(events[4].state, LUAWAIT_FAILED);
    CHECK_MEMBER(events[4].text, "type", "\"runtime\"");
    luawait_release_events(events, 5);
    CHECK_NO_EVENT(engine);
    luawait_engine_free(engine);
}

static void batches_of_any_size_hand_out_everything_once(void) {
    enum { EVALS = 30 };
    const size_t capacities[] = {1, 7, EVALS, EVALS + 20};
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        size_t taken = 0, count, capacity = capacities[i];
        /* In any order: one whose slice ends goes behind the others. */
        int seen[EVALS] = {0};
        uint64_t first = start(engine, "return ...");
        for (int j = 1; j < EVALS; j++) {
            start(engine, "return ...");
        }
        wait_for_stat(engine, "evals", "finished_unread", EVALS);
        luawait_event events[EVALS + 20];
        while ((count = take_events(engine, events, capacity)) > 0) {
            CHECK_INT(count, capacity < EVALS - taken ? capacity : EVALS - taken);
            for (size_t j = 0; j < count; j++) {
                REQUIRE(events[j].eval_id >= first && events[j].eval_id - first < EVALS);
                seen[events[j].eval_id - first]++;
            }
            taken += count;
            luawait_release_events(events, count);
        }
        for (int j = 0; j < EVALS; j++) {
            CHECK_INT(seen[j], 1);
        }
    }
    luawait_engine_free(engine);
}

static void a_request_is_handed_out_once_by_either_call(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    request taken;
    declare(engine, "f");
    uint64_t one = start(engine, "return f(1)");
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_REQUEST, one);
    CHECK(!take_request(engine, &taken));
    answer(engine, event.request_id, "1");
    release_event(&event);
    CHECK_VALUE(finish(engine, one), "1");
    uint64_t two = start(engine, "return f(2)");
    taken = wait_for_request(engine);
    CHECK_NO_EVENT(engine);
    answer(engine, taken.id, "2");
    request_free(&taken);
    CHECK_VALUE(finish(engine, two), "2");
    CHECK_NO_EVENT(engine);
    luawait_engine_free(engine);
}

static void mixed_takers_keep_the_order_of_the_rest(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t evals[4];
    for (int i = 0; i < 4; i++) {
        evals[i] = start(engine, "return f()");
        wait_for_stat(engine, "requests", "pending", i + 1);
    }
    request first = wait_for_request(engine);
    luawait_event second = expect_event(engine, LUAWAIT_EVENT_REQUEST, evals[1]);
    request third = wait_for_request(engine);
    luawait_event fourth = expect_event(engine, LUAWAIT_EVENT_REQUEST, evals[3]);
    CHECK_INT(first.eval_id, evals[0]);
    CHECK_INT(third.eval_id, evals[2]);
    CHECK_NO_EVENT(engine);
    request_free(&first);
    request_free(&third);
    release_event(&second);
    release_event(&fourth);
    luawait_engine_free(engine);
}

static void an_outcome_is_handed_out_once_by_either_call(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    int32_t state = -7;
    uint64_t polled = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    REQUIRE_OK(luawait_poll(engine, polled, &state, NULL, NULL));
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_NO_EVENT(engine);
    CHECK_VALUE(finish(engine, start(engine, "return 2")), "2");
    CHECK_NO_EVENT(engine);
    uint64_t handed = start(engine, "return 3");
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, handed);
    CHECK_STATUS(luawait_poll(engine, handed, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_wait(engine, handed, 0, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_cancel(engine, handed), LUAWAIT_ERR_NOT_FOUND);
    CHECK_JSON(event.text, "3");
    release_event(&event);
    luawait_engine_free(engine);
}

/* A request handed out as an event, whose script then gives up waiting: WITHDRAWN comes once, and before the end. */
static void expect_withdrawn(luawait_engine *engine, luawait_event asked) {
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_WITHDRAWN, asked.eval_id);
    CHECK_INT(event.request_id, asked.request_id);
    CHECK_TEXT(event.name, "f");
    CHECK_INT(event.name_length, 1);
    CHECK(event.text == NULL);
    CHECK_INT(event.text_length, 0);
    CHECK_INT(event.state, 0);
    release_event(&event);
    CHECK_STATUS(luawait_provide_result(engine, asked.request_id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
}

static void expect_end(luawait_engine *engine, uint64_t eval, int32_t state, const char *type) {
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, eval);
    CHECK_INT(event.state, state);
    CHECK_MEMBER(event.text, "type", type);
    release_event(&event);
}

static void cancelling_withdraws_what_was_handed_out(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t eval = start(engine, "f()");
    luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
    expect_withdrawn(engine, asked);
    expect_end(engine, eval, LUAWAIT_CANCELLED, "\"cancelled\"");
    CHECK_NO_EVENT(engine);
    release_event(&asked);
    luawait_engine_free(engine);
}

/* Starts an eval with a short limit and takes the event of its request before; a limit that came first is doubled. */
static luawait_event ask_in_time(luawait_engine *engine, const char *script, const char *limit) {
    for (int ms = 50;; ms *= 2) {
        char *options = text_format("{\"%s\":%d}", limit, ms);
        uint64_t eval = start_with(engine, script, options);
        luawait_event event = wait_for_event(engine);
        free(options);
        CHECK_INT(event.eval_id, eval);
        if (event.kind == LUAWAIT_EVENT_REQUEST) return event;
        CHECK_INT(event.kind, LUAWAIT_EVENT_FINISHED);
        release_event(&event);
        REQUIRE(ms < HANG_GUARD_MS);
    }
}

static void the_evals_timeout_withdraws_what_was_handed_out(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    luawait_event asked = ask_in_time(engine, "f()", "timeout_ms");
    expect_withdrawn(engine, asked);
    expect_end(engine, asked.eval_id, LUAWAIT_FAILED, "\"timeout\"");
    CHECK_NO_EVENT(engine);
    release_event(&asked);
    luawait_engine_free(engine);
}

static void the_calls_timeout_withdraws_what_was_handed_out(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    luawait_event asked = ask_in_time(engine, "local ok, e = pcall(f) return e.type", "call_timeout_ms");
    expect_withdrawn(engine, asked);
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, asked.eval_id);
    CHECK_JSON(event.text, "\"timeout\"");
    release_event(&event);
    CHECK_NO_EVENT(engine);
    release_event(&asked);
    luawait_engine_free(engine);
}

static void an_answered_request_is_never_withdrawn(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    holder held = HOLDER;
    declare(engine, "f");
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t eval = start(engine, "f() hold()");
    luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
    answer(engine, asked.request_id, "1");
    gate_wait(&held.entered, 1);
    REQUIRE_OK(luawait_cancel(engine, eval));
    gate_open(&held.leave);
    expect_end(engine, eval, LUAWAIT_CANCELLED, "\"cancelled\"");
    CHECK_NO_EVENT(engine);
    release_event(&asked);
    luawait_engine_free(engine);
}

static void requests_nobody_saw_as_events_are_withdrawn_silently(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t single = start(engine, "f()");
    request taken = wait_for_request(engine);
    uint64_t never = start(engine, "f()");
    wait_for_stat(engine, "requests", "pending", 1);
    REQUIRE_OK(luawait_cancel(engine, single));
    REQUIRE_OK(luawait_cancel(engine, never));
    expect_end(engine, single, LUAWAIT_CANCELLED, "\"cancelled\"");
    expect_end(engine, never, LUAWAIT_CANCELLED, "\"cancelled\"");
    CHECK_NO_EVENT(engine);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void output_keeps_its_place_among_the_requests_of_its_eval(void) {
    enum { ROUNDS = 20 };
    luawait_engine *engine = engine_with("{\"print\":\"event\"}");
    declare(engine, "f");
    uint64_t eval = start(engine, "for i = 1, 20 do print('before', i) f(i) print('after', i) end");
    for (int i = 1; i <= ROUNDS; i++) {
        char *before = text_format("before\t%d", i), *after = text_format("after\t%d", i);
        char *args = text_format("[%d]", i);
        luawait_event event = expect_event(engine, LUAWAIT_EVENT_OUTPUT, eval);
        CHECK_TEXT(event.text, before);
        release_event(&event);
        event = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
        CHECK_JSON(event.text, args);
        answer(engine, event.request_id, "null");
        release_event(&event);
        event = expect_event(engine, LUAWAIT_EVENT_OUTPUT, eval);
        CHECK_TEXT(event.text, after);
        release_event(&event);
        free(before);
        free(after);
        free(args);
    }
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, eval);
    release_event(&event);
    luawait_engine_free(engine);
}

static void detached_evals_give_output_and_requests_but_no_end(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t eval = start_with(engine, "print('here') f()", "{\"detached\":true}");
    luawait_event output = expect_event(engine, LUAWAIT_EVENT_OUTPUT, eval);
    luawait_event asked = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
    answer(engine, asked.request_id, "null");
    wait_for_stat(engine, "evals", "succeeded", 1);
    CHECK_NO_EVENT(engine);
    release_event(&output);
    release_event(&asked);
    luawait_engine_free(engine);
}

static void print_gives_no_event_unless_asked_to(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\"}");
    uint64_t eval = start(engine, "print('unheard')");
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_FINISHED, eval);
    release_event(&event);
    CHECK_NO_EVENT(engine);
    luawait_engine_free(engine);
}

static void the_descriptor_is_readable_exactly_while_there_is_an_event(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    declare(engine, "f");
    uint64_t eval = start(engine, "print(1) print(2) f()");
    wait_for_stat(engine, "requests", "pending", 1);
    luawait_event events[3], withdrawn;
    for (int i = 0; i < 3; i++) {
        CHECK(readable(engine, HANG_GUARD_MS));
        REQUIRE(take_events(engine, &events[i], 1) == 1);
    }
    CHECK(becomes_quiet(engine));
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK(readable(engine, HANG_GUARD_MS));
    withdrawn = expect_event(engine, LUAWAIT_EVENT_WITHDRAWN, eval);
    CHECK(readable(engine, HANG_GUARD_MS));
    expect_end(engine, eval, LUAWAIT_CANCELLED, "\"cancelled\"");
    CHECK(becomes_quiet(engine));
    for (int i = 0; i < 3; i++) {
        release_event(&events[i]);
    }
    release_event(&withdrawn);
    luawait_engine_free(engine);
}

/* Many threads drain one engine; each of them answers the requests it gets. */
typedef struct crowd {
    luawait_engine *engine;
    atomic_int *ends;     /* of each eval */
    atomic_int *requests; /* of each eval */
    atomic_int outputs;
    atomic_int left;
} crowd;

static void *drain_events(void *argument) {
    crowd *c = argument;
    int64_t begun = monotonic_ms();
    while (atomic_load(&c->left) > 0) {
        luawait_event events[5];
        size_t count = take_events(c->engine, events, 5);
        for (size_t i = 0; i < count; i++) {
            uint64_t eval = events[i].eval_id;
            switch (events[i].kind) {
            case LUAWAIT_EVENT_REQUEST:
                atomic_fetch_add(&c->requests[eval], 1);
                CHECK_STATUS(luawait_provide_result(c->engine, events[i].request_id, "1", 1, NULL), LUAWAIT_OK);
                break;
            case LUAWAIT_EVENT_FINISHED:
                CHECK_INT(events[i].state, LUAWAIT_SUCCEEDED);
                CHECK_JSON(events[i].text, "3");
                atomic_fetch_add(&c->ends[eval], 1);
                atomic_fetch_sub(&c->left, 1);
                break;
            case LUAWAIT_EVENT_OUTPUT: atomic_fetch_add(&c->outputs, 1); break;
            default: CHECK(!"a kind that cannot be here");
            }
        }
        luawait_release_events(events, count);
        if (count == 0) CHECK(luawait_wait_any(c->engine, 10) >= LUAWAIT_OK);
        if (!CHECK(!is_hanging(begun))) break;
    }
    return NULL;
}

static void many_threads_get_each_event_once(void) {
    enum { THREADS = 4 };
    const int evals = (int)harness_scale(400, 40);
    crowd c = {engine_with("{\"print\":\"event\"}"), calloc((size_t)evals + 1, sizeof(atomic_int)),
               calloc((size_t)evals + 1, sizeof(atomic_int)), 0, evals};
    REQUIRE(c.ends != NULL && c.requests != NULL);
    declare(c.engine, "f");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = run_thread(drain_events, &c);
    }
    for (int i = 0; i < evals; i++) {
        REQUIRE(start(c.engine, "print('x') return f() + f() + f()") <= (uint64_t)evals);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 1; i <= evals; i++) {
        CHECK_INT(atomic_load(&c.ends[i]), 1);
        CHECK_INT(atomic_load(&c.requests[i]), 3);
    }
    CHECK_INT(atomic_load(&c.outputs), evals);
    CHECK_NO_EVENT(c.engine);
    CHECK(becomes_quiet(c.engine));
    luawait_engine_free(c.engine);
    free(c.ends);
    free(c.requests);
}

TESTS(TEST(kinds_come_in_one_order), TEST(batches_of_any_size_hand_out_everything_once),
      TEST(a_request_is_handed_out_once_by_either_call), TEST(mixed_takers_keep_the_order_of_the_rest),
      TEST(an_outcome_is_handed_out_once_by_either_call), TEST(cancelling_withdraws_what_was_handed_out),
      TEST(the_evals_timeout_withdraws_what_was_handed_out), TEST(the_calls_timeout_withdraws_what_was_handed_out),
      TEST(an_answered_request_is_never_withdrawn), TEST(requests_nobody_saw_as_events_are_withdrawn_silently),
      TEST(output_keeps_its_place_among_the_requests_of_its_eval),
      TEST(detached_evals_give_output_and_requests_but_no_end), TEST(print_gives_no_event_unless_asked_to),
      TEST(the_descriptor_is_readable_exactly_while_there_is_an_event), TEST(many_threads_get_each_event_once))
