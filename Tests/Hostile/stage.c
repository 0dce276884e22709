#include "stage.h"

#include "json.h"
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* How long luawait_run() may go on: longer than any script lives, so that it is the stop that ends them. */
enum { RUN_US = 2000000 };

static int64_t time_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t wall_ns(void) {
    return time_of(CLOCK_MONOTONIC);
}

/* What the host has spent on answering: reading the arguments of a flood takes longer than the flood. */
static atomic_int_least64_t answering_ns;

int64_t cpu_ns(void) {
    return time_of(CLOCK_PROCESS_CPUTIME_ID) - atomic_load(&answering_ns);
}

static void echo(void *nothing, luawait_call *call) {
    char *first = json_element(call->args, 0);
    (void)nothing;
    if (first != NULL) luawait_call_return(call, first, strlen(first), NULL);
    free(first);
}

stage stage_open(const make *make) {
    stage made = {.make = make};
    char *config = text_format("{%s\"memory_bytes\":%ld,\"output_bytes\":1048576,"
                               "\"warm_contexts\":2,\"print\":\"none\"}",
                               make->config, MEMORY_BYTES);
    made.engine = engine_with(config);
    free(config);
    declare(made.engine, "fetch");
    declare(made.engine, "db.find");
    declare_callback(made.engine, "ask", echo, NULL);
    if (make->has_pool) {
        made.pool = pool_new(2);
        luawait_executor executor = executor_of(made.pool);
        REQUIRE_OK(luawait_set_executor(made.engine, &executor, NULL));
    }
    if (make->is_in_a_context) REQUIRE_OK(luawait_context_new(made.engine, NULL, 0, &made.context, NULL));
    return made;
}

void stage_close(stage *stage) {
    luawait_engine_free(stage->engine);
    if (stage->pool != NULL) pool_free(stage->pool);
}

/* ---- The end, seen by a waker: at the very moment, on whichever thread -------------------------------------------- */

typedef struct moment {
    atomic_int_least64_t wall, cpu;
    gate seen;
} moment;

static void note_moment(void *data) {
    moment *noted = data;
    atomic_store(&noted->wall, wall_ns());
    atomic_store(&noted->cpu, cpu_ns());
}

static void see_moment(void *data) {
    gate_open(&((moment *)data)->seen);
}

/* ---- The canceller ------------------------------------------------------------------------------------------------ */

typedef struct canceller {
    luawait_engine *engine;
    uint64_t eval;
    int after_ms;
    int64_t wall, cpu;
} canceller;

/* The pause chooses the scene, a script in the middle of what it does; no check depends on it. */
static void *cancel_later(void *data) {
    canceller *of = data;
    struct timespec pause = {0, (long)of->after_ms * 1000000};
    nanosleep(&pause, NULL);
    of->wall = wall_ns();
    of->cpu = cpu_ns();
    luawait_cancel(of->engine, of->eval); /* that it has ended already is fine, and fails nothing */
    return NULL;
}

/* ---- The host's loop ---------------------------------------------------------------------------------------------- */

static void answer_all(stage *stage, host_manner host) {
    request taken;
    int64_t begun = time_of(CLOCK_THREAD_CPUTIME_ID);
    while (take_request(stage->engine, &taken)) {
        char *first = json_element(taken.args, 0);
        /* LUAWAIT_ERR_NOT_FOUND is right for a script that has been stopped meanwhile. */
        luawait_status status = LUAWAIT_OK;
        if (host == HOST_ECHOES) {
            const char *result = first != NULL ? first : "null";
            status = luawait_provide_result(stage->engine, taken.id, result, strlen(result), NULL);
        } else if (host == HOST_FAILS) {
            const char *error = "{\"message\":\"refused\",\"type\":\"denied\",\"data\":{\"deep\":[1,[2]]}}";
            status = luawait_provide_error(stage->engine, taken.id, error, strlen(error), NULL);
        }
        CHECK(status == LUAWAIT_OK || status == LUAWAIT_ERR_NOT_FOUND);
        free(first);
        request_free(&taken);
    }
    atomic_fetch_add(&answering_ns, time_of(CLOCK_THREAD_CPUTIME_ID) - begun);
}

static void serve_until_end(stage *stage, uint64_t eval, host_manner host, outcome *ended) {
    int64_t until = wall_ns() + (int64_t)HANG_GUARD_MS * 2 * 1000000;
    for (;;) {
        if (stage->make->is_host_run) REQUIRE_OK(luawait_run(stage->engine, RUN_US, NULL));
        answer_all(stage, host);
        REQUIRE_OK(luawait_poll(stage->engine, eval, &ended->state, &ended->json, &ended->length));
        if (ended->state != LUAWAIT_IN_PROGRESS) return;
        REQUIRE(wall_ns() < until);
        luawait_wait_any(stage->engine, 1000);
    }
}

static unsigned how_it_ended(const outcome *ended) {
    if (ended->json == NULL || !json_valid(ended->json, ended->length)) return 0;
    if (ended->state == LUAWAIT_SUCCEEDED) return ENDS_VALUE;
    char *type = json_member(ended->json, "type");
    char *word = type != NULL ? json_string(type, NULL) : NULL;
    unsigned how = word != NULL ? ending_named(word, strlen(word)) : 0;
    if ((how == ENDS_CANCELLED) != (ended->state == LUAWAIT_CANCELLED)) how = 0;
    free(type);
    free(word);
    return how;
}

uint64_t stage_start(stage *stage, const char *code, size_t length, const char *options) {
    uint64_t eval = 0;
    luawait_error error = {.struct_size = sizeof error};
    if (luawait_start(stage->engine, code, length, options, strlen(options), &eval, &error) != LUAWAIT_OK) {
        harness_fail(HERE, "luawait_start: %s", error.message);
        harness_stop();
    }
    return eval;
}

void stage_settle(stage *stage, uint64_t eval) {
    outcome ended = {0};
    serve_until_end(stage, eval, HOST_ECHOES, &ended);
    outcome_free(&ended);
}

ending stage_run(stage *stage, const char *code, size_t length, const char *options, host_manner host,
                 int cancel_after_ms) {
    moment noted = {.seen = GATE};
    outcome ended = {0};
    pthread_t thread = pthread_self();
    canceller later = {.engine = stage->engine, .after_ms = cancel_after_ms};
    uint64_t eval = later.eval = stage_start(stage, code, length, options);
    luawait_waker waker = {.struct_size = sizeof waker, .data = &noted, .wake = note_moment, .drop = see_moment};
    REQUIRE_OK(luawait_set_waker(stage->engine, eval, &waker));
    if (cancel_after_ms > 0) thread = run_thread(cancel_later, &later);
    serve_until_end(stage, eval, host, &ended);
    if (cancel_after_ms > 0) pthread_join(thread, NULL);
    gate_wait(&noted.seen, 1); /* it is called after unlocking, so perhaps later than the outcome is there to take */
    return (ending){.how = how_it_ended(&ended),
                    .outcome = ended.json,
                    .ended_ns = atomic_load(&noted.wall),
                    .ended_cpu_ns = atomic_load(&noted.cpu),
                    .told_ns = later.wall,
                    .told_cpu_ns = later.cpu};
}

void ending_free(ending *ending) {
    luawait_free(ending->outcome);
    ending->outcome = NULL;
}
