/* The callback by which a host hears that there is something to take: how often, until when, and its end. */
#include "host.h"
#include <stdatomic.h>

/* Notifiers: `called` counts the calls, `dropped` the drops. */
typedef struct listener {
    gate called;
    gate dropped;
} listener;

#define LISTENER                                                                                                       \
    { GATE, GATE }

static void note_call(void *user_data) {
    gate_open(&((listener *)user_data)->called);
}

static void note_drop(void *user_data) {
    gate_open(&((listener *)user_data)->dropped);
}

static void listen_to(luawait_engine *engine, listener *l) {
    REQUIRE_OK(luawait_set_notifier(engine, note_call, l, note_drop));
}

static void drain(luawait_engine *engine) {
    request none;
    CHECK(!take_request(engine, &none));
}

static void the_notifier_is_called_once_for_each_time_the_host_found_nothing(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    declare(engine, "f");
    listen_to(engine, &l);
    CHECK_INT(gate_count(&l.called), 0);
    uint64_t eval = start(engine, "for i = 1, 20 do f(i) end return 'end'");
    for (int i = 1; i <= 20; i++) {
        gate_wait(&l.called, i);
        CHECK_INT(gate_count(&l.called), i);
        request taken;
        REQUIRE(take_request(engine, &taken));
        drain(engine);
        answer(engine, taken.id, "null");
        request_free(&taken);
    }
    gate_wait(&l.called, 21);
    CHECK_VALUE(finish(engine, eval), "\"end\"");
    CHECK_INT(gate_count(&l.called), 21);
    luawait_engine_free(engine);
}

static void until_the_host_drains_it_is_not_called_again(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    declare(engine, "f");
    listen_to(engine, &l);
    for (int i = 0; i < 5; i++) {
        start(engine, "return f()");
    }
    wait_for_stat(engine, "requests", "pending", 5);
    gate_wait(&l.called, 1);
    for (int i = 0; i < 5; i++) {
        request taken;
        REQUIRE(take_request(engine, &taken));
        request_free(&taken);
    }
    CHECK_INT(gate_count(&l.called), 1);
    luawait_engine_free(engine);
}

static void taking_everything_is_finding_nothing(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    declare(engine, "f");
    listen_to(engine, &l);
    start(engine, "return f()");
    gate_wait(&l.called, 1);
    request taken;
    REQUIRE(take_request(engine, &taken));
    start(engine, "return f()");
    gate_wait(&l.called, 2);
    request_free(&taken);
    luawait_engine_free(engine);
}

/* The host does not want this outcome now, says so by finding no request, and must hear of what comes next. */
static void an_unread_outcome_does_not_silence_the_notifier(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    declare(engine, "f");
    listen_to(engine, &l);
    uint64_t unread = start(engine, "return 1");
    gate_wait(&l.called, 1);
    drain(engine);
    start(engine, "return f()");
    gate_wait(&l.called, 2);
    CHECK_VALUE(finish(engine, unread), "1");
    luawait_engine_free(engine);
}

static void a_poll_that_finds_the_eval_in_progress_is_finding_nothing(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    declare(engine, "f");
    listen_to(engine, &l);
    int32_t state = -1;
    uint64_t first = start(engine, "return f()");
    gate_wait(&l.called, 1);
    REQUIRE_OK(luawait_poll(engine, first, &state, NULL, NULL));
    CHECK_INT(state, LUAWAIT_IN_PROGRESS);
    start(engine, "return f()");
    gate_wait(&l.called, 2);
    luawait_engine_free(engine);
}

static void the_notifier_hears_of_outcomes(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    listen_to(engine, &l);
    uint64_t eval = start(engine, "return 1");
    gate_wait(&l.called, 1);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void a_detached_evals_end_is_not_something_to_take(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    listen_to(engine, &l);
    REQUIRE_OK(luawait_start(engine, "return 1", 8, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, NULL, NULL));
    wait_for_stat(engine, "evals", "succeeded", 1);
    uint64_t eval = start(engine, "return 2");
    gate_wait(&l.called, 1);
    CHECK_VALUE(finish(engine, eval), "2");
    CHECK_INT(gate_count(&l.called), 1);
    luawait_engine_free(engine);
}

static void a_notifier_set_when_something_is_there_is_called_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    listener by_outcome = LISTENER, by_request = LISTENER;
    declare(engine, "f");
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    listen_to(engine, &by_outcome);
    CHECK_INT(gate_count(&by_outcome.called), 1);
    CHECK_VALUE(finish(engine, eval), "1");
    start(engine, "return f()");
    wait_for_stat(engine, "requests", "pending", 1);
    listen_to(engine, &by_request);
    CHECK_INT(gate_count(&by_request.called), 1);
    luawait_engine_free(engine);
}

static void a_replaced_notifier_is_dropped_once_and_called_no_more(void) {
    luawait_engine *engine = engine_with(NULL);
    listener old = LISTENER, new = LISTENER;
    listen_to(engine, &old);
    CHECK_INT(gate_count(&old.dropped), 0);
    listen_to(engine, &new);
    gate_wait(&old.dropped, 1);
    uint64_t eval = start(engine, "return 1");
    gate_wait(&new.called, 1);
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK_INT(gate_count(&old.called), 0);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&old.dropped), 1);
    CHECK_INT(gate_count(&new.dropped), 1);
}

static void a_removed_notifier_is_dropped_once_and_called_no_more(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    listen_to(engine, &l);
    CHECK_STATUS(luawait_set_notifier(engine, NULL, NULL, NULL), LUAWAIT_OK);
    gate_wait(&l.dropped, 1);
    EXPECT_VALUE(engine, "return 1", "1");
    CHECK_STATUS(luawait_set_notifier(engine, NULL, NULL, NULL), LUAWAIT_OK);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&l.called), 0);
    CHECK_INT(gate_count(&l.dropped), 1);
}

static void a_notifier_without_drop_is_fine(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    REQUIRE_OK(luawait_set_notifier(engine, note_call, &l, NULL));
    uint64_t eval = start(engine, "return 1");
    gate_wait(&l.called, 1);
    CHECK_VALUE(finish(engine, eval), "1");
    REQUIRE_OK(luawait_set_notifier(engine, note_call, &l, NULL));
    luawait_engine_free(engine);
}

static void without_an_engine_nothing_is_dropped(void) {
    listener l = LISTENER;
    CHECK_STATUS(luawait_set_notifier(NULL, note_call, &l, note_drop), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(gate_count(&l.dropped), 0);
}

/* A notifier that is being called while it is replaced: the drop has to wait until that call is over. */
typedef struct slow_listener {
    gate entered;
    gate leave;
    gate dropped;
    bool left;
} slow_listener;

static void call_slowly(void *user_data) {
    slow_listener *slow = user_data;
    gate_open(&slow->entered);
    gate_wait(&slow->leave, 1);
    slow->left = true;
}

static void drop_slow(void *user_data) {
    slow_listener *slow = user_data;
    CHECK(slow->left);
    gate_open(&slow->dropped);
}

static void *remove_notifier(void *argument) {
    CHECK_STATUS(luawait_set_notifier(argument, NULL, NULL, NULL), LUAWAIT_OK);
    return NULL;
}

static void a_drop_comes_after_the_call_in_progress(void) {
    luawait_engine *engine = engine_with(NULL);
    slow_listener slow = {GATE, GATE, GATE, false};
    REQUIRE_OK(luawait_set_notifier(engine, call_slowly, &slow, drop_slow));
    uint64_t eval = start(engine, "return 1");
    gate_wait(&slow.entered, 1);
    pthread_t remover = run_thread(remove_notifier, engine);
    gate_open(&slow.leave);
    gate_wait(&slow.dropped, 1);
    pthread_join(remover, NULL);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&slow.dropped), 1);
}

/* A notifier that drains right where it is called, as a host that is woken by callbacks alone might. */
typedef struct draining {
    luawait_engine *engine;
    gate served;
} draining;

static void drain_at_once(void *user_data) {
    draining *d = user_data;
    uint64_t id = 0;
    while (luawait_get_pending_request(d->engine, &id, NULL, NULL, NULL, NULL) == LUAWAIT_OK) {
        if (luawait_provide_result(d->engine, id, "1", 1, NULL) == LUAWAIT_OK) gate_open(&d->served);
    }
}

static void a_notifier_may_drain_and_answer(void) {
    luawait_engine *engine = engine_with(NULL);
    draining d = {engine, GATE};
    declare(engine, "f");
    REQUIRE_OK(luawait_set_notifier(engine, drain_at_once, &d, NULL));
    uint64_t eval = start(engine, "local s = 0 for i = 1, 100 do s = s + f() end return s");
    CHECK_VALUE(finish(engine, eval), "100");
    /* The last answer lets the eval end before the notifier has counted it. */
    gate_wait(&d.served, 100);
    luawait_engine_free(engine);
    CHECK_INT(gate_count(&d.served), 100);
}

/* Both doors lead to the same room. */
static void descriptor_and_notifier_work_together(void) {
    luawait_engine *engine = engine_with(NULL);
    listener l = LISTENER;
    listen_to(engine, &l);
    uint64_t eval = start(engine, "return 1");
    gate_wait(&l.called, 1);
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK(becomes_quiet(engine));
    luawait_engine_free(engine);
}

/* A notifier that sets itself, or another, when it is called. */
typedef struct setter {
    luawait_engine *engine;
    luawait_notifier next;
    gate called;
    gate called_afterwards;
    int depth, deepest;
    bool removes_first;
} setter;

static void set_again(void *user_data) {
    setter *s = user_data;
    if (++s->depth > s->deepest) s->deepest = s->depth;
    if (s->removes_first) CHECK_STATUS(luawait_set_notifier(s->engine, NULL, NULL, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_set_notifier(s->engine, s->next, s, NULL), LUAWAIT_OK);
    s->depth--;
    gate_open(&s->called);
}

static void note_later_call(void *user_data) {
    gate_open(&((setter *)user_data)->called_afterwards);
}

static void a_notifier_that_sets_itself_is_called_once_for_each_news(void) {
    for (int removes_first = 0; removes_first < 2; removes_first++) {
        luawait_engine *engine = engine_with(NULL);
        setter s = {engine, set_again, GATE, GATE, 0, 0, removes_first};
        REQUIRE_OK(luawait_set_notifier(engine, set_again, &s, NULL));
        for (int i = 1; i <= 3; i++) {
            uint64_t eval = start(engine, "return 1");
            gate_wait(&s.called, i);
            /* The outcome was untaken all the time. */
            CHECK_VALUE(finish(engine, eval), "1");
            drain(engine);
            CHECK_INT(gate_count(&s.called), i);
        }
        CHECK_INT(s.deepest, 1);
        luawait_engine_free(engine);
    }
}

static void a_notifier_set_by_another_is_called_for_the_next_news(void) {
    luawait_engine *engine = engine_with(NULL);
    setter s = {engine, note_later_call, GATE, GATE, 0, 0, false};
    REQUIRE_OK(luawait_set_notifier(engine, set_again, &s, NULL));
    uint64_t eval = start(engine, "return 1");
    gate_wait(&s.called, 1);
    CHECK_INT(gate_count(&s.called_afterwards), 0);
    CHECK_VALUE(finish(engine, eval), "1");
    drain(engine);
    start(engine, "return 2");
    gate_wait(&s.called_afterwards, 1);
    CHECK_INT(gate_count(&s.called), 1);
    luawait_engine_free(engine);
}

/* What comes while a notifier runs, after it has found nothing, is told: to it, on another thread, or to the one it sets. */
typedef struct drainer {
    luawait_engine *engine;
    uint64_t eval;
    atomic_int calls;
    gate told;
} drainer;

static void note_news(void *user_data) {
    gate_open(&((drainer *)user_data)->told);
}

static void drain_and_set(void *user_data) {
    drainer *d = user_data;
    if (atomic_fetch_add(&d->calls, 1) > 0) {
        note_news(d);
        return;
    }
    CHECK_VALUE(finish(d->engine, d->eval), "1");
    drain(d->engine);
    start(d->engine, "return 2");
    wait_for_stat(d->engine, "evals", "finished_unread", 1);
    CHECK_STATUS(luawait_set_notifier(d->engine, note_news, d, NULL), LUAWAIT_OK);
}

static void news_that_came_while_a_notifier_set_another_are_told(void) {
    for (size_t i = 0; i < harness_scale(200, 10); i++) {
        luawait_engine *engine = engine_with("{\"workers\":2}");
        drainer d = {.engine = engine, .told = GATE};
        d.eval = start(engine, "return 1");
        wait_for_stat(engine, "evals", "finished_unread", 1);
        REQUIRE_OK(luawait_set_notifier(engine, drain_and_set, &d, NULL));
        gate_wait(&d.told, 1);
        luawait_engine_free(engine);
    }
}

TESTS(TEST(a_notifier_that_sets_itself_is_called_once_for_each_news),
      TEST(a_notifier_set_by_another_is_called_for_the_next_news),
      TEST(news_that_came_while_a_notifier_set_another_are_told),
      TEST(the_notifier_is_called_once_for_each_time_the_host_found_nothing),
      TEST(until_the_host_drains_it_is_not_called_again), TEST(taking_everything_is_finding_nothing),
      TEST(an_unread_outcome_does_not_silence_the_notifier),
      TEST(a_poll_that_finds_the_eval_in_progress_is_finding_nothing), TEST(the_notifier_hears_of_outcomes),
      TEST(a_detached_evals_end_is_not_something_to_take),
      TEST(a_notifier_set_when_something_is_there_is_called_at_once),
      TEST(a_replaced_notifier_is_dropped_once_and_called_no_more),
      TEST(a_removed_notifier_is_dropped_once_and_called_no_more), TEST(a_notifier_without_drop_is_fine),
      TEST(without_an_engine_nothing_is_dropped), TEST(a_drop_comes_after_the_call_in_progress),
      TEST(a_notifier_may_drain_and_answer), TEST(descriptor_and_notifier_work_together))
