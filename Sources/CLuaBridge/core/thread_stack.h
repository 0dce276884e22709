// Where the stack of the calling thread lies.
#ifndef LUAWAIT_BRIDGE_THREAD_STACK_H
#define LUAWAIT_BRIDGE_THREAD_STACK_H

#include <stdint.h>

// Addresses: `low` is the last one it may grow to, `high` is where it begins. Both 0: unknown.
typedef struct lwb_thread_stack {
    uintptr_t low, high;
} lwb_thread_stack;

// Asks the system once for each thread.
lwb_thread_stack lwb_find_thread_stack(void);

#endif
