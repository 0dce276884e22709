/*
 * The stop signal never reaches a thread that is outside Lua, and no stop is lost.
 *
 * Models CLuaBridge/stop_signal.c: one word for the thread (phase, ticket, orders), changed by compare-and-swap, so each
 * change is atomic here. The thread announces, enters, calls back into the host, leaves, RUNS times. Two senders (the
 * watchdog and a canceller) each order one run, whichever they have seen, to stop. The signal itself is a step that only
 * the thread takes, at any moment after it was sent.
 *
 * Checked: the handler runs inside Lua alone; an accepted order has been obeyed when its run is left; nobody waits for
 * ever (an invalid end state).
 */
#define RUNS 2

mtype = { IDLE, RUNNING, CLAIMED, PAUSED };

mtype phase = IDLE;
byte ticket = 0;
bool orders = false;
byte signals = 0; /* sent, not yet handled */
bool in_lua = false;
bool accepted[RUNS + 1] = false; /* lwb_stopper_order returned true for this ticket */
bool obeyed[RUNS + 1] = false;

/* The handler, on the thread. A signal that finds nothing claimed goes to the handler that was there before. */
inline handle() {
    if
    :: atomic { phase == CLAIMED -> assert(in_lua); phase = RUNNING; obeyed[ticket] = obeyed[ticket] || orders; orders = false }
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

/* leave_running: waits while a signal is under way. */
inline leave_running(next) {
    do
    :: atomic { phase == RUNNING -> phase = next; obeyed[ticket] = obeyed[ticket] || orders; orders = false; break }
    :: atomic { phase == CLAIMED && signals > 0 -> signals-- }; handle()
    od
}

inline start_running() {
    atomic { phase = RUNNING; obeyed[ticket] = obeyed[ticket] || orders; orders = false }
}

proctype thread() {
    byte run_number;
    for (run_number : 1 .. RUNS) {
        atomic { phase = PAUSED; ticket = run_number; orders = false }; /* announce */
        in_lua = true;
        start_running(); /* enter */
        deliver();
        if
        :: /* a callback of the host's: no signal may come while it runs */
            leave_running(PAUSED);
            in_lua = false;
            assert(phase != CLAIMED && signals == 0);
            in_lua = true;
            start_running();
            deliver()
        :: skip
        fi;
        leave_running(IDLE);
        in_lua = false;
        assert(signals == 0);
        assert(!accepted[run_number] || obeyed[run_number])
    }
}

/* lwb_stopper_order */
proctype sender() {
    byte target;
    bool claims = false;
    atomic { ticket > 0 -> target = ticket };
    atomic {
        if
        :: phase == IDLE || ticket != target -> skip
        :: else ->
            claims = (phase == RUNNING);
            phase = (claims -> CLAIMED : phase);
            orders = true;
            accepted[target] = true
        fi
    };
    if
    :: atomic { claims -> signals++; assert(in_lua) } /* pthread_kill: the thread is still inside */
    :: else
    fi
}

init {
    atomic { run thread(); run sender(); run sender() }
}
