/*
 * Whoever relies on the notifier misses nothing, and is not called twice for the same news.
 *
 * Models Events/EventGate.swift (`available`, `armed`), Engine.withCore (the decision under the core's lock, the call after
 * it), Engine.setNotifier, and HostSignal's `set` and `notify`. EVALS producers are workers that end one eval each. The
 * host sleeps until the notifier it relies on has been called; then it looks, either by polling its evals one after the
 * other or by taking events until there are none, and sleeps again. Beside it another thread sets the notifier, and
 * replaces or removes it and sets another.
 *
 * With MAIN_ONLY > 0 the host has two threads, its main thread and another, and that many of the things to take are for the
 * main thread alone (EventGate.availableOnMainThreadOnly): the other does not see them. The notifier tells both, whoever it
 * is for; the thread that it is not for looks, finds nothing and so arms the gate, which the other has not looked at yet.
 *
 * The gate's states, as EventGate's comments name them: IDLE (armed, nothing available), ARMED (armed, though something is
 * available: a look for something else has found nothing), TOLD (not armed, so something is available: a call was decided
 * since the last such look).
 *
 * With REARMS, the first call of the first notifier sets the second from inside. What that call tells is told, so the second
 * is not called for it; if another call was decided on meanwhile, which goes to nobody now, the second one is called when the
 * first has returned.
 *
 * Checked: never is a thread asleep with something available to it and no call on its way (`missed`, and an invalid end
 * state at the latest); a notifier is not called more often than the gate was armed while it was set, and once for being set.
 */
#ifndef EVALS
#define EVALS 3
#endif
#ifndef MAIN_ONLY
#define MAIN_ONLY 0 /* of the EVALS, the first */
#endif
#ifndef REARMS
#define REARMS 0
#endif
#define MAIN 0 /* sees everything */
#define OTHER 1
#define NONE 0
#define NOTIFIERS 3 /* none, the first, the second */

byte available = 0; /* EventGate.available */
byte available_to_main = 0; /* EventGate.availableOnMainThreadOnly */
bool armed = true; /* EventGate.isArmed */
byte notifier = NONE; /* HostSignal.State.notifier: 1 or 2 */
byte generation = 0; /* EngineCore.notifierGeneration, and the one in HostSignal.State */

byte last_telling = 0; /* EngineCore.lastTelling; counted where it matters */
bool has_rearmed = false;

bool ended[EVALS];
bool taken[EVALS];
byte taken_count = 0;

byte under_way = 0; /* decided, and neither called nor found to be another notifier's */
typedef threads { bool thread[2] };
threads called[NOTIFIERS]; /* the thread has been told to look */
byte calls[NOTIFIERS];
byte armings[NOTIFIERS]; /* while it was set, and once for being set */
byte relies_on = NONE; /* luawait_set_notifier has returned */
bool asleep[2];

#define is_for_main(id) (id < MAIN_ONLY)
/* EventGate.available(to:) */
#define available_to(me) (me == MAIN -> available : available - available_to_main)

/* EventGate.foundNothing, and EventGate.removed when nothing is left */
inline arm() {
    armings[notifier] = armings[notifier] + (armed -> 0 : 1);
    armed = true
}

/* EventGate.removed */
inline take(id) {
    taken[id] = true;
    taken_count++;
    available--;
    available_to_main = available_to_main - (is_for_main(id) -> 1 : 0);
    if
    :: available == 0 -> arm()
    :: else
    fi;
    assert(armed || available > 0) /* there is no fourth state */
}

/* Engine.setNotifier, inside a call that `telling` has decided on */
inline set_from_inside(which) {
    atomic {
        has_rearmed = true;
        generation++;
        notifier = which;
        armings[which] = armings[which] + 1;
        if
        :: available == 0 -> armed = true
        :: available > 0 && telling == last_telling -> /* EventGate.notifierSet(isTold: true) */
            called[which].thread[MAIN] = called[which].thread[MAIN] || called[who].thread[MAIN]
        :: else ->
            armed = false;
            last_telling++;
            under_way++;
            goes_on = true; /* HostSignal.Call.next */
            wanted = generation;
            telling = last_telling
        fi;
        relies_on = which
    }
}

/* HostSignal.notify: looks under its lock, calls after it. */
inline notify() {
    do
    :: goes_on = false;
        atomic {
            who = (generation == wanted -> notifier : NONE);
            under_way = under_way - (who == NONE -> 1 : 0)
        };
        if
        :: who != NONE ->
            atomic {
                called[who].thread[MAIN] = true;
                called[who].thread[OTHER] = (MAIN_ONLY > 0);
                calls[who]++;
                under_way--;
                assert(calls[who] <= armings[who])
            };
            if
            :: REARMS > 0 && who == 1 && !has_rearmed -> set_from_inside(2)
            :: else
            fi
        :: else
        fi;
        if
        :: goes_on
        :: else -> break
        fi
    od
}

/* EngineCore.complete, then Engine.withCore's last line */
proctype producer(byte id) {
    bool decided, goes_on;
    byte wanted, telling, who;
    atomic {
        ended[id] = true;
        available++; /* EventGate.added */
        available_to_main = available_to_main + (is_for_main(id) -> 1 : 0);
        decided = armed;
        armed = false;
        under_way = under_way + (decided -> 1 : 0);
        last_telling = last_telling + (decided && REARMS > 0 -> 1 : 0);
        telling = last_telling;
        wanted = generation
    };
    if
    :: decided -> notify()
    :: else
    fi
}

/* Engine.setNotifier */
inline set(which) {
    atomic {
        generation++;
        notifier = which;
        decided = (available > 0); /* EventGate.notifierSet */
        armed = !decided;
        armings[which] = armings[which] + 1;
        under_way = under_way + (decided -> 1 : 0);
        last_telling = last_telling + (decided && REARMS > 0 -> 1 : 0);
        telling = last_telling;
        wanted = generation
    };
    if
    :: decided -> notify()
    :: else
    fi;
    relies_on = (has_rearmed -> relies_on : which)
}

proctype setter() {
    bool decided, goes_on;
    byte wanted, telling, who;
    set(1);
#if MAIN_ONLY == 0 && REARMS == 0 /* for two threads it would be too many states, and makes no difference to which of them looks */
    if
    :: set(NONE)
    :: skip
    fi;
    set(2)
#endif
}

proctype host(byte me) {
    byte id;
    bool idle_look = true; /* it may look once without having been called */
    do
    :: taken_count == EVALS -> break
    :: else ->
        asleep[me] = true;
        if
        :: atomic { called[relies_on].thread[me] -> called[relies_on].thread[me] = false; asleep[me] = false }
        :: atomic { idle_look -> idle_look = false; asleep[me] = false }
#if MAIN_ONLY > 0
        :: atomic { taken_count == EVALS -> asleep[me] = false } /* the other thread has taken the last */
#endif
        fi;
        if
        :: for (id : 0 .. EVALS - 1) {
                atomic { /* EngineCore.takeOutcome; of what it has taken, the host does not ask again */
                    if
                    :: taken[id] || (me == OTHER && is_for_main(id)) -> skip
                    :: else ->
                        if
                        :: ended[id] -> take(id)
                        :: else -> arm()
                        fi
                    fi
                }
            }
        :: do /* EngineCore.nextEvent */
            :: atomic {
                    available_to(me) > 0 ->
                    id = 0;
                    do
                    :: ended[id] && !taken[id] && !(me == OTHER && is_for_main(id)) -> break
                    :: else -> id++
                    od;
                    take(id)
                }
            :: atomic { available_to(me) == 0 -> arm() }; break
            :: available == 0 -> break /* all was taken, and the host knows that there was no more */
            od
        fi
    od
}

#define missed(me) \
    (asleep[me] && available_to(me) > 0 && relies_on == notifier && notifier != NONE && under_way == 0 \
        && !called[relies_on].thread[me])

active proctype monitor() {
end:
    atomic { missed(MAIN) || missed(OTHER) -> assert(false) }
}

init {
    byte id;
    atomic {
        run host(MAIN);
        if
        :: MAIN_ONLY > 0 -> run host(OTHER)
        :: else
        fi;
        run setter();
        for (id : 0 .. EVALS - 1) { run producer(id) }
    };
    taken_count == EVALS;
    assert(available == 0)
}
