/*
 * Whoever relies on the notifier misses nothing, and is not called twice for the same news.
 *
 * Models Events/EventGate.swift (`available`, `armed`), Engine.withCore (the decision under the core's lock, the call after
 * it), Engine.setNotifier, and HostSignal's `set` and `notify`. EVALS producers are workers that end one eval each. The
 * host sleeps until the notifier it relies on has been called; then it looks, either by polling its evals one after the
 * other or by taking events until there are none, and sleeps again. Beside it another thread sets the notifier, and
 * replaces or removes it and sets another.
 *
 * The gate's states, as EventGate's comments name them: IDLE (armed, nothing available), ARMED (armed, though something is
 * available: a look for something else has found nothing), TOLD (not armed, so something is available: a call was decided
 * since the last such look).
 *
 * Checked: never is the host asleep with something available and no call on its way (`missed`, and an invalid end state at
 * the latest); a notifier is not called more often than the gate was armed while it was set, and once for being set.
 */
#ifndef EVALS
#define EVALS 3
#endif
#define NONE 0
#define NOTIFIERS 3 /* none, the first, the second */

byte available = 0; /* EventGate.available */
bool armed = true; /* EventGate.isArmed */
byte notifier = NONE; /* HostSignal.State.notifier: 1 or 2 */
byte generation = 0; /* EngineCore.notifierGeneration, and the one in HostSignal.State */

bool ended[EVALS];
bool taken[EVALS];
byte taken_count = 0;

byte under_way = 0; /* decided, and neither called nor found to be another notifier's */
bool called[NOTIFIERS]; /* the host has been told to look */
byte calls[NOTIFIERS];
byte armings[NOTIFIERS]; /* while it was set, and once for being set */
byte relies_on = NONE; /* luawait_set_notifier has returned */
bool asleep = false;

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
    if
    :: available == 0 -> arm()
    :: else
    fi;
    assert(armed || available > 0) /* there is no fourth state */
}

/* HostSignal.notify: looks under its lock, calls after it. */
inline notify(wanted) {
    atomic {
        who = (generation == wanted -> notifier : NONE);
        under_way = under_way - (who == NONE -> 1 : 0)
    };
    if
    :: who != NONE ->
        atomic {
            called[who] = true;
            calls[who]++;
            under_way--;
            assert(calls[who] <= armings[who])
        }
    :: else
    fi
}

/* EngineCore.complete, then Engine.withCore's last line */
proctype producer(byte id) {
    bool decided;
    byte wanted, who;
    atomic {
        ended[id] = true;
        available++; /* EventGate.added */
        decided = armed;
        armed = false;
        under_way = under_way + (decided -> 1 : 0);
        wanted = generation
    };
    if
    :: decided -> notify(wanted)
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
        wanted = generation
    };
    if
    :: decided -> notify(wanted)
    :: else
    fi;
    relies_on = which
}

proctype setter() {
    bool decided;
    byte wanted, who;
    set(1);
    if
    :: set(NONE)
    :: skip
    fi;
    set(2)
}

proctype host() {
    byte id;
    bool idle_look = true; /* it may look once without having been called */
    do
    :: taken_count == EVALS -> break
    :: else ->
        asleep = true;
        if
        :: atomic { called[relies_on] -> called[relies_on] = false; asleep = false }
        :: atomic { idle_look -> idle_look = false; asleep = false }
        fi;
        if
        :: for (id : 0 .. EVALS - 1) {
                atomic { /* EngineCore.takeOutcome; of what it has taken, the host does not ask again */
                    if
                    :: taken[id] -> skip
                    :: !taken[id] && ended[id] -> take(id)
                    :: else -> arm()
                    fi
                }
            }
        :: do /* EngineCore.nextEvent */
            :: atomic {
                    available > 0 ->
                    id = 0;
                    do
                    :: ended[id] && !taken[id] -> break
                    :: else -> id++
                    od;
                    take(id)
                }
            :: atomic { available == 0 -> arm() }; break
            :: available == 0 -> break /* all was taken, and the host knows that there was no more */
            od
        fi
    od
}

#define missed \
    (asleep && available > 0 && relies_on == notifier && notifier != NONE && under_way == 0 && !called[relies_on])

active proctype monitor() {
end:
    atomic { missed -> assert(false) }
}

init {
    byte id;
    atomic {
        run host();
        run setter();
        for (id : 0 .. EVALS - 1) { run producer(id) }
    };
    taken_count == EVALS;
    assert(available == 0)
}
