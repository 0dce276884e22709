/*
 * The stop signal does not arrive: the system refuses it, somebody else handles it, a callback has blocked it. Scripts
 * are stopped all the same. Each test is a process of its own, as it changes what belongs to the whole process.
 */
#define _GNU_SOURCE /* CPU_SET, RLIMIT_SIGPENDING */
#include "host.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

static void in_own_process(void (*body)(void)) {
    if (harness_scale(1, 0) == 0) harness_skip("tools have signals of their own");
    CHECK(harness_in_process(body));
}

enum { OFFSET = 9 }; /* of the signal that these tests choose */

static luawait_engine *engine_with_signal(const char *more) {
    char *config = text_format("{\"workers\":1,\"signal\":%d%s}", SIGRTMIN + OFFSET, more);
    luawait_engine *engine = engine_with(config);
    free(config);
    return engine;
}

static const char *const loops[] = {
    "while true do end",
    "local co = coroutine.wrap(function() while true do end end) co()",
    "local co = coroutine.wrap(function() coroutine.yield() while true do end end) co() while true do co() end",
    "while true do pcall(error, 1) end",
    "table.sort({3, 2, 1}, function() while true do end end)",
    "(('a'):rep(100)):find(('a?'):rep(100) .. ('a'):rep(100))",
};

static void cancel_a_running(luawait_engine *engine, const char *script) {
    uint64_t busy = start_with(engine, script, "{\"cpu_ms\":0}");
    wait_for_stat(engine, "evals", "running", 1);
    REQUIRE_OK(luawait_cancel(engine, busy));
    CHECK_CANCELLED(finish(engine, busy));
}

/* Every way to end a script, and the engine with one in it. */
static void everything_ends(luawait_engine *engine) {
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        EXPECT_ERROR_WITH(engine, loops[i], "{\"timeout_ms\":20}", "timeout", "");
        EXPECT_ERROR_WITH(engine, loops[i], "{\"cpu_ms\":20}", "cpu", "");
        check_eval_times_out(engine, loops[i]);
        cancel_a_running(engine, loops[i]);
    }
    /* Slices end, too: one worker does both. */
    uint64_t busy = start_with(engine, loops[0], "{\"cpu_ms\":0}");
    EXPECT_VALUE(engine, "local sum = 0 for i = 1, 1000 do sum = sum + i end return sum", "500500");
    wait_for_stat(engine, "evals", "running", 1);
    CHECK(busy != 0);
    luawait_engine_free(engine);
}

/* ---- refused ---- */

static void allow_queued_signals(rlim_t most) {
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_SIGPENDING, &limit) == 0);
    limit.rlim_cur = most;
    REQUIRE(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
    /* Or these tests would test nothing. */
    sigset_t one, before;
    const union sigval value = {.sival_int = 1};
    sigemptyset(&one);
    sigaddset(&one, SIGRTMIN);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &one, &before) == 0);
    CHECK_INT(sigqueue(getpid(), SIGRTMIN, value), most == 0 ? -1 : 0);
    const struct timespec at_once = {0, 0};
    (void)sigtimedwait(&one, NULL, &at_once);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

static void with_all_refused(void) {
    allow_queued_signals(0);
    everything_ends(engine_with_signal(""));
}

static void scripts_end_where_no_signal_can_be_queued(void) {
    in_own_process(with_all_refused);
}

static void with_all_refused_later(void) {
    luawait_engine *engine = engine_with_signal("");
    EXPECT_VALUE(engine, "return 1", "1");
    uint64_t busy = start_with(engine, "while true do end", "{\"cpu_ms\":0}");
    wait_for_stat(engine, "evals", "running", 1);
    allow_queued_signals(0);
    REQUIRE_OK(luawait_cancel(engine, busy));
    CHECK_CANCELLED(finish(engine, busy));
    everything_ends(engine);
}

static void a_script_ends_that_was_running_when_the_queue_of_signals_filled(void) {
    in_own_process(with_all_refused_later);
}

static void with_room_again(void) {
    allow_queued_signals(0);
    luawait_engine *engine = engine_with_signal("");
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
    allow_queued_signals(100);
    everything_ends(engine);
}

static void scripts_end_when_there_is_room_for_signals_again(void) {
    in_own_process(with_room_again);
}

/* A coroutine that was made while signals arrived has no hook that counts. */
static void with_a_coroutine_from_before(void) {
    luawait_engine *engine = engine_with_signal("");
    declare(engine, "f");
    uint64_t eval = start_with(engine,
                               "local co = coroutine.create(function() coroutine.yield() while true do end end) "
                               "coroutine.resume(co) f() coroutine.resume(co)",
                               "{\"timeout_ms\":50}");
    request taken = wait_for_request(engine);
    allow_queued_signals(0);
    answer(engine, taken.id, "1");
    CHECK_ERROR(finish(engine, eval), "timeout", "");
    request_free(&taken);
    everything_ends(engine);
}

static void a_coroutine_from_before_the_loss_is_stopped(void) {
    in_own_process(with_a_coroutine_from_before);
}

/* ---- handled by somebody else ---- */

static atomic_int handled;

static void handle_and_keep(int number) {
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void (*handler_before)(int, siginfo_t *, void *);

static void handle_and_chain(int number, siginfo_t *info, void *machine) {
    atomic_fetch_add(&handled, 1);
    handler_before(number, info, machine);
}

static void replace_handler(void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    REQUIRE(sigaction(SIGRTMIN + OFFSET, &action, NULL) == 0);
}

static void with_another_handler(void) {
    luawait_engine *engine = engine_with_signal("");
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
    replace_handler(handle_and_keep);
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
    /* It goes on getting the host's own. */
    atomic_store(&handled, 0);
    REQUIRE(raise(SIGRTMIN + OFFSET) == 0);
    CHECK_INT(atomic_load(&handled), 1);
    replace_handler(handle_and_keep);
    everything_ends(engine);
}

static void scripts_end_where_the_handler_is_replaced(void) {
    in_own_process(with_another_handler);
}

static void with_a_chaining_handler(void) {
    luawait_engine *engine = engine_with_signal("");
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle_and_chain;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    REQUIRE(sigaction(SIGRTMIN + OFFSET, NULL, &before) == 0);
    handler_before = before.sa_sigaction;
    REQUIRE(sigaction(SIGRTMIN + OFFSET, &action, NULL) == 0);
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
    CHECK(atomic_load(&handled) > 0);
    atomic_store(&handled, 0);
    REQUIRE(raise(SIGRTMIN + OFFSET) == 0);
    CHECK_INT(atomic_load(&handled), 1);
    everything_ends(engine);
}

static void a_handler_that_calls_the_one_it_has_replaced_is_left_there(void) {
    in_own_process(with_a_chaining_handler);
}

static void with_the_default_action(void) {
    luawait_engine *engine = engine_with_signal("");
    void (*const nobody[])(int) = {SIG_DFL, SIG_IGN};
    for (size_t i = 0; i < 2; i++) {
        replace_handler(nobody[i]);
        EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
    }
    REQUIRE(raise(SIGRTMIN + OFFSET) == 0);
    everything_ends(engine);
}

static void a_signal_that_was_reset_does_not_end_the_process(void) {
    in_own_process(with_the_default_action);
}

/* ---- blocked ---- */

static void block_all(void *user_data, luawait_call *call) {
    (void)user_data;
    (void)call;
    sigset_t all;
    sigfillset(&all);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
}

static bool is_blocked(int number) {
    sigset_t now;
    return pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, number) == 1;
}

static void with_a_callback_that_blocks(void) {
    luawait_engine *engine = engine_with_signal("");
    declare_callback(engine, "block", block_all, NULL);
    const char *script = "block() while true do end";
    EXPECT_ERROR_WITH(engine, script, "{\"timeout_ms\":20}", "timeout", "");
    cancel_a_running(engine, script);
    /* What a callback does to the mask of the host's own thread is the host's affair. */
    CHECK(!is_blocked(SIGUSR1));
    check_eval_times_out(engine, script);
    CHECK(is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGRTMIN + OFFSET));
    everything_ends(engine);
    CHECK(is_blocked(SIGRTMIN + OFFSET));
}

static void scripts_end_whose_callback_blocks_the_signal(void) {
    in_own_process(with_a_callback_that_blocks);
}

static void unblock_one(void *user_data, luawait_call *call) {
    (void)user_data;
    (void)call;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &one, NULL), 0);
}

static void with_a_callback_that_unblocks(void) {
    luawait_engine *engine = engine_with_signal("");
    declare_callback(engine, "unblock", unblock_one, NULL);
    sigset_t all;
    sigfillset(&all);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    check_eval_times_out(engine, "unblock() while true do end");
    CHECK(!is_blocked(SIGUSR1));
    CHECK(is_blocked(SIGUSR2));
    CHECK(is_blocked(SIGRTMIN + OFFSET));
    luawait_engine_free(engine);
}

static void a_mask_that_a_callback_has_changed_stays(void) {
    in_own_process(with_a_callback_that_unblocks);
}

/* ---- real-time scheduling, one processor ---- */

static bool take_one_processor(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

static bool schedule_fifo(int priority) {
    const struct sched_param parameters = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

/* What ends a script must get the processor before it: workers have the priority with which the engine was made, the
 * watchdog the next, and who cancels needs one above the workers'. */
enum { SCRIPTS = 2, CANCELLER = 4 };

static void on_one_processor(void) {
    REQUIRE(take_one_processor() && schedule_fifo(SCRIPTS));
    luawait_engine *engine = engine_with_signal("");
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        REQUIRE(schedule_fifo(SCRIPTS));
        check_eval_times_out(engine, loops[i]);
        EXPECT_ERROR_WITH(engine, loops[i], "{\"timeout_ms\":20}", "timeout", "");
        REQUIRE(schedule_fifo(CANCELLER));
        cancel_a_running(engine, loops[i]);
    }
    (void)start_with(engine, loops[0], "{\"cpu_ms\":0}");
    wait_for_stat(engine, "evals", "running", 1);
    luawait_engine_free(engine);
}

static void try_it(void) {
    if (!take_one_processor() || !schedule_fifo(CANCELLER)) _exit(1);
}

static void scripts_end_on_one_processor_with_real_time_priority(void) {
    if (harness_scale(1, 0) == 0) harness_skip("tools have signals of their own");
    if (!harness_in_process(try_it)) harness_skip("needs the right to real-time priorities");
    in_own_process(on_one_processor);
}

TESTS(TEST(scripts_end_where_no_signal_can_be_queued),
      TEST(a_script_ends_that_was_running_when_the_queue_of_signals_filled),
      TEST(scripts_end_when_there_is_room_for_signals_again), TEST(a_coroutine_from_before_the_loss_is_stopped),
      TEST(scripts_end_where_the_handler_is_replaced), TEST(a_handler_that_calls_the_one_it_has_replaced_is_left_there),
      TEST(a_signal_that_was_reset_does_not_end_the_process), TEST(scripts_end_whose_callback_blocks_the_signal),
      TEST(a_mask_that_a_callback_has_changed_stays), TEST(scripts_end_on_one_processor_with_real_time_priority))
