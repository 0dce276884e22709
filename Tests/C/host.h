/*
 * A small host for the tests: it starts scripts, waits for requests the way a host does (on the event descriptor,
 * woken, with a guard against hangs), and takes outcomes. Whatever fails here ends the test.
 */
#ifndef LUAWAIT_TESTS_HOST_H
#define LUAWAIT_TESTS_HOST_H

#include "harness.h"
#include <pthread.h>

/** How an eval ended. `json` is the library's: outcome_free(). */
typedef struct outcome {
    int32_t state;
    char *json;
    size_t length;
} outcome;

/** A request that was taken: request_free(). */
typedef struct request {
    uint64_t id;
    uint64_t eval_id;
    char *name;
    char *args;
    size_t args_length;
} request;

#define engine_with(config) host_engine(HERE, (config))
#define declare(engine, name) host_declare(HERE, (engine), (name), NULL)
#define declare_with(engine, name, options) host_declare(HERE, (engine), (name), (options))
#define declare_callback(engine, name, fn, data) host_declare_callback(HERE, (engine), (name), (fn), (data))
#define start(engine, script) host_start(HERE, (engine), (script), NULL)
#define start_with(engine, script, options) host_start(HERE, (engine), (script), (options))
/** Waits for the end of an eval whose requests nobody needs to serve. */
#define finish(engine, eval) host_finish(HERE, (engine), (eval))
/** Waits until a request can be taken and takes it. */
#define wait_for_request(engine) host_wait_for_request(HERE, (engine))
#define answer(engine, request_id, json) host_answer(HERE, (engine), (request_id), (json))
#define answer_error(engine, request_id, json) host_answer_error(HERE, (engine), (request_id), (json))
/** Answers every request with its first argument until the eval ends. */
#define serve_echo(engine, eval) host_serve_echo(HERE, (engine), (eval))
/** Waits until a figure of luawait_stats() has a value, such as ("requests", "pending", 2). */
#define wait_for_stat(engine, group, key, value) host_wait_for_stat(HERE, (engine), (group), (key), (value))

luawait_engine *host_engine(harness_place at, const char *config);
void host_declare(harness_place at, luawait_engine *engine, const char *name, const char *options);
void host_declare_callback(harness_place at, luawait_engine *engine, const char *name, luawait_callback fn, void *data);
uint64_t host_start(harness_place at, luawait_engine *engine, const char *script, const char *options);
outcome host_finish(harness_place at, luawait_engine *engine, uint64_t eval);
request host_wait_for_request(harness_place at, luawait_engine *engine);
void host_answer(harness_place at, luawait_engine *engine, uint64_t id, const char *json);
void host_answer_error(harness_place at, luawait_engine *engine, uint64_t id, const char *json);
/** Answers each request that is there by its first argument. */
void host_echo_requests(harness_place at, luawait_engine *engine);
outcome host_serve_echo(harness_place at, luawait_engine *engine, uint64_t eval);
void host_wait_for_stat(harness_place at, luawait_engine *engine, const char *group, const char *key, long value);

/** A figure of luawait_stats(), -1 if there is none. `group` is nullable. */
long stat_of(luawait_engine *engine, const char *group, const char *key);

/** Takes a request if there is one, without waiting. */
bool take_request(luawait_engine *engine, request *taken);
void request_free(request *taken);
void outcome_free(outcome *ended);

/** Whether the engine's event descriptor polls readable within the time. */
bool readable(luawait_engine *engine, int timeout_ms);
/** Takes nothing away, but finds nothing until the descriptor is quiet: being woken for nothing is allowed. */
bool becomes_quiet(luawait_engine *engine);

int64_t monotonic_ms(void);

/** How many threads, and how many open descriptors, this process has. A thread that has been joined may count still. */
long thread_count(void);
long descriptor_count(void);
/** Waits until the kernel has forgotten the library's threads that have been joined, and says how many others there are. */
long resting_thread_count(void);
/** Waits until the kernel has forgotten those that have been joined. */
#define CHECK_THREADS(expected) harness_check_int(HERE, host_settled_thread_count(expected), (expected), "threads")
long host_settled_thread_count(long expected);

/** Runs a script that needs no host and checks what it gives. */
#define EXPECT_VALUE(engine, script, json) host_expect_value(HERE, (engine), (script), NULL, (json))
#define EXPECT_VALUE_WITH(engine, script, options, json) host_expect_value(HERE, (engine), (script), (options), (json))
/** The same with every host call answered by its first argument. */
#define EXPECT_ECHO(engine, script, json) host_expect_echo(HERE, (engine), (script), (json))
/** Runs a script that needs no host and checks that it fails with this type, and this in the message. */
#define EXPECT_ERROR(engine, script, type, part) host_expect_error(HERE, (engine), (script), NULL, (type), (part))
#define EXPECT_ERROR_WITH(engine, script, options, type, part)                                                         \
    host_expect_error(HERE, (engine), (script), (options), (type), (part))
/** Runs a script that does not end by luawait_eval(), and checks that its timeout ends it. */
void check_eval_times_out(luawait_engine *engine, const char *script);
/** Checks and frees an outcome. */
#define CHECK_VALUE(ended, json) host_check_value(HERE, (ended), (json))
#define CHECK_ERROR(ended, type, part) host_check_error(HERE, (ended), (type), (part))
#define CHECK_CANCELLED(ended) host_check_cancelled(HERE, (ended))

void host_expect_value(harness_place at, luawait_engine *engine, const char *script, const char *options,
                       const char *json);
void host_expect_echo(harness_place at, luawait_engine *engine, const char *script, const char *json);
void host_expect_error(harness_place at, luawait_engine *engine, const char *script, const char *options,
                       const char *type, const char *part);
void host_check_value(harness_place at, outcome ended, const char *json);
void host_check_error(harness_place at, outcome ended, const char *type, const char *part);
void host_check_cancelled(harness_place at, outcome ended);

/**
 * A gate: threads that meet. gate_wait() returns once gate_open() was called often enough; it fails the test when the
 * guard against hangs runs out. Used in callbacks to hold a worker in a known place.
 */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int opened;
} gate;

#define GATE                                                                                                           \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

void gate_open(gate *gate);
/** Waits until the gate was opened `times` times altogether. */
#define gate_wait(gate, times) host_gate_wait(HERE, (gate), (times))
void host_gate_wait(harness_place at, gate *gate, int times);
int gate_count(gate *gate);
/** A luawait_drop whose user_data is a gate. */
void open_gate(void *user_data);

/** A luawait_callback that answers by its first argument. */
void return_first(void *user_data, luawait_call *call);
/** A luawait_callback that nobody may call. */
void never_called(void *user_data, luawait_call *call);

/** A worker held inside a callback: `entered` opens when the worker is there, opening `leave` lets it go. */
typedef struct holder {
    gate entered;
    gate leave;
} holder;

#define HOLDER                                                                                                         \
    { GATE, GATE }

/** A luawait_callback whose user_data is a holder. */
void hold_worker(void *user_data, luawait_call *call);

pthread_t run_thread(void *(*body)(void *), void *argument);

#endif
