/*
 * A host whose scripts run on libuv's pool, beside its file and DNS work (executor "custom"): the engine adds no thread
 * that runs scripts. The engine asks for a turn from whichever thread makes a script ready; uv_queue_work() is for the
 * loop's thread alone, so the turn goes there first.
 */
#include <inttypes.h>
#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BATCH = 16 };

static struct job {
    const char *name, *script, *options;
    uint64_t eval;
    int32_t state;
    char outcome[64];
} jobs[] = {{.name = "primes",
             .script = "local n = 0 for i = 2, 5000 do local p = true for j = 2, i // 2 do "
                       "if i % j == 0 then p = false break end end if p then n = n + 1 end end return n"},
            {.name = "asking", .script = "local t = {} for i = 1, 3 do t[i] = square(i) end return t"},
            {.name = "endless", .script = "while true do end", .options = "{\"timeout_ms\":100}"}};

enum { JOBS = sizeof jobs / sizeof *jobs };

/* A turn that the pool is to have. */
typedef struct turn {
    uv_work_t work;
    luawait_run_task run;
    void *task;
    struct turn *next;
} turn;

static luawait_engine *engine;
static uv_poll_t poller;
static uv_async_t wanted; /* there are turns that have not reached the loop's thread */
static uv_mutex_t lock;
static turn *turns;
static int left = JOBS;

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static void must_uv(int result, const char *what) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
    exit(EXIT_FAILURE);
}

/* On any thread. */
static int32_t submit(void *data, luawait_run_task run, void *task) {
    (void)data;
    turn *t = calloc(1, sizeof *t);
    if (t == NULL) return UV_ENOMEM;
    t->run = run;
    t->task = task;
    uv_mutex_lock(&lock);
    t->next = turns;
    turns = t;
    uv_mutex_unlock(&lock);
    return uv_async_send(&wanted);
}

/* On one of the pool's threads. */
static void take_turn(uv_work_t *work) {
    turn *t = work->data;
    t->run(t->task);
}

static void end_turn(uv_work_t *work, int status) {
    must_uv(status, "turn");
    free(work->data);
}

static void queue_turns(uv_async_t *handle) {
    uv_mutex_lock(&lock);
    turn *all = turns;
    turns = NULL;
    uv_mutex_unlock(&lock);
    while (all != NULL) {
        turn *t = all;
        all = t->next;
        t->work.data = t;
        must_uv(uv_queue_work(handle->loop, &t->work, take_turn, end_turn), "uv_queue_work");
    }
}

static void answer(const luawait_event *e) {
    char json[24];
    int64_t number = strtoll(e->text + 1, NULL, 10); /* the arguments, such as [3] */
    snprintf(json, sizeof json, "%" PRId64, number * number);
    must_be_ok(luawait_provide_result(engine, e->request_id, json, LUAWAIT_NUL_TERMINATED, NULL), "result", NULL);
}

static void end_job(const luawait_event *e) {
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        if (j->eval != e->eval_id) continue;
        j->state = e->state;
        snprintf(j->outcome, sizeof j->outcome, "%s", e->text);
    }
    left--;
}

static void take_events(uv_poll_t *handle, int status, int flags) {
    luawait_event events[BATCH] = {{.struct_size = sizeof *events}};
    size_t count;
    (void)flags;
    must_uv(status, "poll");
    if (luawait_next_events(engine, events, BATCH, &count) != LUAWAIT_OK) return;
    for (const luawait_event *e = events; e < events + count; e++) {
        if (e->kind == LUAWAIT_EVENT_REQUEST) answer(e);
        if (e->kind == LUAWAIT_EVENT_FINISHED) end_job(e);
    }
    luawait_release_events(events, count);
    if (left > 0) return;
    /* The poll handle first: it watches the engine's descriptor. After luawait_engine_free() nobody asks for a turn. */
    uv_close((uv_handle_t *)handle, NULL);
    luawait_engine_free(engine);
    uv_close((uv_handle_t *)&wanted, NULL);
}

int main(void) {
    luawait_executor pool = {.struct_size = sizeof pool, .submit = submit};
    luawait_error error = {.struct_size = sizeof error};
    int fd;
    must_uv(uv_mutex_init(&lock), "uv_mutex_init");
    must_uv(uv_async_init(uv_default_loop(), &wanted, queue_turns), "uv_async_init");
    must_be_ok(luawait_engine_new("{\"executor\":\"custom\"}", LUAWAIT_NUL_TERMINATED, &engine, &error), "engine",
               &error);
    must_be_ok(luawait_set_executor(engine, &pool, &error), "executor", &error);
    must_be_ok(luawait_register(engine, "square", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "square", &error);
    must_be_ok(luawait_event_fd(engine, &fd), "event_fd", NULL);
    must_uv(uv_poll_init(uv_default_loop(), &poller, fd), "uv_poll_init");
    must_uv(uv_poll_start(&poller, UV_READABLE, take_events), "uv_poll_start");
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        size_t length = j->options != NULL ? LUAWAIT_NUL_TERMINATED : 0;
        must_be_ok(luawait_start(engine, j->script, LUAWAIT_NUL_TERMINATED, j->options, length, &j->eval, &error),
                   j->name, &error);
    }
    must_uv(uv_run(uv_default_loop(), UV_RUN_DEFAULT), "uv_run");
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        int shown = j->state == LUAWAIT_SUCCEEDED;
        printf("%s %s%s\n", j->name, shown ? "succeeded: " : "failed", shown ? j->outcome : "");
    }
    must_uv(uv_loop_close(uv_default_loop()), "uv_loop_close");
    uv_mutex_destroy(&lock);
}
