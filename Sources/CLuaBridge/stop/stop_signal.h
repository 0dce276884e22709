// The stop signal as the process has it: its number, its handler, and how it is sent to one thread. What a thread does
// with one is stopper.c's affair.
#ifndef LUAWAIT_BRIDGE_STOP_SIGNAL_H
#define LUAWAIT_BRIDGE_STOP_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

// A thread that the signal can be sent to. By the kernel's number, not as a pthread_t: a signal that is sent too late
// finds no such thread, where pthread_kill would read freed memory.
typedef struct lwb_signal_target {
    pid_t process, thread;
    timer_t timer;
    bool has_timer;
    // No timer, because the user's processes have as many signals queued as they may: sending will fail, too.
    bool may_fail;
} lwb_signal_target;

// The calling thread.
lwb_signal_target lwb_signal_target_here(void);

// False when the system refuses. `was_lost`: the last one has not arrived.
bool lwb_signal_send(const lwb_signal_target *target, bool was_lost);

// Lets the signal reach the calling thread; gives whether it was blocked. The other puts it back.
bool lwb_signal_unblock(void);
void lwb_signal_block(void);

// stopper.c: a signal of the library's own has arrived on the calling thread. Called by the handler.
void lwb_stopper_signalled(void);

#endif
