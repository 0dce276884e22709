/*
 * The stop signal does something inside Lua alone, and no stop is lost, also where a signal is.
 *
 * Models CLuaBridge/stop/stopper.c: one word for the thread (phase, ticket, orders), changed by compare-and-swap, so each
 * change is atomic here. The thread announces, enters, calls back into the host, leaves, RUNS times. Two senders (the
 * watchdog and a canceller) each order one run, whichever they have seen, to stop; the first of them repeats its order, as
 * the watchdog does. The signal itself is a step that only the thread takes, at any moment after it was sent.
 *
 * With FAILING, the system may refuse a signal, somebody else may handle it, and time may be up before it comes
 * (is_overdue): each at any moment. In those cases a signal may arrive outside Lua.
 *
 * Checked: the handler obeys orders inside Lua alone, and those of the run that is there; an accepted order has been obeyed
 * when its run is left; without a failure no signal comes to a thread outside Lua; nobody waits for ever (an invalid end
 * state).
 */
#ifndef FAILING
#define FAILING 0
#endif
#define RUNS 2

mtype = { IDLE, RUNNING, CLAIMED, PAUSED, COUNTING };

mtype phase = IDLE;
byte ticket = 0;
bool orders = false;
byte signals = 0; /* sent, not yet handled */
bool in_lua = false;
bool counts = false;   /* lwb_stopper.counts */
bool distrust = false; /* signals_again_ns, was_refused */
bool failed = false;   /* something has */
bool accepted[RUNS + 1] = false; /* lwb_stopper_order returned true for this ticket */
bool obeyed[RUNS + 1] = false;

#define OVERDUE (FAILING == 1)

/* lwb_stopper_signalled, on the thread. */
inline handle() {
    if
    :: atomic { phase == CLAIMED || phase == RUNNING ->
            assert(in_lua);
            phase = RUNNING;
            obeyed[ticket] = obeyed[ticket] || orders;
            orders = false }
    :: else
    fi
}

/* The kernel may deliver at any instruction of the thread's. */
inline deliver() {
    do
    :: atomic { signals > 0 -> signals-- }; handle()
    :: break
    od
}

/* leave_running: waits while a signal is under way, until that is overdue. What it takes is obeyed, or the run is over. */
inline leave_running(next) {
    do
    :: atomic { (phase == RUNNING || phase == COUNTING || (phase == CLAIMED && OVERDUE)) ->
            if
            :: phase == CLAIMED -> failed = true; distrust = true
            :: else
            fi;
            phase = next;
            obeyed[ticket] = obeyed[ticket] || orders;
            orders = false;
            break }
    :: atomic { phase == CLAIMED && signals > 0 -> signals-- }; handle()
    od
}

inline start_running() {
    atomic {
        phase = (counts -> COUNTING : RUNNING);
        obeyed[ticket] = obeyed[ticket] || orders;
        orders = false
    }
}

/* lwb_stopper_look: a hook that counts, or a loop in C. */
inline look() {
    atomic {
        if
        :: phase != CLAIMED -> obeyed[ticket] = obeyed[ticket] || orders; orders = false
        :: else
        fi
    }
}

proctype thread() {
    byte run_number;
    for (run_number : 1 .. RUNS) {
        atomic {
            counts = distrust; /* announce */
            phase = PAUSED;
            ticket = run_number;
            orders = false
        };
        deliver();
        in_lua = true;
        start_running(); /* enter */
        deliver();
        look();
        if
        :: /* a callback of the host's: no signal may come while it runs */
            leave_running(PAUSED);
            in_lua = false;
            assert(phase != CLAIMED && (signals == 0 || failed));
            deliver();
            in_lua = true;
            start_running();
            deliver()
        :: skip
        fi;
        leave_running(IDLE);
        in_lua = false;
        assert(signals == 0 || failed);
        assert(!accepted[run_number] || obeyed[run_number]);
        deliver()
    }
}

/* lwb_signal_send: it gets there, it goes to another's handler, or the system refuses it (give_up_claim). */
inline send() {
    if
    :: atomic { signals++; assert(in_lua || failed) }
    :: FAILING == 1 -> failed = true
    :: FAILING == 1 ->
        failed = true;
        distrust = true;
        atomic {
            if
            :: phase == CLAIMED && ticket == target -> phase = RUNNING
            :: else
            fi
        }
    fi
}

/* lwb_stopper_order */
inline order() {
    claims = false;
    atomic {
        if
        :: phase == IDLE || ticket != target -> skip
        :: else ->
            if
            :: phase == RUNNING -> claims = true; phase = CLAIMED
            :: phase == CLAIMED && OVERDUE -> claims = true; failed = true
            :: else
            fi;
            orders = true;
            accepted[target] = true
        fi
    };
    if
    :: claims -> send()
    :: else
    fi
}

proctype sender(byte times) {
    byte target, time;
    bool claims = false;
    atomic { ticket > 0 -> target = ticket };
    for (time : 1 .. times) {
        order()
    }
}

init {
    atomic { run thread(); run sender(2); run sender(1) }
}
