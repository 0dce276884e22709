// Where the stack of the calling thread lies.
#define _GNU_SOURCE
#include "core/thread_stack.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

// The main thread's stack grows as it is used, as far as a limit that the process may change, but not into what has
// been mapped below it: so far Linux keeps that away, whatever the limit.
enum { MOST_GROWTH = 64 * 1024 * 1024 };

typedef struct known_stack {
    lwb_thread_stack bounds;
    bool is_known, grows;
} known_stack;

static bool learn(known_stack *stack) {
    pthread_attr_t attributes;
    void *low;
    size_t size;
    // For the main thread it reads a file of the system's, which need not be there.
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
    bool is_known = pthread_attr_getstack(&attributes, &low, &size) == 0;
    pthread_attr_destroy(&attributes);
    stack->bounds = (lwb_thread_stack){(uintptr_t)low, (uintptr_t)low + size};
    stack->grows = gettid() == getpid();
    return is_known;
}

static uintptr_t end_of_growth(const lwb_thread_stack *bounds) {
    struct rlimit limit;
    uintptr_t size = MOST_GROWTH;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size) size = limit.rlim_cur;
    return bounds->high - size > bounds->low ? bounds->high - size : bounds->low;
}

lwb_thread_stack lwb_find_thread_stack(void) {
    static _Thread_local known_stack own;
    if (!own.is_known && !(own.is_known = learn(&own))) return (lwb_thread_stack){0, 0};
    lwb_thread_stack bounds = own.bounds;
    if (own.grows) bounds.low = end_of_growth(&bounds);
    return bounds;
}
