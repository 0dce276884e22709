/*
 * Each eval ends exactly once, and each request is handed out at most once and answered or withdrawn exactly once.
 *
 * Models Evals/EvalMachine.swift (the phases and what each event leads to) and the methods of Engine/EngineCore that use
 * it. One script calls the host CALLS times; against it run a host that takes and answers (and answers a second time), a
 * canceller, and the watchdog with a call's and the eval's time-outs. Each atomic block is one call of the core under
 * its lock.
 *
 * Checked: the assertions below, and that the eval always ends (an invalid end state otherwise).
 */
#ifndef CALLS
#define CALLS 2
#endif

mtype = { WAITING, RUNNING, PARKED, ENDED };
mtype = { NOBODY, CANCELLED, TIMED_OUT };
mtype = { UNBORN, PENDING, TAKEN, ANSWERED, WITHDRAWN };

mtype phase = WAITING;
mtype condemnation = NOBODY;
bool stop_ordered = false; /* Actions.stops, carried out */
byte current = 0; /* the request it is parked at, from 1; 0 is none */
mtype requests[CALLS + 1] = UNBORN;
byte handed_out[CALLS + 1] = 0;
byte settled[CALLS + 1] = 0; /* answered or withdrawn */
byte ends = 0;
bool cancelled_in_time = false; /* luawait_cancel returned before the end */
mtype outcome = NOBODY;

inline end_eval(reason) {
    phase = ENDED;
    ends++;
    outcome = reason;
    assert(ends == 1)
}

/* RequestTable.close */
inline close(id, how) {
    requests[id] = how;
    settled[id]++;
    assert(settled[id] == 1)
}

#define is_open(id) (requests[id] == PENDING || requests[id] == TAKEN)

/* EngineCore.condemn */
inline condemn(reason) {
    if
    :: phase == ENDED || condemnation != NOBODY -> skip
    :: else ->
        condemnation = reason;
        if
        :: phase == WAITING -> end_eval(reason)
        :: phase == PARKED -> close(current, WITHDRAWN); end_eval(reason)
        :: phase == RUNNING -> stop_ordered = true
        fi
    fi
}

/* A worker and the script it runs. */
proctype worker() {
    byte calls = 0;
    do
    :: atomic { phase == WAITING -> phase = RUNNING };
        /* Inside Lua. The stop may come at any time, or too late. */
        if
        :: atomic { calls < CALLS -> /* EngineCore.park */
                if
                :: condemnation != NOBODY -> end_eval(condemnation)
                :: else ->
                    calls++;
                    current = calls;
                    requests[current] = PENDING;
                    phase = PARKED
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
    :: phase == ENDED -> break
    od
}

/* Takes a request and answers it, twice, before or after taking. */
proctype host() {
    byte id;
    do
    :: atomic {
            current > 0 && requests[current] == PENDING ->
            id = current;
            requests[id] = TAKEN;
            handed_out[id]++;
            assert(handed_out[id] == 1)
        }
    :: atomic {
            current > 0 && is_open(current) ->
            id = current;
            close(id, ANSWERED);
            assert(phase == PARKED);
            phase = WAITING
        };
        /* The second answer finds nothing. */
        assert(!is_open(id))
    :: phase == ENDED -> break
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
    :: atomic { !eval_fired -> eval_fired = true; condemn(TIMED_OUT) }
    :: atomic { /* EngineCore.timeOutCall */
            current > 0 && is_open(current) && phase == PARKED ->
            close(current, WITHDRAWN);
            phase = WAITING
        }
    :: phase == ENDED -> break
    od
}

init {
    byte i;
    atomic { run worker(); run host(); run canceller(); run watchdog() };
    _nr_pr == 1;
    assert(ends == 1 && phase == ENDED);
    assert(!cancelled_in_time || outcome == CANCELLED);
    for (i : 1 .. CALLS) {
        assert(requests[i] == UNBORN || (settled[i] == 1 && !is_open(i)))
    }
}
