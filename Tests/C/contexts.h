/* Named contexts for the tests: made, and evals started in them. */
#ifndef LUAWAIT_TESTS_CONTEXTS_H
#define LUAWAIT_TESTS_CONTEXTS_H

#include "host.h"

/** A new context; `options` is nullable. */
#define context_of(engine, options) host_context(HERE, (engine), (options))
/** Starts an eval in a context. `more` is added to its options and begins with a comma, or is empty. */
#define start_in(engine, context, script, more) host_start_in(HERE, (engine), (context), (script), (more))

uint64_t host_context(harness_place at, luawait_engine *engine, const char *options);
uint64_t host_start_in(harness_place at, luawait_engine *engine, uint64_t context, const char *script,
                       const char *more);

/** What makes an eval one that shares the context's globals, for start_in(). */
#define SHARED ",\"globals_shared\":true"

/** Runs a script that needs no host and checks what it gives. */
#define EXPECT_IN(engine, context, script, json)                                                                       \
    CHECK_VALUE(finish(engine, start_in(engine, context, script, "")), json)
#define EXPECT_SHARED(engine, context, script, json)                                                                   \
    CHECK_VALUE(finish(engine, start_in(engine, context, script, SHARED)), json)

#endif
