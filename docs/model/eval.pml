/*
 * Each eval ends exactly once, each request is handed out at most once and answered or withdrawn exactly once, and each
 * thing to take is taken exactly once, whichever call takes it.
 *
 * Models Evals/EvalMachine.swift (the phases and what each event leads to), the methods of Engine/EngineCore that use it,
 * Requests/RequestTable.swift and Events/EventQueue.swift. One script calls the host CALLS times; against it run a host
 * that takes, answers and polls, a canceller, the watchdog with a call's and the eval's time-outs, and a thread that shuts
 * the engine down and may lose patience. Each atomic block is one call of the core under its lock.
 *
 * Checked: the assertions below, and that the eval always ends, the host finds everything and the shutdown returns (an
 * invalid end state otherwise).
 */
#ifndef CALLS
#define CALLS 2
#endif

/* EvalMachine.Phase; before: luawait_start has not been called, or was refused */
mtype = { UNBORN, REFUSED, WAITING, RUNNING, PARKED, BLOCKED, ENDED };
/* EvalMachine.Condemnation */
mtype = { NOBODY, CANCELLED, TIMED_OUT, SHUT_DOWN };
/* RequestTable: not posted, isPending, handed out by takeFirst or takeAsEvent, closed one way or the other */
mtype = { NOT_POSTED, PENDING, TAKEN, TAKEN_AS_EVENT, ANSWERED, WITHDRAWN };
/* EventQueue.Entry; output is like a withdrawn request, never stale */
mtype = { REQUEST_ENTRY, WITHDRAWN_ENTRY, FINISHED_ENTRY };

mtype phase = UNBORN;
mtype condemnation = NOBODY;
mtype outcome = NOBODY;
bool stop_ordered = false; /* Actions.stops, carried out */
byte current = 0; /* the request it is parked at, from 1; 0 is none */
mtype requests[CALLS + 1] = NOT_POSTED;
byte live = 0; /* EngineCore.liveCount */
bool is_shut_down = false;
bool quiet_waiter = false; /* EngineCore.quietWaiters holds the parker */
bool unparked = false;
bool shutdown_returned = false;

chan events = [2 * CALLS + 1] of { mtype, byte }; /* EventQueue */
byte available = 0; /* EventGate.available */

byte ends = 0;
byte outcomes_taken = 0;
byte handed_out[CALLS + 1] = 0;
byte settled[CALLS + 1] = 0; /* answered or withdrawn */
bool was_event[CALLS + 1] = false;
byte told[CALLS + 1] = 0; /* withdrawn events taken */
byte untold = 0; /* and those not taken yet */
bool cancelled_in_time = false; /* luawait_cancel returned before the end */

#define is_open(id) (requests[id] == PENDING || requests[id] == TAKEN || requests[id] == TAKEN_AS_EVENT)
#define pending (current > 0 && requests[current] == PENDING)

/* What there is to take, counted anew. */
#define balanced (available == untold + (pending -> 1 : 0) + (phase == ENDED && outcomes_taken == 0 -> 1 : 0))

/* EngineCore.post */
inline post(kind, id) {
    events!kind(id);
    available++
}

/* EngineCore.complete */
inline end_eval(reason) {
    phase = ENDED;
    ends++;
    outcome = reason;
    assert(ends == 1);
    live--;
    if
    :: quiet_waiter && live == 0 -> quiet_waiter = false; unparked = true
    :: else
    fi;
    post(FINISHED_ENTRY, 0);
    assert(balanced)
}

/* RequestTable.close and EngineCore.noteWithdrawn */
inline close(id, how) {
    available = available - (requests[id] == PENDING -> 1 : 0);
    if
    :: how == WITHDRAWN && requests[id] == TAKEN_AS_EVENT -> post(WITHDRAWN_ENTRY, id); untold++
    :: else
    fi;
    requests[id] = how;
    settled[id]++;
    assert(settled[id] == 1)
}

/* EvalMachine.condemn, EngineCore.condemn */
inline condemn(reason) {
    if
    :: phase == UNBORN || phase == REFUSED || phase == ENDED || condemnation != NOBODY -> skip
    :: else ->
        condemnation = reason;
        if
        :: phase == WAITING -> end_eval(reason)
        :: phase == PARKED -> close(current, WITHDRAWN); end_eval(reason)
        :: phase == RUNNING -> stop_ordered = true
        :: phase == BLOCKED -> close(current, WITHDRAWN); phase = RUNNING; stop_ordered = true
        fi
    fi
}

#define is_over (phase == ENDED || phase == REFUSED)

/* luawait_start: EngineCore.admit and start, in one piece */
proctype starter() {
    atomic {
        if
        :: is_shut_down -> phase = REFUSED
        :: else -> phase = WAITING; live++; assert(!shutdown_returned)
        fi
    }
}

/* A worker and the script it runs. */
proctype worker() {
    byte calls = 0;
    do
    :: atomic { phase == WAITING -> phase = RUNNING }; /* EvalMachine.take */
inside:
        /* Inside Lua. The stop may come at any time, or too late. */
        if
        :: atomic { calls < CALLS && condemnation == NOBODY -> /* EvalMachine.block, where Lua cannot yield */
                calls++;
                current = calls;
                requests[current] = PENDING;
                phase = BLOCKED;
                post(REQUEST_ENTRY, current);
                assert(balanced)
            };
            phase == RUNNING; /* the parker: answered, timed out or condemned */
            goto inside
        :: atomic { calls < CALLS -> /* EngineCore.park */
                if
                :: condemnation != NOBODY -> end_eval(condemnation)
                :: else ->
                    calls++;
                    current = calls;
                    requests[current] = PENDING;
                    phase = PARKED;
                    post(REQUEST_ENTRY, current);
                    assert(condemnation == NOBODY && balanced) /* a condemned eval waits for no host */
                fi
            }
        :: atomic { /* EngineCore.slice */
                if
                :: condemnation != NOBODY -> end_eval(condemnation)
                :: else -> phase = WAITING
                fi
            }
        :: atomic { calls == CALLS -> end_eval(condemnation) } /* EngineCore.finish: what it was condemned for decides */
        :: atomic { stop_ordered -> end_eval(condemnation) }
        fi
    :: is_over -> break
    od
}

/* The entry is taken out; if what it names was taken another way, it is skipped. */
inline claim(kind, id) {
    if
    :: kind == REQUEST_ENTRY && requests[id] == PENDING ->
        requests[id] = TAKEN_AS_EVENT;
        was_event[id] = true;
        handed_out[id]++;
        available--;
        assert(handed_out[id] == 1)
    :: kind == WITHDRAWN_ENTRY ->
        /* Only of what was handed out as an event, after it, and before the eval's end. */
        assert(was_event[id] && told[id] == 0 && requests[id] == WITHDRAWN);
        told[id]++;
        untold--;
        available--
    :: kind == FINISHED_ENTRY && outcomes_taken == 0 ->
        assert(untold == 0);
        outcomes_taken++;
        available--
    :: else -> skip
    fi;
    assert(balanced)
}

/* Takes by whichever call, and answers what it likes. */
proctype host() {
    mtype kind;
    byte id;
    do
    :: atomic { /* EngineCore.takeRequest */
            pending ->
            requests[current] = TAKEN;
            handed_out[current]++;
            available--;
            assert(handed_out[current] == 1 && balanced)
        }
    :: atomic { events?kind(id) -> claim(kind, id); id = 0 } /* EngineCore.nextEvent, entry by entry */
    :: atomic { /* EngineCore.takeOutcome */
            phase == ENDED && outcomes_taken == 0 -> outcomes_taken++; available--; assert(balanced)
        }
    :: atomic { /* EngineCore.answer: taken or not. What is not open is left out: nothing comes of it, and a host that could
                 * always do something would hide an eval that waits for ever. */
            current > 0 && is_open(current) ->
            close(current, ANSWERED);
            assert(phase == PARKED || phase == BLOCKED); /* EvalMachine.answer */
            phase = (phase == PARKED -> WAITING : RUNNING);
            assert(balanced)
        }
    :: atomic { phase == REFUSED || (phase == ENDED && available == 0 && empty(events)) -> break }
    od
}

proctype canceller() {
    if
    :: atomic { condemn(CANCELLED); cancelled_in_time = (condemnation == CANCELLED) }
    :: skip
    fi
}

proctype watchdog() {
    bool eval_fired = false;
    do
    :: atomic { !eval_fired && phase != UNBORN -> eval_fired = true; condemn(TIMED_OUT) }
    :: atomic { /* EngineCore.timeOutCall */
            current > 0 && is_open(current) ->
            close(current, WITHDRAWN);
            phase = (phase == PARKED -> WAITING : RUNNING);
            assert(balanced)
        }
    :: is_over -> break
    od
}

/* Engine.shutDown. The wait may last for ever only if nothing is left to wait for. */
proctype closer() {
    bool is_patient = true;
    do
    :: atomic { /* EngineCore.shutDown */
            is_shut_down = true;
            quiet_waiter = (live > 0);
            if
            :: live == 0 -> shutdown_returned = true; break
            :: else
            fi
        };
        if
        :: atomic { unparked -> unparked = false }
        :: atomic { is_patient -> is_patient = false; condemn(SHUT_DOWN) } /* EngineCore.condemnAll */
        fi
    od
}

init {
    byte i;
    atomic { run starter(); run worker(); run host(); run canceller(); run watchdog(); run closer() };
    _nr_pr == 1;
    assert(live == 0 && available == 0 && untold == 0);
    assert(phase == REFUSED || (ends == 1 && phase == ENDED && outcomes_taken == 1));
    assert(outcome == condemnation); /* the first to condemn it decides how it ends */
    assert(!cancelled_in_time || outcome == CANCELLED);
    for (i : 1 .. CALLS) {
        assert(requests[i] == NOT_POSTED || (settled[i] == 1 && !is_open(i)));
        assert(told[i] == (was_event[i] && requests[i] == WITHDRAWN -> 1 : 0))
    }
}
