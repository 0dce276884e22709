// For library functions that may loop for long in C. One is begun where the function begins or goes on.
#ifndef LUAWAIT_BRIDGE_INTERRUPT_H
#define LUAWAIT_BRIDGE_INTERRUPT_H

#include <lua.h>
#include <stdbool.h>

typedef struct lwb_interrupt {
    lua_State *L; // that runs the function
    int steps;    // until the next look
} lwb_interrupt;

// A step is some nanoseconds' work; a look costs about a step, but where orders are counted it reads a clock. Tests
// make it small, to have looks everywhere.
#ifndef LWB_STEPS_BETWEEN_LOOKS
#define LWB_STEPS_BETWEEN_LOOKS 1000
#endif

void lwb_interrupt_look(lwb_interrupt *interrupt);
bool lwb_interrupt_look_for_slice(lwb_interrupt *interrupt);

static inline lwb_interrupt lwb_interrupt_begin(lua_State *L) {
    return (lwb_interrupt){L, LWB_STEPS_BETWEEN_LOOKS};
}

// For a function that cannot go on after a yield: raises when the eval is condemned, and leaves the end of a slice for
// later. `cost` is in steps, at most INT_MAX - LWB_STEPS_BETWEEN_LOOKS.
static inline void lwb_checkpoint(lwb_interrupt *interrupt, int cost) {
    if ((interrupt->steps -= cost) <= 0) lwb_interrupt_look(interrupt);
}

// For a function that can: the same, and true when the slice is over and can be ended here. The function then keeps
// what it needs on its Lua stack and returns lwb_end_slice(...).
static inline bool lwb_slice_is_due(lwb_interrupt *interrupt, int cost) {
    return (interrupt->steps -= cost) <= 0 && lwb_interrupt_look_for_slice(interrupt);
}

// Ends the slice: yields all the way out, with the Lua stack as it is. `go_on` is called with the same stack when the
// eval has its next turn, and returns the function's results.
int lwb_end_slice(lua_State *L, lua_KContext extra, lua_KFunction go_on);

#endif
