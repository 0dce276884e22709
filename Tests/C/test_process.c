/* What the library does to the process around it: signals, threads, locale. */
#include "host.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/* The signals a thread blocks, as the kernel tells: bit n - 1 for signal n. */
static uint64_t blocked_by(long thread) {
    char *path = text_format("/proc/self/task/%ld/status", thread), line[256];
    FILE *file = fopen(path, "r");
    uint64_t mask = 0;
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "SigBlk:", 7) == 0) mask = strtoull(line + 7, NULL, 16);
    }
    fclose(file);
    free(path);
    return mask;
}

static void the_librarys_threads_block_all_signals_but_one(void) {
    if (harness_scale(1, 0) == 0) harness_skip("valgrind keeps the signal masks of all threads itself");
    luawait_engine *engine = engine_with("{\"workers\":3}");
    EXPECT_VALUE(engine, "1", "1");
    const uint64_t unblockable = (UINT64_C(1) << (SIGKILL - 1)) | (UINT64_C(1) << (SIGSTOP - 1)) |
                                 /* The C library keeps these two for itself and never lets them be blocked. */
                                 (UINT64_C(1) << 31) | (UINT64_C(1) << 32);
    DIR *tasks = opendir("/proc/self/task");
    REQUIRE(tasks != NULL);
    uint64_t ever_open = 0;
    int threads = 0;
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        long thread = strtol(entry->d_name, NULL, 10);
        if (thread <= 0 || thread == (long)getpid()) continue;
        uint64_t open = ~(blocked_by(thread) | unblockable);
        CHECK((open & (open - 1)) == 0);
        ever_open |= open;
        threads++;
    }
    closedir(tasks);
    CHECK(threads >= 3);
    CHECK((ever_open & (ever_open - 1)) == 0);
    /* That one is a real-time signal. */
    CHECK(ever_open == 0 || ever_open >= (UINT64_C(1) << (SIGRTMIN - 1)));
    luawait_engine_free(engine);
}

/* How many signals two masks disagree about. */
static int differences(const sigset_t *left, const sigset_t *right) {
    int count = 0;
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (sigismember(left, number) != sigismember(right, number)) count++;
    }
    return count;
}

static void run_endless_loop_here(luawait_engine *engine) {
    int32_t state = 0;
    REQUIRE_OK(luawait_eval(engine, "while true do end", 17, "{\"timeout_ms\":20}", 17, &state, NULL, NULL, NULL));
    CHECK_INT(state, LUAWAIT_FAILED);
}

static void the_callers_signal_mask_is_left_alone(void) {
    sigset_t old, mine, after;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mine, &old);
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "1", "1");
    run_endless_loop_here(engine);
    luawait_engine_free(engine);
    pthread_sigmask(SIG_SETMASK, &old, &after);
    CHECK_INT(differences(&mine, &after), 0);
}

static volatile sig_atomic_t user_signals;

static void count_signal(int number) {
    (void)number;
    user_signals++;
}

static void a_hosts_own_signal_handler_still_works(void) {
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    sigaction(SIGUSR1, &action, &old);
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    uint64_t eval = start(engine, "while true do end");
    user_signals = 0;
    /* Only this thread can take it: the library's have it blocked, so it is delivered before kill() returns. */
    kill(getpid(), SIGUSR1);
    CHECK_INT(user_signals, 1);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
    sigaction(SIGUSR1, &old, NULL);
}

static void an_eval_on_a_thread_that_blocks_all_signals_is_still_limited(void) {
    sigset_t all, old, before, after;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    /* What of them can be blocked at all. */
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    luawait_engine *engine = engine_with(NULL);
    run_endless_loop_here(engine);
    luawait_engine_free(engine);
    pthread_sigmask(SIG_SETMASK, &old, &after);
    CHECK_INT(differences(&before, &after), 0);
}

static void an_engine_takes_no_thread_with_it(void) {
    long threads = resting_thread_count(), descriptors = descriptor_count();
    for (int i = 0; i < 10; i++) {
        luawait_engine *engine = engine_with("{\"workers\":4}");
        CHECK(thread_count() >= threads + 4);
        EXPECT_VALUE(engine, "1", "1");
        luawait_engine_free(engine);
    }
    CHECK_THREADS(threads);
    CHECK_INT(descriptor_count(), descriptors);
}

TESTS(TEST(the_librarys_threads_block_all_signals_but_one), TEST(the_callers_signal_mask_is_left_alone),
      TEST(a_hosts_own_signal_handler_still_works), TEST(an_eval_on_a_thread_that_blocks_all_signals_is_still_limited),
      TEST(an_engine_takes_no_thread_with_it))
