// What runs while allocations fail: scripts, what the host answers them, and what may come of it.
#ifndef LUAWAIT_TESTS_SCENARIOS_H
#define LUAWAIT_TESTS_SCENARIOS_H

#include "CLuaBridge.h"

// How a scenario may end, besides with a failure of type memory.
typedef enum ending {
    ENDS_WITH_VALUE,   // `expected` is its JSON, also when some allocation failed and Lua has coped
    ENDS_WITH_ANY,     // `expected` is its JSON when nothing failed; a script that catches errors may give another
    ENDS_WITH_FAILURE, // of type `failure`; `expected` is its message
    ENDS_STOPPED,
} ending;

typedef struct reply {
    lwb_answer_kind kind;
    const char *json;
} reply;

typedef struct scenario {
    const char *name, *script;
    const char *args, *globals; // JSON, or NULL
    ending ending;
    const char *expected;
    lwb_failure_type failure;
    reply replies[4];       // to host calls, one after the other, and then from the first again
    int slice_instructions; // 0: one slice
    bool is_shared, faults_opening;
    size_t memory_limit;
} scenario;

extern const scenario scenarios[];
extern const size_t scenario_count;

#endif
