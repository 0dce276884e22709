// One life of a program: a context, the eval in it, its host, and what disturbs it. What came of it is a text, by which
// lives are compared: what the host was called with, how, and the outcome.
#ifndef LUAWAIT_TESTS_LIFE_H
#define LUAWAIT_TESTS_LIFE_H

#include "CLuaBridge.h"

// How an eval is ended while it is parked.
typedef enum life_stop {
    STOP_BY_FREEING,  // with its context
    STOP_BESIDE,      // it alone: another eval goes on in the context
    STOP_BY_AN_ORDER, // it is resumed, and condemned
    LIFE_STOPS
} life_stop;

typedef struct life_plan {
    bool is_shared;      // the context is one for many evals
    bool collects;       // each allocation of Lua's is refused at first, for which it collects all garbage
    bool changes_thread; // each time it goes on, it is on another thread
    int slice;           // in instructions; 0: one slice
    size_t room;         // bytes that it may use; 0: as many as it likes
    unsigned close_at;   // it closes a coroutine at this yield; 0: at none
    unsigned stop_at;    // it is ended at this park; 0: never
    life_stop stop;
} life_plan;

typedef struct life_outcome {
    char *text;        // to be freed
    bool finished;     // with a value
    bool lacks_memory; // it failed for that, or for a limit
    unsigned parks, yields;
    size_t most_room; // bytes that it used at a time
} life_outcome;

life_outcome life_live(const char *program, const life_plan *plan);

// Lives of several programs in one context, who take turns by chance. `outcomes` has room for all.
void life_live_together(const char *const *programs, size_t count, unsigned seed, life_outcome *outcomes);

#endif
