/* Events for the tests: taken one batch at a time, waited for as a host does, and looked into. */
#ifndef LUAWAIT_TESTS_EVENTS_H
#define LUAWAIT_TESTS_EVENTS_H

#include "host.h"

/** Takes at most `capacity` events that are there now; how many it were. `events` belongs to the caller. */
#define take_events(engine, events, capacity) host_take_events(HERE, (engine), (events), (capacity))
/** Waits until an event comes and takes it: release_event(). */
#define wait_for_event(engine) host_wait_for_event(HERE, (engine))
/** Waits for one event and checks what it is; gives it back. */
#define expect_event(engine, kind, eval) host_expect_event(HERE, (engine), (kind), (eval))
/** Nothing is there to take as an event. */
#define CHECK_NO_EVENT(engine) host_check_no_event(HERE, (engine))

size_t host_take_events(harness_place at, luawait_engine *engine, luawait_event *events, size_t capacity);
luawait_event host_wait_for_event(harness_place at, luawait_engine *engine);
luawait_event host_expect_event(harness_place at, luawait_engine *engine, int32_t kind, uint64_t eval);
void host_check_no_event(harness_place at, luawait_engine *engine);
void release_event(luawait_event *event);

/** The three ways to interrupt scripts on the host's thread; most tests want the same results of all of them. */
enum { SIGNAL, COUNT, UNWATCHED, CONFIGS };
/** An engine with executor "host". `more` is added to its config and begins with a comma, or is empty. */
#define host_engine_of(config, more) make_host_engine(HERE, (config), (more))

luawait_engine *make_host_engine(harness_place at, int config, const char *more);

/** Executor "host": runs scripts on this thread until the eval ends, and takes its outcome. */
#define run_to_end(engine, eval) host_run_to_end(HERE, (engine), (eval))
/** Executor "host": runs scripts on this thread until none is ready. */
#define run_until_idle(engine) host_run_until_idle(HERE, (engine))
/** Executor "host": runs a script on this thread, and answers each of its calls by the first argument. */
#define run_with_echo(engine, script) host_run_with_echo(HERE, (engine), (script))

outcome host_run_with_echo(harness_place at, luawait_engine *engine, const char *script);
outcome host_run_to_end(harness_place at, luawait_engine *engine, uint64_t eval);
void host_run_until_idle(harness_place at, luawait_engine *engine);

/** Whether what began at `since_ms` has gone on for too long. */
bool is_hanging(int64_t since_ms);

#endif
