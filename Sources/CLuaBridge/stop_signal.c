// Interrupting the thread that runs a script, without ever hitting one that does not.
//
// A stopper is one thread's place in the protocol. Its state is one word: the ticket of the run, orders not delivered
// yet, and a phase:
//
//   idle      the thread is outside Lua; no signal may reach it
//   running   inside Lua, no signal is under way
//   claimed   somebody has taken it upon himself to send the signal; the thread may not leave before it has arrived
//   paused    about to go in, or inside but in a callback of the host's; orders wait until it runs
//
//   thread:  idle → paused (announce) → running (enter) → idle (leave);  running → paused → running (a callback)
//   anyone:  running → claimed, then pthread_kill
//   handler: claimed → running, orders in hand
//
// A claimed run cannot be left, so the thread exists and is inside Lua when the signal arrives. That is the whole proof
// that no system call of the host's is ever interrupted.
#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { PHASE_IDLE, PHASE_RUNNING, PHASE_CLAIMED, PHASE_PAUSED };

// How many instructions pass between two looks for orders, when they are looked for by counting. A look costs a tenth of a
// microsecond; one of the instructions, comparing long texts, say, may cost a thousand times as much.
enum { COUNTING_INTERVAL = 250 };

enum { ORDERS_SHIFT = 4, TICKET_SHIFT = 8, LOW_BITS = 15 };

struct lwb_stopper {
    _Atomic uint64_t state;
    pthread_t thread;
    bool counting;
    lwb_context *context;
    int64_t cpu_mark_ns;
    int64_t slice_end_ns, deadline_ns;
    int slice_instructions; // 0: the clock says when a slice is over
    lwb_stopper *outer;     // of a run whose callback evaluates another script on the same thread
    sigset_t mask_before;
};

// Initial-exec: the handler may not call the function that allocates thread-local storage lazily.
static _Thread_local lwb_stopper *bound __attribute__((tls_model("initial-exec")));

static atomic_int installed_signal;
static struct sigaction previous_action;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t make_state(uint64_t ticket, int orders, int phase) {
    return ticket << TICKET_SHIFT | (uint64_t)orders << ORDERS_SHIFT | (uint64_t)phase;
}

static uint64_t ticket_of(uint64_t state) {
    return state >> TICKET_SHIFT;
}
static int orders_of(uint64_t state) {
    return (int)(state >> ORDERS_SHIFT) & LOW_BITS;
}
static int phase_of(uint64_t state) {
    return (int)state & LOW_BITS;
}

static void pass_on(int signal, siginfo_t *info, void *machine) {
    if (previous_action.sa_flags & SA_SIGINFO) {
        if (previous_action.sa_sigaction != NULL) previous_action.sa_sigaction(signal, info, machine);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(signal);
    }
}

static void handle(int signal, siginfo_t *info, void *machine) {
    int saved_errno = errno;
    lwb_stopper *stopper = bound;
    if (stopper != NULL) {
        uint64_t state = atomic_load(&stopper->state);
        while (phase_of(state) == PHASE_CLAIMED) {
            if (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, PHASE_RUNNING)))
                continue;
            lwb_obey_signal(stopper->context, orders_of(state));
            errno = saved_errno;
            return;
        }
    }
    pass_on(signal, info, machine);
    errno = saved_errno;
}

static int find_free_signal(void) {
    // The first few are what programs and libraries reach for when they want one.
    for (int signal = SIGRTMIN + 8; signal < SIGRTMAX - 2; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) != 0) continue;
        if (!(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL) return signal;
    }
    return -EBUSY;
}

static int install(int signal) {
    if (signal == 0) signal = find_free_signal();
    if (signal < 0) return signal;
    if (signal < SIGRTMIN || signal > SIGRTMAX) return -EINVAL;
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    if (sigaction(signal, &action, &previous_action) != 0) return -errno;
    return signal;
}

int lwb_stop_signal_install(int signal) {
    pthread_mutex_lock(&install_lock);
    int result = atomic_load(&installed_signal);
    if (result == 0) {
        result = install(signal);
        if (result > 0) atomic_store(&installed_signal, result);
    }
    pthread_mutex_unlock(&install_lock);
    return result;
}

lwb_stopper *lwb_stopper_new(bool counting) {
    lwb_stopper *stopper = calloc(1, sizeof *stopper);
    if (stopper != NULL) stopper->counting = counting;
    return stopper;
}

void lwb_stopper_free(lwb_stopper *stopper) {
    free(stopper);
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lwb_thread_cpu_ns(void) {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void lwb_stopper_set_slice_end(lwb_stopper *stopper, int64_t slice_end_ns) {
    stopper->slice_end_ns = slice_end_ns;
}

void lwb_stopper_set_deadline(lwb_stopper *stopper, int64_t deadline_ns) {
    stopper->deadline_ns = deadline_ns;
}

void lwb_stopper_set_slice_instructions(lwb_stopper *stopper, int instructions) {
    stopper->slice_instructions = instructions;
}

int lwb_stopper_interval(const lwb_stopper *stopper) {
    return stopper->slice_instructions != 0 ? stopper->slice_instructions : COUNTING_INTERVAL;
}

bool lwb_stopper_slices_by_instructions(const lwb_stopper *stopper) {
    return stopper->slice_instructions != 0;
}

bool lwb_stopper_counts(const lwb_stopper *stopper) {
    return stopper->counting;
}

void lwb_stopper_bind(lwb_stopper *stopper) {
    stopper->thread = pthread_self();
    stopper->outer = bound;
    stopper->cpu_mark_ns = lwb_thread_cpu_ns();
    bound = stopper;
    if (!stopper->counting) {
        // A thread that blocks the signal would never leave a claimed run.
        sigset_t stop;
        sigemptyset(&stop);
        sigaddset(&stop, atomic_load(&installed_signal));
        pthread_sigmask(SIG_UNBLOCK, &stop, &stopper->mask_before);
    }
}

void lwb_stopper_unbind(lwb_stopper *stopper) {
    if (!stopper->counting) pthread_sigmask(SIG_SETMASK, &stopper->mask_before, NULL);
    bound = stopper->outer;
}

void lwb_stopper_mark_cpu(lwb_stopper *stopper) {
    stopper->cpu_mark_ns = lwb_thread_cpu_ns();
}

int64_t lwb_stopper_cpu_mark(const lwb_stopper *stopper) {
    return stopper->cpu_mark_ns;
}

bool lwb_stopper_order(lwb_stopper *stopper, uint64_t ticket, lwb_order order) {
    uint64_t state = atomic_load(&stopper->state);
    for (;;) {
        int phase = phase_of(state), orders = orders_of(state) | (int)order;
        if (phase == PHASE_IDLE || ticket_of(state) != ticket) return false;
        bool claims = phase == PHASE_RUNNING && !stopper->counting;
        if (!atomic_compare_exchange_weak(&stopper->state, &state,
                                          make_state(ticket, orders, claims ? PHASE_CLAIMED : phase)))
            continue;
        if (claims) pthread_kill(stopper->thread, atomic_load(&installed_signal));
        return true;
    }
}

static int take_orders(lwb_stopper *stopper) {
    uint64_t state = atomic_load(&stopper->state);
    if (orders_of(state) == 0) return 0;
    while (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, phase_of(state))))
        continue;
    return orders_of(state);
}

// Goes from running to `phase` once no signal is under way; gives the orders that were not delivered.
static int leave_running(lwb_stopper *stopper, int phase) {
    uint64_t state = atomic_load(&stopper->state);
    for (;;) {
        if (phase_of(state) == PHASE_CLAIMED) {
            sched_yield(); // the signal comes to this very thread; only its sender may have to be waited for
            state = atomic_load(&stopper->state);
            continue;
        }
        if (atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, phase)))
            return orders_of(state);
    }
}

static void start_running(lwb_stopper *stopper) {
    uint64_t state = atomic_load(&stopper->state);
    while (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, PHASE_RUNNING)))
        continue;
    if (orders_of(state) != 0) lwb_obey(stopper->context, orders_of(state));
}

int lwb_stopper_look(lwb_stopper *stopper) {
    int orders = take_orders(stopper);
    if (stopper->slice_end_ns == 0 && stopper->deadline_ns == 0) return orders;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    bool by_instructions = lwb_stopper_slices_by_instructions(stopper);
    if (!by_instructions && stopper->slice_end_ns != 0 && now >= stopper->slice_end_ns) orders |= LWB_ORDER_SLICE;
    if (stopper->deadline_ns != 0 && now >= stopper->deadline_ns) orders |= LWB_ORDER_CONDEMN;
    return orders;
}

void lwb_stopper_announce(lwb_stopper *stopper, uint64_t ticket) {
    atomic_store(&stopper->state, make_state(ticket, 0, PHASE_PAUSED));
}

void lwb_stopper_enter(lwb_stopper *stopper, lwb_context *context) {
    stopper->context = context;
    start_running(stopper);
}

void lwb_stopper_leave(lwb_stopper *stopper) {
    int orders = leave_running(stopper, PHASE_IDLE);
    // The slice is over now, whatever it was told: a hook set for that would be in the way of the next one.
    if (orders & LWB_ORDER_CONDEMN) lwb_obey(stopper->context, LWB_ORDER_CONDEMN);
    stopper->cpu_mark_ns = lwb_thread_cpu_ns();
}

void lwb_stopper_pause(lwb_stopper *stopper) {
    int orders = leave_running(stopper, PHASE_PAUSED);
    if (orders != 0) lwb_obey(stopper->context, orders);
}

void lwb_stopper_resume(lwb_stopper *stopper) {
    start_running(stopper);
}
