// The seam: which allocation of the bridge fails. The program is linked with --wrap, so malloc, calloc, realloc and
// free of the bridge's files, and through its allocator all of Lua's, come by here; jansson's are led here by
// json_set_alloc_funcs. What the program itself allocates comes by as well, so it arms the faults around its calls of
// the bridge alone. Each block is guarded: the program aborts when somebody has written behind its end.
#ifndef LUAWAIT_TESTS_FAULTS_H
#define LUAWAIT_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum faults_mode {
    FAULTS_ONE,     // the n-th allocation alone: Lua collects garbage and asks again
    FAULTS_TWO,     // the n-th and the next: Lua raises its error, and then there is memory again
    FAULTS_ALL,     // the n-th and all further ones
    FAULTS_EVERY,   // each n-th one
    FAULTS_COLLECT, // each of Lua's once, so that it collects all garbage and asks again: none counts as failed
    FAULTS_MODES
} faults_mode;

extern const char *const faults_mode_names[FAULTS_MODES];

// From here on allocations are counted, and some fail. A plan begins with the first.
void faults_plan(faults_mode mode, unsigned long n);
// Between these two: nested, as a callback that is called by the bridge is no part of it.
void faults_arm(void);
void faults_disarm(void);
// Memory is there again, whatever the plan.
void faults_end(void);
// How many have failed since faults_plan.
unsigned long faults_failed(void);
// How many blocks live.
long faults_live(void);
// Leads jansson's allocations here.
void faults_take_in_jansson(void);

#endif
