/*
 * A host with libuv's loop, as network servers have. The engine's descriptor is a uv_poll_t among the others; scripts
 * run on the engine's threads and call sleep(ms), which a uv_timer_t answers.
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
} jobs[] = {{.name = "steady", .script = "local sum = 0 for i = 1, 5 do sum = sum + sleep(i) end return sum"},
            {.name = "busy", .script = "local sum = 0 for i = 1, 100000 do sum = sum + i end return sum"},
            {.name = "careful", .script = "local ok, problem = pcall(sleep, -1) return problem.message"},
            {.name = "impatient", .script = "return sleep(3600000)", .options = "{\"timeout_ms\":50}"}};

enum { JOBS = sizeof jobs / sizeof *jobs };

static luawait_engine *engine;
static uv_poll_t poller;
static int left = JOBS;

/* A call of sleep() that is not over. They are few: a list is enough to find one. */
typedef struct nap {
    uv_timer_t timer;
    uint64_t request;
    int64_t ms;
    struct nap *next;
} nap;

static nap *naps;

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

static void free_nap(uv_handle_t *handle) {
    free(handle->data);
}

static void stop_sleep(uint64_t request) {
    nap **link = &naps;
    while (*link != NULL && (*link)->request != request)
        link = &(*link)->next;
    if (*link == NULL) return;
    nap *n = *link;
    *link = n->next;
    uv_close((uv_handle_t *)&n->timer, free_nap);
}

static void end_sleep(uv_timer_t *timer) {
    nap *n = timer->data;
    char json[24];
    snprintf(json, sizeof json, "%" PRId64, n->ms);
    luawait_status status = luawait_provide_result(engine, n->request, json, LUAWAIT_NUL_TERMINATED, NULL);
    /* The script may have ended a moment ago; the event that says so is on its way. */
    if (status != LUAWAIT_ERR_NOT_FOUND) must_be_ok(status, "result", NULL);
    stop_sleep(n->request);
}

static void begin_sleep(const luawait_event *e) {
    int64_t ms = strtoll(e->text + 1, NULL, 10); /* the arguments, such as [3] */
    if (ms < 0) {
        luawait_status status =
            luawait_provide_error(engine, e->request_id, "\"nobody sleeps backwards\"", LUAWAIT_NUL_TERMINATED, NULL);
        must_be_ok(status, "error", NULL);
        return;
    }
    nap *n = calloc(1, sizeof *n);
    must_uv(n != NULL ? 0 : UV_ENOMEM, "nap");
    n->request = e->request_id;
    n->ms = ms;
    n->timer.data = n;
    n->next = naps;
    naps = n;
    must_uv(uv_timer_init(poller.loop, &n->timer), "uv_timer_init");
    must_uv(uv_timer_start(&n->timer, end_sleep, (uint64_t)ms, 0), "uv_timer_start");
}

static void end_job(const luawait_event *e) {
    for (struct job *j = jobs; j < jobs + JOBS; j++) {
        if (j->eval != e->eval_id) continue;
        j->state = e->state;
        snprintf(j->outcome, sizeof j->outcome, "%s", e->text);
    }
    /* The last handle to be closed ends the loop. */
    if (--left == 0) uv_close((uv_handle_t *)&poller, NULL);
}

/* Level-triggered: what this leaves behind brings it back. */
static void take_events(uv_poll_t *handle, int status, int flags) {
    luawait_event events[BATCH] = {{.struct_size = sizeof *events}};
    size_t count;
    (void)handle, (void)flags;
    must_uv(status, "poll");
    if (luawait_next_events(engine, events, BATCH, &count) != LUAWAIT_OK) return;
    for (const luawait_event *e = events; e < events + count; e++) {
        if (e->kind == LUAWAIT_EVENT_REQUEST) begin_sleep(e);
        if (e->kind == LUAWAIT_EVENT_WITHDRAWN) stop_sleep(e->request_id);
        if (e->kind == LUAWAIT_EVENT_FINISHED) end_job(e);
    }
    luawait_release_events(events, count);
}

int main(void) {
    luawait_error error = {.struct_size = sizeof error};
    int fd;
    must_be_ok(luawait_engine_new(NULL, 0, &engine, &error), "engine", &error);
    must_be_ok(luawait_register(engine, "sleep", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "sleep", &error);
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
    printf("sleeps left: %d\n", naps != NULL);
    must_uv(uv_loop_close(uv_default_loop()), "uv_loop_close");
    luawait_engine_free(engine);
}
