#define _GNU_SOURCE // pthread_setname_np
#include "CPlatform.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EMPTY = 0, NOTIFIED = 1 };
#define PARKED UINT32_MAX // EMPTY - 1

static void futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    // A wrong value, a signal or the timeout: the caller looks at the word whatever the reason.
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &timeout, NULL, 0);
}

bool lwp_parker_park(lwp_parker *parker, int64_t timeout_ns) {
    // NOTIFIED becomes EMPTY, EMPTY becomes PARKED.
    if (__atomic_fetch_sub(&parker->state, 1, __ATOMIC_SEQ_CST) == NOTIFIED) return true;
    if (timeout_ns >= 0) {
        futex_wait(&parker->state, PARKED, timeout_ns);
        return __atomic_exchange_n(&parker->state, EMPTY, __ATOMIC_SEQ_CST) == NOTIFIED;
    }
    for (;;) {
        futex_wait(&parker->state, PARKED, -1);
        uint32_t expected = NOTIFIED;
        if (__atomic_compare_exchange_n(&parker->state, &expected, EMPTY, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    }
}

void lwp_parker_unpark(lwp_parker *parker) {
    if (__atomic_exchange_n(&parker->state, NOTIFIED, __ATOMIC_SEQ_CST) == PARKED) {
        (void)syscall(SYS_futex, &parker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

typedef struct start {
    void (*body)(void *);
    void *argument;
} start;

static void *run(void *data) {
    start begin = *(start *)data;
    free(data);
    begin.body(begin.argument);
    return NULL;
}

int lwp_thread_start(pthread_t *thread, const char *name, size_t stack_size, void (*body)(void *), void *argument) {
    start *begin = malloc(sizeof *begin);
    if (begin == NULL) return ENOMEM;
    *begin = (start){body, argument};
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_size);
    // Between pthread_create and a mask set by the thread itself a signal of the host's could slip in.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(thread, &attributes, run, begin);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        free(begin);
    } else {
        (void)pthread_setname_np(*thread, name); // a refusal changes nothing that matters
    }
    return result;
}

// One handler for this lock and those of the runtime: with two, a fork would take them in the order in which they were
// registered. The bridge has one for the stop signal's (stop_signal.c), which nobody takes who holds this or one of those.
static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*before_fork)(void), (*after_fork_in_parent)(void), (*after_fork_in_child)(void);

static void lock_for_fork(void) {
    pthread_mutex_lock(&fork_lock);
    if (before_fork != NULL) before_fork();
}

static void unlock_in_parent(void) {
    if (after_fork_in_parent != NULL) after_fork_in_parent();
    pthread_mutex_unlock(&fork_lock);
}

static void unlock_in_child(void) {
    if (after_fork_in_child != NULL) after_fork_in_child();
    pthread_mutex_unlock(&fork_lock);
}

// When the library is loaded: another thread may fork in the moment of the first call.
__attribute__((constructor)) static void prepare_for_forks(void) {
    (void)pthread_atfork(lock_for_fork, unlock_in_parent, unlock_in_child); // fails for a lack of memory alone
}

void lwp_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)) {
    before_fork = before;
    after_fork_in_parent = in_parent;
    after_fork_in_child = in_child;
}

void lwp_once_between_forks(void (*body)(void)) {
    static bool is_done;
    if (__atomic_load_n(&is_done, __ATOMIC_ACQUIRE)) return;
    pthread_mutex_lock(&fork_lock);
    if (!is_done) {
        body();
        __atomic_store_n(&is_done, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&fork_lock);
}

uint64_t lwp_thread_number(void) {
    static uint64_t last;
    static _Thread_local uint64_t own;
    if (own == 0) own = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return own;
}

void lwp_thread_raise_priority(pthread_t thread) {
    int policy;
    struct sched_param parameters;
    if (pthread_getschedparam(thread, &policy, &parameters) != 0) return;
    if (policy != SCHED_FIFO && policy != SCHED_RR) return;
    parameters.sched_priority += 1;
    (void)pthread_setschedparam(thread, policy, &parameters); // refused without the right, or at the highest
}

void lwp_thread_wake_precisely(void) {
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); // a refusal costs precision only
}

int lwp_level_new(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

void lwp_level_raise(int descriptor) {
    // Fails only when the counter is about to overflow, and then it is readable.
    (void)eventfd_write(descriptor, 1);
}

void lwp_level_lower(int descriptor) {
    eventfd_t count;
    // Fails only when the counter is 0, and then it is not readable.
    (void)eventfd_read(descriptor, &count);
}

int lwp_timer_new(void) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return timer < 0 ? -errno : timer;
}

void lwp_timer_arm(int timer, int64_t instant_ns) {
    struct itimerspec when = {0};
    if (instant_ns != INT64_MAX) {
        // All zero would disarm it.
        if (instant_ns <= 0) instant_ns = 1;
        when.it_value = (struct timespec){.tv_sec = instant_ns / 1000000000, .tv_nsec = instant_ns % 1000000000};
    }
    // Fails only for a descriptor that is no timer.
    (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int lwp_either_new(int one, int other) {
    int both = epoll_create1(EPOLL_CLOEXEC);
    if (both < 0) return -errno;
    struct epoll_event readable = {.events = EPOLLIN};
    if (epoll_ctl(both, EPOLL_CTL_ADD, one, &readable) == 0 && epoll_ctl(both, EPOLL_CTL_ADD, other, &readable) == 0) {
        return both;
    }
    int failure = errno;
    close(both);
    return -failure;
}

int64_t lwp_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
