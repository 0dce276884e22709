/*
 * Where the hostile scripts run: an engine of one make, the loop of a host that answers its requests, and a helper that
 * cancels from another thread. Whatever must not happen here ends the test.
 */
#ifndef LUAWAIT_HOSTILE_STAGE_H
#define LUAWAIT_HOSTILE_STAGE_H

#include "corpus.h"
#include "host.h"
#include "pool.h"

/** A make of engine. */
typedef struct make {
    const char *name;     /* as the figures call it */
    const char *config;   /* members of the config, with a comma behind the last */
    bool is_host_run;     /* luawait_run() on the calling thread */
    bool has_pool;        /* executor "custom" */
    bool is_in_a_context; /* all scripts in one named context */
} make;

/** The limit on the memory of each Lua state. */
#define MEMORY_BYTES 8388608L

typedef struct stage {
    const make *make;
    luawait_engine *engine;
    pool *pool;
    uint64_t context; /* 0: private ones */
} stage;

/** What ended, and when. */
typedef struct ending {
    unsigned how; /* one of ENDS_… */
    char *outcome;
    int64_t ended_ns, ended_cpu_ns; /* when the engine had the outcome: by the clock, in the process's processor time */
    int64_t told_ns, told_cpu_ns;   /* when luawait_cancel() was called; 0: never */
} ending;

stage stage_open(const make *make);
void stage_close(stage *stage);

/** Runs a script to its end. `cancel_after_ms`, if not 0, cancels it then, from another thread. */
ending stage_run(stage *stage, const char *code, size_t length, const char *options, host_manner host,
                 int cancel_after_ms);
void ending_free(ending *ending);

/** Starts a script and leaves it there, with its requests unanswered. */
uint64_t stage_start(stage *stage, const char *code, size_t length, const char *options);
/** Serves the host calls of everybody until nobody runs any more. */
void stage_settle(stage *stage, uint64_t eval);

int64_t wall_ns(void);
int64_t cpu_ns(void);

#endif
