/* A host in its smallest form, for benchmarks: every call checked, one poll(2) loop that answers with the arguments. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "bench.h"

#include <luawait.h>
#include <poll.h>

#define TEXT(string) (string), LUAWAIT_NUL_TERMINATED

/** A luawait_error ready to be filled. */
static inline luawait_error host_error(void) {
    luawait_error error = {.struct_size = sizeof error};
    return error;
}

static inline luawait_engine *host_engine(const char *config) {
    luawait_error error = host_error();
    luawait_engine *engine = NULL;
    if (luawait_engine_new(config, config ? LUAWAIT_NUL_TERMINATED : 0, &engine, &error) != LUAWAIT_OK)
        bench_die("luawait_engine_new: %s", error.message);
    return engine;
}

static inline void host_register(luawait_engine *engine, const char *name) {
    luawait_error error = host_error();
    if (luawait_register(engine, TEXT(name), NULL, 0, &error) != LUAWAIT_OK)
        bench_die("luawait_register: %s", error.message);
}

static inline void host_register_callback(luawait_engine *engine, const char *name, luawait_callback fn, void *data) {
    luawait_error error = host_error();
    if (luawait_register_callback(engine, TEXT(name), NULL, 0, fn, data, NULL, &error) != LUAWAIT_OK)
        bench_die("luawait_register_callback: %s", error.message);
}

static inline uint64_t host_start(luawait_engine *engine, const char *script, const char *options) {
    luawait_error error = host_error();
    uint64_t eval = 0;
    if (luawait_start(engine, TEXT(script), options, options ? LUAWAIT_NUL_TERMINATED : 0, &eval, &error) != LUAWAIT_OK)
        bench_die("luawait_start: %s", error.message);
    return eval;
}

/** Waits for an eval that must succeed; the caller frees its outcome with luawait_free(). */
static inline char *host_outcome(luawait_engine *engine, uint64_t eval) {
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL;
    BENCH_CHECK(luawait_wait(engine, eval, -1, &state, &outcome, NULL) == LUAWAIT_OK);
    if (state != LUAWAIT_SUCCEEDED) bench_die("the script ended with %s", outcome ? outcome : "no outcome");
    return outcome;
}

/** Waits for an eval that must succeed with exactly this JSON. */
static inline void host_expect(luawait_engine *engine, uint64_t eval, const char *expected) {
    char *outcome = host_outcome(engine, eval);
    if (strcmp(outcome, expected) != 0) bench_die("the script returned %s instead of %s", outcome, expected);
    luawait_free(outcome);
}

/** Takes the oldest request and answers it with its first and only argument; false when there is none. */
static inline int host_answer_one(luawait_engine *engine) {
    uint64_t request = 0;
    char *name = NULL, *args = NULL;
    size_t length = 0;
    luawait_status status = luawait_get_pending_request(engine, &request, NULL, &name, &args, &length);
    if (status == LUAWAIT_NONE) return 0;
    BENCH_CHECK(status == LUAWAIT_OK && length > 2);
    /* The arguments are `[x]`, the answer is `x`. */
    BENCH_CHECK(luawait_provide_result(engine, request, args + 1, length - 2, NULL) == LUAWAIT_OK);
    luawait_free(name);
    luawait_free(args);
    return 1;
}

/** The host's loop: sleeps in poll(2) on the engine's descriptor, drains, answers, until `count` calls are served. */
static inline void host_serve(luawait_engine *engine, size_t count) {
    struct pollfd ready = {.events = POLLIN};
    BENCH_CHECK(luawait_event_fd(engine, &ready.fd) == LUAWAIT_OK);
    while (count > 0) {
        BENCH_CHECK(poll(&ready, 1, -1) == 1);
        while (host_answer_one(engine)) {
            BENCH_CHECK(count > 0);
            count--;
        }
    }
}

#endif /* BENCH_HOST_H */
