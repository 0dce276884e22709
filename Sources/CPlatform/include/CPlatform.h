// System calls that Swift cannot make: futex(2), which is variadic syscall(2) to it, eventfd(2), which its Glibc module
// leaves out, and a thread that is born with its signals blocked. Nothing here knows of Lua or of the engine.
#ifndef LUAWAIT_PLATFORM_H
#define LUAWAIT_PLATFORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A place for one thread to wait in. An unpark while nobody waits makes the next park return at once; several are as
// one.
typedef struct lwp_parker {
    uint32_t state; // accessed atomically, by platform.c alone
} lwp_parker;

// Waits for an unpark, at most `timeout_ns` nanoseconds (negative: without limit). True when there was one.
bool lwp_parker_park(lwp_parker *parker, int64_t timeout_ns);
void lwp_parker_unpark(lwp_parker *parker);

// Starts a joinable thread in which all signals are blocked from its first instruction on, so that the host's handlers
// never run on it. `name`, at most 15 bytes, is for debuggers and `top -H`. Returns 0 or an errno.
int lwp_thread_start(pthread_t *thread, const char *name, size_t stack_size, void (*body)(void *), void *argument);

// Runs `body` once in the life of the process, and not while it is forking; a child goes on with what its parent has
// done. Whoever comes meanwhile waits.
void lwp_once_between_forks(void (*body)(void));

// What is to be done before and after each fork, in the parent and in the child, while what is above waits. For one
// caller, once, inside lwp_once_between_forks().
void lwp_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

// Names the calling thread among all that this process ever has: the system's names are used again. Never 0.
uint64_t lwp_thread_number(void);

// Where a thread has a real-time priority, gives it the next higher one, if the process may.
void lwp_thread_raise_priority(pthread_t thread);

// The calling thread wakes up when it is due, and not up to 50 µs later to save power.
void lwp_thread_wake_precisely(void);

// A descriptor that polls readable or not, closed on exec. Negative errno on failure.
int lwp_level_new(void);
// Both may be called again and again, from any thread.
void lwp_level_raise(int descriptor);
void lwp_level_lower(int descriptor);

// A timer that polls readable from an instant of CLOCK_MONOTONIC on. Negative errno on failure.
int lwp_timer_new(void);
// INT64_MAX: never. An instant that has passed makes it readable at once.
void lwp_timer_arm(int timer, int64_t instant_ns);

// A descriptor that polls readable while one of the two does. Negative errno on failure.
int lwp_either_new(int one, int other);

// Nanoseconds of CLOCK_MONOTONIC.
int64_t lwp_monotonic_ns(void);

#endif
