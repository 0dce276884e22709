/*
 * A host with an epoll loop, as servers have: it sleeps until the engine or a timer of its own wakes it, and polls for
 * nothing. Scripts call sleep(ms), answered by a timerfd each, and all of them sleep at the same time.
 */
#include <errno.h>
#include <inttypes.h>
#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS = 8 };

typedef struct job {
    const char *name;
    const char *script;
    uint64_t eval;
    int32_t state;
    char *outcome;
} job;

static job jobs[] = {{.name = "steady",
                      .script = "local total = 0\n"
                                "for i = 1, 5 do total = total + sleep(i) end\n"
                                "return total"},
                     {.name = "nested",
                      .script = "local naps = coroutine.wrap(function()\n"
                                "    for _, ms in ipairs { 3, 2, 1 } do coroutine.yield(sleep(ms)) end\n"
                                "end)\n"
                                "return { naps(), naps(), naps() }"},
                     {.name = "careful",
                      .script = "local ok, problem = pcall(sleep, 'a while')\n"
                                "return not ok and problem.host_type .. ': ' .. tostring(problem)"},
                     {.name = "careless", .script = "sleep(5)\nsleep()"},
                     {.name = "hasty", .script = "sleep(60000)"}};

enum { JOBS = sizeof jobs / sizeof *jobs, HASTY = JOBS - 1 };

/* A sleep in progress: the timer that ends it, and the request it answers then. */
typedef struct nap {
    int timer;
    long ms;
    uint64_t request;
} nap;

static void must(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static void begin_sleep(int loop, luawait_engine *engine, uint64_t request, const char *args) {
    luawait_error error = {.struct_size = sizeof error};
    long ms;
    if (sscanf(args, "[%ld]", &ms) != 1 || ms < 0) {
        const char *json = "{\"type\":\"ValueError\",\"message\":\"sleep wants milliseconds\"}";
        must_be_ok(luawait_provide_error(engine, request, json, LUAWAIT_NUL_TERMINATED, &error), "error", &error);
        return;
    }
    nap *n = malloc(sizeof *n);
    must(n != NULL, "nap");
    *n = (nap){timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), ms, request};
    must(n->timer >= 0, "timerfd_create");
    /* A time of zero would disarm the timer: sleep(0) ends after a nanosecond. */
    struct itimerspec due = {.it_value = {ms / 1000, ms % 1000 * 1000000 + (ms == 0)}};
    must(timerfd_settime(n->timer, 0, &due, NULL) == 0, "timerfd_settime");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = n};
    must(epoll_ctl(loop, EPOLL_CTL_ADD, n->timer, &event) == 0, "epoll_ctl");
}

static void end_sleep(luawait_engine *engine, nap *n) {
    luawait_error error = {.struct_size = sizeof error};
    char json[24];
    snprintf(json, sizeof json, "%ld", n->ms);
    luawait_status status = luawait_provide_result(engine, n->request, json, LUAWAIT_NUL_TERMINATED, &error);
    /* The script may have been cancelled while it slept: then nobody waits for this any more. */
    if (status != LUAWAIT_ERR_NOT_FOUND) must_be_ok(status, "result", &error);
    must(close(n->timer) == 0, "close");
    free(n);
}

static void take_requests(int loop, luawait_engine *engine) {
    uint64_t request, eval;
    char *args;
    while (luawait_get_pending_request(engine, &request, &eval, NULL, &args, NULL) == LUAWAIT_OK) {
        /* This one has promised far too much: a host that loses patience cancels, and withdraws the request with it. */
        if (eval == jobs[HASTY].eval) {
            must_be_ok(luawait_cancel(engine, eval), "cancel", NULL);
        } else {
            begin_sleep(loop, engine, request, args);
        }
        luawait_free(args);
    }
}

static int still_running(luawait_engine *engine) {
    int running = 0;
    for (job *j = jobs; j < jobs + JOBS; j++) {
        if (j->state == LUAWAIT_IN_PROGRESS) {
            must_be_ok(luawait_poll(engine, j->eval, &j->state, &j->outcome, NULL), "poll", NULL);
        }
        running += j->state == LUAWAIT_IN_PROGRESS;
    }
    return running;
}

int main(void) {
    luawait_engine *engine;
    luawait_error error = {.struct_size = sizeof error};
    int loop = epoll_create1(EPOLL_CLOEXEC), fd;
    must(loop >= 0, "epoll_create1");
    must_be_ok(luawait_engine_new(NULL, 0, &engine, &error), "engine", &error);
    must_be_ok(luawait_register(engine, "sleep", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "sleep", &error);
    must_be_ok(luawait_event_fd(engine, &fd), "event_fd", NULL);
    /* The engine's event carries no nap. */
    must(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}) == 0, "epoll_ctl");
    for (job *j = jobs; j < jobs + JOBS; j++) {
        must_be_ok(luawait_start(engine, j->script, LUAWAIT_NUL_TERMINATED, NULL, 0, &j->eval, &error), j->name,
                   &error);
    }
    while (still_running(engine) > 0) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, -1);
        must(count >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL) end_sleep(engine, events[i].data.ptr);
        }
        take_requests(loop, engine);
    }
    for (job *j = jobs; j < jobs + JOBS; j++) {
        static const char *const words[] = {"in progress", "succeeded", "failed", "cancelled"};
        /* What failed has an object for its outcome, with type, message and traceback, for a JSON library to read. */
        int shown = j->state == LUAWAIT_SUCCEEDED;
        printf("%s %s%s%s\n", j->name, words[j->state], shown ? ": " : "", shown ? j->outcome : "");
        luawait_free(j->outcome);
    }
    luawait_engine_free(engine);
    must(close(loop) == 0, "close");
}
