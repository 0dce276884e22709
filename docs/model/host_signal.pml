/*
 * No wake-up is lost: the event descriptor and the things to take.
 *
 * Models Events/EventGate.swift (`available` alone; notifier.pml has the rest), Engine.withCore (`level` is published under
 * the core's lock, `update` runs after it) and Events/EventLevel.swift (`update`, `raise`, `lower`), each line of which is
 * a step here. PRODUCERS are workers that post; HOSTS are threads that poll the descriptor and take until they find
 * nothing.
 *
 * Checked: nobody sleeps in poll while there is something to take (an invalid end state), everything posted is taken
 * once, and when all is quiet the descriptor is not readable.
 */
#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef HOSTS
#define HOSTS 2
#endif
#define POSTS 2
#define TOTAL (PRODUCERS * POSTS)

byte available = 0; /* EventGate.available */
bool level = false; /* EventLevel.level */
bool raised = false; /* EventLevel.isRaised */
bool readable = false; /* the eventfd's counter is not 0 */
byte taken = 0;
byte running = PRODUCERS + HOSTS;

/* In which of EventLevel's methods a thread is: update, raise, lower; or in none any more. */
mtype = { UPDATE, RAISE, LOWER, DONE };

/* EventLevel.update */
inline update() {
    pc = UPDATE;
    do
    :: pc == UPDATE ->
        seen = level;
        if
        :: !seen -> pc = LOWER
        :: seen ->
            atomic { was = raised; raised = true };
            pc = (was -> DONE : RAISE)
        fi
    :: pc == RAISE ->
        raised = true;
        readable = true; /* eventfd_write */
        seen = level;
        pc = (seen -> DONE : LOWER)
    :: pc == LOWER ->
        readable = false; /* eventfd_read */
        raised = false; /* before the read, a third party could be left with `raised` and nothing to read */
        seen = level;
        pc = (seen -> RAISE : DONE)
    :: pc == DONE -> break
    od
}

proctype producer() {
    byte posts = 0;
    bool changed, seen, was;
    mtype pc;
    do
    :: posts == POSTS -> break
    :: else ->
        atomic { /* the core's lock */
            changed = (available == 0);
            available++;
            level = true;
            posts++
        };
        if
        :: changed -> update()
        :: else
        fi
    od;
    running--
}

proctype host() {
    bool changed, found, seen, was;
    mtype pc;
    do
    :: taken == TOTAL -> break
    :: readable -> /* poll(2) */
        do
        :: atomic { /* the core's lock */
                found = (available > 0);
                changed = (available == 1);
                if
                :: found -> available--; taken++; level = (available > 0)
                :: else
                fi
            };
            if
            :: changed -> update()
            :: else
            fi;
            if
            :: !found -> break
            :: else
            fi
        od
    od;
    running--
}

init {
    byte i;
    atomic {
        for (i : 1 .. PRODUCERS) { run producer() }
        for (i : 1 .. HOSTS) { run host() }
    };
    running == 0;
    assert(taken == TOTAL && available == 0);
    assert(!level && !readable)
}
