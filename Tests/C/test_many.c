/* Many at once: ten thousand parked scripts on two workers and no thread more, and hosts with several threads. */
#include "host.h"
#include <stdatomic.h>

static void thousands_of_parked_evals_use_no_extra_thread(void) {
    size_t count = harness_scale(10000, 200);
    luawait_engine *engine = engine_with("{\"workers\":2,\"call_timeout_ms\":0}");
    declare(engine, "f");
    CHECK_VALUE(serve_echo(engine, start(engine, "return f(1)")), "1");
    long threads = thread_count();
    uint64_t *evals = calloc(count, sizeof *evals);
    request *taken = calloc(count, sizeof *taken);
    REQUIRE(evals != NULL && taken != NULL);
    for (size_t i = 0; i < count; i++) {
        char *script = text_format("return f(%zu) + 1", i);
        evals[i] = start(engine, script);
        free(script);
    }
    wait_for_stat(engine, "evals", "parked", (long)count);
    CHECK_INT(thread_count(), threads);
    CHECK_INT(stat_of(engine, "requests", "pending"), count);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(take_request(engine, &taken[i]));
    }
    CHECK_INT(stat_of(engine, "requests", "open"), count);
    CHECK_INT(thread_count(), threads);
    for (size_t i = 0; i < count; i++) {
        /* Out of order, as hosts answer: every seventh first, and so on. The count has no factor of 7. */
        request *next = &taken[i * 7 % count];
        char *result = text_format("%.*s", (int)next->args_length - 2, next->args + 1);
        answer(engine, next->id, result);
        free(result);
        request_free(next);
    }
    for (size_t i = 0; i < count; i++) {
        char *expected = text_format("%zu", i + 1);
        CHECK_VALUE(finish(engine, evals[i]), expected);
        free(expected);
    }
    CHECK_INT(thread_count(), threads);
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    CHECK_INT(stat_of(engine, "evals", "finished_unread"), 0);
    free(evals);
    free(taken);
    luawait_engine_free(engine);
}

static void thousands_of_parked_evals_can_be_cancelled(void) {
    size_t count = harness_scale(5000, 100);
    luawait_engine *engine = engine_with("{\"workers\":2}");
    declare(engine, "f");
    uint64_t *evals = calloc(count, sizeof *evals);
    REQUIRE(evals != NULL);
    for (size_t i = 0; i < count; i++) {
        evals[i] = start(engine, "pcall(f) return 'caught'");
    }
    wait_for_stat(engine, "evals", "parked", (long)count);
    for (size_t i = 0; i < count; i++) {
        CHECK_STATUS(luawait_cancel(engine, evals[i]), LUAWAIT_OK);
        CHECK_CANCELLED(finish(engine, evals[i]));
    }
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    CHECK_INT(stat_of(engine, NULL, "timers"), 0);
    free(evals);
    luawait_engine_free(engine);
}

static void thousands_of_parked_evals_can_be_freed(void) {
    size_t count = harness_scale(5000, 100);
    luawait_engine *engine = engine_with("{\"workers\":2}");
    declare(engine, "f");
    for (size_t i = 0; i < count; i++) {
        start(engine, "f()");
    }
    wait_for_stat(engine, "evals", "parked", (long)count);
    luawait_engine_free(engine);
}

typedef struct registering {
    luawait_engine *engine;
    atomic_bool stop;
    size_t rounds;
} registering;

static void *register_and_unregister(void *argument) {
    registering *r = argument;
    while (!atomic_load(&r->stop)) {
        CHECK_STATUS(luawait_register(r->engine, "changing.name", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL), LUAWAIT_OK);
        CHECK_STATUS(luawait_register(r->engine, "changing.other", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL), LUAWAIT_OK);
        CHECK_STATUS(luawait_unregister(r->engine, "changing.name", LUAWAIT_NUL_TERMINATED), LUAWAIT_OK);
        CHECK_STATUS(luawait_unregister(r->engine, "changing.other", LUAWAIT_NUL_TERMINATED), LUAWAIT_OK);
        r->rounds++;
    }
    return NULL;
}

static void functions_may_be_registered_while_evals_run(void) {
    registering r = {.engine = engine_with("{\"workers\":2}")};
    declare(r.engine, "f");
    pthread_t thread = run_thread(register_and_unregister, &r);
    for (size_t i = 0; i < harness_scale(2000, 50); i++) {
        EXPECT_ECHO(r.engine, "local seen = type(changing) return f(1)", "1");
    }
    atomic_store(&r.stop, true);
    pthread_join(thread, NULL);
    CHECK(r.rounds > 0);
    luawait_engine_free(r.engine);
}

/*
 * Several threads of the host at work on one engine: some start evals and take their outcomes, some answer, some cancel
 * what others started. Every eval must end exactly once, and the figures must add up.
 */
enum { STARTERS = 3, ANSWERERS = 2, CANCELLERS = 2, PER_STARTER = 400, PER_STARTER_SMALL = 25 };

typedef struct crowd {
    luawait_engine *engine;
    size_t per_starter;
    _Atomic uint64_t *evals; /* ids as they come, for the cancellers */
    atomic_size_t started;
    atomic_size_t ended[4];
    atomic_size_t answered;
    atomic_bool stop;
} crowd;

static const char *const crowd_scripts[] = {"return f(1)",
                                            "local s = 0 for i = 1, 5 do s = s + f(i) end return s",
                                            "local ok, v = pcall(f, 'x') return ok",
                                            "return coroutine.wrap(function() return f(2) end)()",
                                            "for i = 1, 20000 do end return f(3)",
                                            "error('fails')",
                                            "return 1"};

static void *start_and_finish(void *argument) {
    crowd *c = argument;
    uint64_t *mine = calloc(c->per_starter, sizeof *mine);
    if (mine == NULL) abort();
    for (size_t i = 0; i < c->per_starter; i++) {
        luawait_error error = {.struct_size = sizeof error};
        const char *script = crowd_scripts[i % (sizeof crowd_scripts / sizeof *crowd_scripts)];
        if (luawait_start(c->engine, script, strlen(script), NULL, 0, &mine[i], &error) != LUAWAIT_OK) abort();
        atomic_store(&c->evals[atomic_fetch_add(&c->started, 1)], mine[i]);
    }
    for (size_t i = 0; i < c->per_starter; i++) {
        outcome ended = {.state = -1};
        CHECK_STATUS(luawait_wait(c->engine, mine[i], HANG_GUARD_MS, &ended.state, &ended.json, &ended.length),
                     LUAWAIT_OK);
        CHECK(ended.state > LUAWAIT_IN_PROGRESS && ended.state <= LUAWAIT_CANCELLED);
        if (ended.state >= 0 && ended.state <= 3) atomic_fetch_add(&c->ended[ended.state], 1);
        int32_t again = -1;
        CHECK_STATUS(luawait_poll(c->engine, mine[i], &again, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
        outcome_free(&ended);
    }
    free(mine);
    return NULL;
}

static void *answer_requests(void *argument) {
    crowd *c = argument;
    while (!atomic_load(&c->stop)) {
        request taken;
        if (!take_request(c->engine, &taken)) {
            readable(c->engine, 1);
            continue;
        }
        luawait_status status = taken.id % 5 == 0 ? luawait_provide_error(c->engine, taken.id, "\"refused\"", 9, NULL)
                                                  : luawait_provide_result(c->engine, taken.id, "1", 1, NULL);
        if (status == LUAWAIT_OK) {
            atomic_fetch_add(&c->answered, 1);
        } else {
            CHECK_STATUS(status, LUAWAIT_ERR_NOT_FOUND);
        }
        request_free(&taken);
    }
    return NULL;
}

static void *cancel_some(void *argument) {
    crowd *c = argument;
    for (size_t at = 0; !atomic_load(&c->stop);) {
        if (at >= atomic_load(&c->started)) {
            readable(c->engine, 1);
            continue;
        }
        uint64_t eval = atomic_load(&c->evals[at]);
        /* Its place is taken a moment before its id is there. */
        if (eval == 0) continue;
        if (at++ % 3 != 0) continue;
        luawait_status status = luawait_cancel(c->engine, eval);
        CHECK(status == LUAWAIT_OK || status == LUAWAIT_ERR_NOT_FOUND);
    }
    return NULL;
}

static void every_eval_of_a_crowd_ends_exactly_once(void) {
    crowd c = {.engine = engine_with("{\"workers\":2}")};
    c.per_starter = harness_scale(PER_STARTER, PER_STARTER_SMALL);
    size_t total = STARTERS * c.per_starter;
    c.evals = calloc(total, sizeof *c.evals);
    REQUIRE(c.evals != NULL);
    declare(c.engine, "f");
    pthread_t starters[STARTERS], helpers[ANSWERERS + CANCELLERS];
    for (int i = 0; i < ANSWERERS + CANCELLERS; i++) {
        helpers[i] = run_thread(i < ANSWERERS ? answer_requests : cancel_some, &c);
    }
    for (int i = 0; i < STARTERS; i++) {
        starters[i] = run_thread(start_and_finish, &c);
    }
    for (int i = 0; i < STARTERS; i++) {
        pthread_join(starters[i], NULL);
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < ANSWERERS + CANCELLERS; i++) {
        pthread_join(helpers[i], NULL);
    }
    size_t succeeded = atomic_load(&c.ended[LUAWAIT_SUCCEEDED]), failed = atomic_load(&c.ended[LUAWAIT_FAILED]);
    size_t cancelled = atomic_load(&c.ended[LUAWAIT_CANCELLED]);
    CHECK_INT(succeeded + failed + cancelled, total);
    CHECK(succeeded > 0 && failed > 0);
    CHECK_INT(stat_of(c.engine, "evals", "succeeded"), succeeded);
    CHECK_INT(stat_of(c.engine, "evals", "failed"), failed);
    CHECK_INT(stat_of(c.engine, "evals", "cancelled"), cancelled);
    CHECK_INT(stat_of(c.engine, "evals", "finished_unread"), 0);
    CHECK_INT(stat_of(c.engine, "requests", "open"), 0);
    CHECK_INT(stat_of(c.engine, "requests", "answered"), atomic_load(&c.answered));
    CHECK_INT(stat_of(c.engine, "requests", "answered") + stat_of(c.engine, "requests", "withdrawn"),
              stat_of(c.engine, "requests", "posted"));
    free(c.evals);
    luawait_engine_free(c.engine);
}

typedef struct breeding {
    luawait_engine *engine;
    gate ended;
} breeding;

static void start_another(void *user_data, luawait_call *call) {
    breeding *b = user_data;
    long left = strtol(call->args + 1, NULL, 10);
    if (left > 0) {
        char *script = text_format("breed(%ld)", left - 1);
        CHECK_STATUS(
            luawait_start(b->engine, script, strlen(script), "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, NULL, NULL),
            LUAWAIT_OK);
        free(script);
    }
    gate_open(&b->ended);
}

static void evals_started_from_callbacks_all_run(void) {
    breeding b = {engine_with("{\"workers\":2}"), GATE};
    int generations = (int)harness_scale(2000, 50);
    declare_callback(b.engine, "breed", start_another, &b);
    char *script = text_format("breed(%d)", generations - 1);
    CHECK_VALUE(finish(b.engine, start(b.engine, script)), "null");
    gate_wait(&b.ended, generations);
    free(script);
    luawait_engine_free(b.engine);
}

TESTS(TEST(thousands_of_parked_evals_use_no_extra_thread), TEST(thousands_of_parked_evals_can_be_cancelled),
      TEST(thousands_of_parked_evals_can_be_freed), TEST(functions_may_be_registered_while_evals_run),
      TEST(every_eval_of_a_crowd_ends_exactly_once), TEST(evals_started_from_callbacks_all_run))
