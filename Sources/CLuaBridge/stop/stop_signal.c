// The stop signal as the process has it: which one, who else handles it, and how it gets to a thread.
//
// Each signal of the library's own carries a mark. So one that comes late, when nobody waits for it any more, is known
// for what it is and dropped, and one that the host sends goes to the host's handler, whatever the thread is doing.
//
// A real-time signal takes a place in a queue that all processes of a user share (RLIMIT_SIGPENDING), and is refused
// when that is full. A timer has its place from the beginning, so each thread gets one that is only used then.
#define _GNU_SOURCE // gettid, SIGEV_THREAD_ID
#include "stop/stop_signal.h"

#include "CLuaBridge.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static atomic_int installed_signal;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

static const char mark; // its address is in each signal of the library's own

// Who gets the signals that are not the library's: the handler that was there before, and one that has replaced the
// library's since. The latter is never freed: a handler may be reading it.
static struct sigaction handler_before;
static _Atomic(struct sigaction *) handler_since;

// Initial-exec: the handler may not call the function that allocates thread-local storage lazily.
static _Thread_local int passing_on __attribute__((tls_model("initial-exec")));

// ---- The handler ---------------------------------------------------------------------------------------------------

static bool is_informed(const struct sigaction *action) {
    return action->sa_flags & SA_SIGINFO;
}

static bool is_nobody(const struct sigaction *action) {
    return !is_informed(action) && (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

static void call(const struct sigaction *action, int signal, siginfo_t *info, void *machine) {
    if (is_nobody(action)) return;
    if (!is_informed(action)) {
        action->sa_handler(signal);
    } else if (action->sa_sigaction != NULL) {
        action->sa_sigaction(signal, info, machine);
    }
}

// A handler that has replaced the library's may call it, as one that was there, and must not be called by it again.
static void pass_on(int signal, siginfo_t *info, void *machine) {
    const struct sigaction *since = atomic_load(&handler_since);
    if (since == NULL || passing_on > 0) {
        if (passing_on <= 1) call(&handler_before, signal, info, machine);
        return;
    }
    passing_on++;
    call(since, signal, info, machine);
    passing_on--;
}

static bool is_own(const siginfo_t *info) {
    return (info->si_code == SI_QUEUE || info->si_code == SI_TIMER) && info->si_value.sival_ptr == &mark;
}

static void handle(int signal, siginfo_t *info, void *machine) {
    int saved_errno = errno;
    if (is_own(info)) {
        lwb_stopper_signalled();
    } else {
        pass_on(signal, info, machine);
    }
    errno = saved_errno;
}

// ---- Installing it -------------------------------------------------------------------------------------------------

static int find_free_signal(void) {
    // The first few are what programs and libraries reach for when they want one.
    for (int signal = SIGRTMIN + 8; signal < SIGRTMAX - 2; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) != 0) continue;
        if (!is_informed(&action) && action.sa_handler == SIG_DFL) return signal;
    }
    return -EBUSY;
}

static int set_handler(int signal, struct sigaction *before) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    return sigaction(signal, &action, before);
}

static int install(int signal) {
    if (signal == 0) signal = find_free_signal();
    if (signal < 0) return signal;
    if (signal < SIGRTMIN || signal > SIGRTMAX) return -EINVAL;
    return set_handler(signal, &handler_before) == 0 ? signal : -errno;
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

static void take_back(int signal, const struct sigaction *found) {
    struct sigaction *kept = atomic_load(&handler_since);
    if (kept == NULL || kept->sa_sigaction != found->sa_sigaction || kept->sa_flags != found->sa_flags) {
        struct sigaction *copy = malloc(sizeof *copy);
        if (copy == NULL) return; // the next signal tries again
        *copy = *found;
        atomic_store(&handler_since, copy);
    }
    (void)set_handler(signal, NULL); // cannot fail: the signal has had a handler
}

// Looks whether the handler is still there. Somebody may have set the default action, which ends the process. A handler
// that has replaced the library's may call it, and so is left alone until a signal is lost.
static void keep_handler(int signal, bool was_lost) {
    struct sigaction found;
    if (sigaction(signal, NULL, &found) != 0) return;
    if (is_informed(&found) && found.sa_sigaction == handle) return;
    if (!was_lost && !is_nobody(&found)) return;
    pthread_mutex_lock(&install_lock);
    if (sigaction(signal, NULL, &found) == 0 && !(is_informed(&found) && found.sa_sigaction == handle)) {
        take_back(signal, &found);
    }
    pthread_mutex_unlock(&install_lock);
}

// ---- Sending it ----------------------------------------------------------------------------------------------------

static _Thread_local lwb_signal_target here;
static pthread_key_t timer_key;
static bool has_timer_key;

static void delete_timer(void *nothing) {
    (void)nothing;
    if (here.has_timer) (void)timer_delete(here.timer);
    here = (lwb_signal_target){0};
}

static void make_timer(void) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = atomic_load(&installed_signal)};
    event.sigev_notify_thread_id = here.thread;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)&mark;
    if (!has_timer_key || pthread_setspecific(timer_key, &here) != 0) return; // nobody would delete it
    here.has_timer = timer_create(CLOCK_MONOTONIC, &event, &here.timer) == 0;
    here.may_fail = !here.has_timer && errno == EAGAIN;
}

lwb_signal_target lwb_signal_target_here(void) {
    if (here.thread == 0) {
        here.process = getpid();
        here.thread = gettid();
    }
    if (!here.has_timer) make_timer();
    return here;
}

bool lwb_signal_send(const lwb_signal_target *target, bool was_lost) {
    int signal = atomic_load(&installed_signal);
    keep_handler(signal, was_lost);
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_value.sival_ptr = (void *)(uintptr_t)&mark;
    if (syscall(SYS_rt_tgsigqueueinfo, target->process, target->thread, signal, &info) == 0) return true;
    if (errno != EAGAIN || !target->has_timer) return false;
    const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
    return timer_settime(target->timer, 0, &at_once, NULL) == 0;
}

static bool mask(int how) {
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, atomic_load(&installed_signal));
    pthread_sigmask(how, &stop, &before);
    return sigismember(&before, atomic_load(&installed_signal)) == 1;
}

bool lwb_signal_unblock(void) {
    return mask(SIG_UNBLOCK);
}

void lwb_signal_block(void) {
    (void)mask(SIG_BLOCK);
}

// ---- fork(2) -------------------------------------------------------------------------------------------------------

static void lock_for_fork(void) {
    pthread_mutex_lock(&install_lock);
}

static void unlock_after_fork(void) {
    pthread_mutex_unlock(&install_lock);
}

static void unlock_in_child(void) {
    pthread_mutex_unlock(&install_lock);
    // A child has other numbers, and no timers.
    here = (lwb_signal_target){0};
}

// When the library is loaded: by the first engine it would be too late, as another thread may fork in that moment.
__attribute__((constructor)) static void prepare(void) {
    (void)pthread_atfork(lock_for_fork, unlock_after_fork, unlock_in_child); // fails for a lack of memory alone
    has_timer_key = pthread_key_create(&timer_key, delete_timer) == 0;
}
