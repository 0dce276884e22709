// Interrupting the thread that runs a script, without ever hitting one that does not.
//
// A stopper is one thread's place in the protocol. Its state is one word: the ticket of the run, orders not delivered
// yet, and a phase:
//
//   idle      the thread is outside Lua; no signal may reach it
//   running   inside Lua, no signal is under way
//   claimed   somebody has taken it upon himself to send the signal; the thread waits for it before it leaves
//   paused    about to go in, or inside but in a callback of the host's; orders wait until it runs
//   counting  inside Lua, where orders are looked for by counting instructions; no signal is sent
//
//   thread:  idle → paused (announce) → running (enter) → idle (leave);  running → paused → running (a callback)
//   anyone:  running → claimed, then the signal; claimed → running when the system refuses it
//   handler: claimed, running → running, orders in hand
//
// While a run is claimed its thread stays, so the signal arrives inside Lua, and no system call of the host's is
// interrupted. It does not wait for ever: a signal may be lost, to somebody who has replaced the handler, say. What is
// later than LOST_AFTER_NS is taken for lost. The orders are in the word, so they are met all the same: by the thread,
// when it leaves or calls the host; by the next who has an order to give, and sends another signal; and for a while
// this thread's runs are counted. A signal that comes after all finds its thread in another phase, and does nothing.
#include "stop/stopper.h"

#include "CLuaBridge.h"
#include "stop/preemption.h"
#include "stop/stop_signal.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { PHASE_IDLE, PHASE_RUNNING, PHASE_CLAIMED, PHASE_PAUSED, PHASE_COUNTING };

// How many instructions pass between two looks for orders, when they are looked for by counting. A look costs a tenth
// of a microsecond; one of the instructions, comparing long texts, say, may cost a thousand times as much.
enum { COUNTING_INTERVAL = 250 };

// A signal takes some microseconds, unless its sender is not given a processor.
static const int64_t LOST_AFTER_NS = 100000000;
// How long a thread counts after a lost signal, before it trusts in them again.
static const int64_t COUNTING_AFTER_LOSS_NS = 1000000000;

enum { ORDERS_SHIFT = 4, TICKET_SHIFT = 8, LOW_BITS = 15 };

struct lwb_stopper {
    _Atomic uint64_t state;
    _Atomic int64_t claimed_at_ns; // of the last claim
    atomic_bool was_refused;       // the last signal
    lwb_signal_target target;
    bool never_signals;       // config: orders are looked for by counting, always
    bool counts;              // they are, in this run
    int64_t signals_again_ns; // a signal was lost: from then on they are trusted again; 0: they are
    bool was_blocked;         // the signal, in what the host has made the thread's mask
    lwb_context *context;
    int64_t cpu_mark_ns;
    int64_t slice_end_ns, deadline_ns;
    int slice_instructions; // 0: the clock says when a slice is over
    lwb_stopper *outer;     // of a run whose callback evaluates another script on the same thread
};

// Initial-exec: the handler may not call the function that allocates thread-local storage lazily.
static _Thread_local lwb_stopper *bound __attribute__((tls_model("initial-exec")));

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

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lwb_thread_cpu_ns(void) {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

lwb_stopper *lwb_stopper_new(bool counting) {
    lwb_stopper *stopper = calloc(1, sizeof *stopper);
    if (stopper != NULL) stopper->never_signals = stopper->counts = counting;
    return stopper;
}

void lwb_stopper_free(lwb_stopper *stopper) {
    free(stopper);
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
    return stopper->counts;
}

bool lwb_stopper_counts_for_once(const lwb_stopper *stopper) {
    return stopper->counts && !stopper->never_signals;
}

void lwb_stopper_mark_cpu(lwb_stopper *stopper) {
    stopper->cpu_mark_ns = lwb_thread_cpu_ns();
}

int64_t lwb_stopper_cpu_mark(const lwb_stopper *stopper) {
    return stopper->cpu_mark_ns;
}

// ---- Whether signals arrive ----------------------------------------------------------------------------------------

static void distrust_signals(lwb_stopper *stopper) {
    stopper->signals_again_ns = clock_ns(CLOCK_MONOTONIC) + COUNTING_AFTER_LOSS_NS;
}

static void find_target(lwb_stopper *stopper) {
    stopper->target = lwb_signal_target_here();
    if (stopper->target.may_fail) distrust_signals(stopper);
}

static void choose_how_to_stop(lwb_stopper *stopper) {
    if (stopper->never_signals) return;
    if (atomic_exchange(&stopper->was_refused, false)) distrust_signals(stopper);
    if (stopper->signals_again_ns != 0 && clock_ns(CLOCK_MONOTONIC) >= stopper->signals_again_ns) {
        stopper->signals_again_ns = 0;
        find_target(stopper);
    }
    stopper->counts = stopper->signals_again_ns != 0;
}

// A thread that blocks the signal would not be stopped.
static void unblock(lwb_stopper *stopper) {
    if (!stopper->never_signals && lwb_signal_unblock()) stopper->was_blocked = true;
}

void lwb_stopper_bind(lwb_stopper *stopper) {
    stopper->outer = bound;
    stopper->cpu_mark_ns = lwb_thread_cpu_ns();
    bound = stopper;
    if (stopper->never_signals) return;
    find_target(stopper);
    stopper->was_blocked = false;
    unblock(stopper);
}

void lwb_stopper_unbind(lwb_stopper *stopper) {
    // This one alone: a callback may have changed what else the thread blocks.
    if (stopper->was_blocked) lwb_signal_block();
    bound = stopper->outer;
}

static bool is_overdue(lwb_stopper *stopper) {
    return clock_ns(CLOCK_MONOTONIC) - atomic_load(&stopper->claimed_at_ns) >= LOST_AFTER_NS;
}

// ---- Giving orders -------------------------------------------------------------------------------------------------

// The thread leaves, or is given the next order, as if there had been no signal.
static void give_up_claim(lwb_stopper *stopper, uint64_t ticket) {
    atomic_store(&stopper->was_refused, true);
    uint64_t state = atomic_load(&stopper->state);
    while (phase_of(state) == PHASE_CLAIMED && ticket_of(state) == ticket) {
        if (atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket, orders_of(state), PHASE_RUNNING)))
            return;
    }
}

bool lwb_stopper_order(lwb_stopper *stopper, uint64_t ticket, lwb_order order) {
    uint64_t state = atomic_load(&stopper->state);
    for (;;) {
        int phase = phase_of(state), orders = orders_of(state) | (int)order;
        if (phase == PHASE_IDLE || ticket_of(state) != ticket) return false;
        bool was_lost = phase == PHASE_CLAIMED && is_overdue(stopper);
        bool claims = phase == PHASE_RUNNING || was_lost;
        // Before the claim can be seen. Of two who write it, either will do.
        if (claims) atomic_store(&stopper->claimed_at_ns, clock_ns(CLOCK_MONOTONIC));
        if (!atomic_compare_exchange_weak(&stopper->state, &state,
                                          make_state(ticket, orders, claims ? PHASE_CLAIMED : phase)))
            continue;
        if (claims && !lwb_signal_send(&stopper->target, was_lost)) give_up_claim(stopper, ticket);
        return true;
    }
}

// In the handler. A signal that comes late may find orders that another was to bring.
void lwb_stopper_signalled(void) {
    lwb_stopper *stopper = bound;
    if (stopper == NULL) return;
    uint64_t state = atomic_load(&stopper->state);
    while (phase_of(state) == PHASE_CLAIMED || phase_of(state) == PHASE_RUNNING) {
        if (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, PHASE_RUNNING)))
            continue;
        if (orders_of(state) != 0) lwb_obey_signal(stopper->context, orders_of(state));
        return;
    }
}

// ---- On the thread -------------------------------------------------------------------------------------------------

static int take_orders(lwb_stopper *stopper) {
    uint64_t state = atomic_load(&stopper->state);
    do {
        // What is claimed the signal brings.
        if (orders_of(state) == 0 || phase_of(state) == PHASE_CLAIMED) return 0;
    } while (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, phase_of(state))));
    return orders_of(state);
}

// The signal ends it. It sleeps, so that a sender with a lower priority gets this processor, if it has no other.
static void wait_for_signal(void) {
    const struct timespec moment = {.tv_nsec = 50000};
    (void)nanosleep(&moment, NULL);
}

// Goes on to `phase` once no signal is under way; gives the orders that were not delivered.
static int leave_running(lwb_stopper *stopper, int phase) {
    uint64_t state = atomic_load(&stopper->state);
    for (;;) {
        if (phase_of(state) == PHASE_CLAIMED && !is_overdue(stopper)) {
            wait_for_signal();
            state = atomic_load(&stopper->state);
            continue;
        }
        if (atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, phase))) break;
    }
    if (phase_of(state) == PHASE_CLAIMED) distrust_signals(stopper);
    return orders_of(state);
}

static void start_running(lwb_stopper *stopper) {
    int phase = stopper->counts ? PHASE_COUNTING : PHASE_RUNNING;
    uint64_t state = atomic_load(&stopper->state);
    while (!atomic_compare_exchange_weak(&stopper->state, &state, make_state(ticket_of(state), 0, phase)))
        continue;
    if (orders_of(state) != 0) lwb_obey(stopper->context, orders_of(state));
}

int lwb_stopper_look(lwb_stopper *stopper) {
    int orders = take_orders(stopper);
    if (!stopper->counts || (stopper->slice_end_ns == 0 && stopper->deadline_ns == 0)) return orders;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    bool by_instructions = lwb_stopper_slices_by_instructions(stopper);
    if (!by_instructions && stopper->slice_end_ns != 0 && now >= stopper->slice_end_ns) orders |= LWB_ORDER_SLICE;
    if (stopper->deadline_ns != 0 && now >= stopper->deadline_ns) orders |= LWB_ORDER_CONDEMN;
    return orders;
}

void lwb_stopper_announce(lwb_stopper *stopper, uint64_t ticket) {
    choose_how_to_stop(stopper);
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
    unblock(stopper); // a callback may have blocked it
    start_running(stopper);
}
