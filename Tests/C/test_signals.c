/*
 * The stop signal and the host's own use of signals: chaining, errno, system calls that go on. Each test is a process
 * of its own, since the first engine of a process installs the handler.
 */
#define _GNU_SOURCE /* pthread_sigqueue */
#include "host.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static void in_own_process(void (*body)(void)) {
    if (harness_scale(1, 0) == 0) harness_skip("tools have signals of their own");
    CHECK(harness_in_process(body));
}

enum { OFFSET = 9 }; /* of the signal that these tests choose */

static luawait_engine *engine_with_signal(int number, const char *more) {
    char *config = text_format("{\"workers\":1,\"signal\":%d%s}", number, more);
    luawait_engine *engine = engine_with(config);
    free(config);
    return engine;
}

static void stop_a_loop(luawait_engine *engine) {
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
}

static atomic_int handled, last_value;

static void handle_plain(int number) {
    (void)number;
    errno = ENOTTY;
    atomic_fetch_add(&handled, 1);
}

static void handle_with_info(int number, siginfo_t *info, void *machine) {
    (void)number;
    (void)machine;
    errno = ENOTTY;
    atomic_store(&last_value, info->si_value.sival_int);
    atomic_fetch_add(&handled, 1);
}

static void install(int number, bool with_info) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    if (with_info) {
        action.sa_sigaction = handle_with_info;
        action.sa_flags = SA_SIGINFO;
    } else {
        action.sa_handler = handle_plain;
    }
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

static void with_a_plain_handler(void) {
    int number = SIGRTMIN + OFFSET;
    install(number, false);
    luawait_engine *engine = engine_with_signal(number, "");
    for (int i = 1; i <= 3; i++) {
        errno = EDOM;
        REQUIRE(raise(number) == 0);
        CHECK_INT(errno, EDOM);
        CHECK_INT(atomic_load(&handled), i);
        /* The library's own are not passed on. */
        stop_a_loop(engine);
        CHECK_INT(atomic_load(&handled), i);
    }
    luawait_engine_free(engine);
    /* The handler stays, and so does the chain. */
    REQUIRE(raise(number) == 0);
    CHECK_INT(atomic_load(&handled), 4);
}

static void a_handler_that_was_there_gets_the_hosts_own_signals(void) {
    in_own_process(with_a_plain_handler);
}

static void with_an_informed_handler(void) {
    int number = SIGRTMIN + OFFSET;
    install(number, true);
    luawait_engine *engine = engine_with_signal(number, "");
    stop_a_loop(engine);
    CHECK_INT(atomic_load(&handled), 0);
    for (int i = 1; i <= 3; i++) {
        const union sigval value = {.sival_int = 100 + i};
        errno = EDOM;
        REQUIRE(pthread_sigqueue(pthread_self(), number, value) == 0);
        CHECK_INT(errno, EDOM);
        CHECK_INT(atomic_load(&handled), i);
        CHECK_INT(atomic_load(&last_value), 100 + i);
    }
    luawait_engine_free(engine);
}

static void a_handler_that_wants_to_know_gets_what_was_sent_along(void) {
    in_own_process(with_an_informed_handler);
}

static void with_nobody_else(void) {
    int number = SIGRTMIN + OFFSET;
    luawait_engine *engine = engine_with_signal(number, ",\"slice_us\":200,\"cpu_ms\":0");
    uint64_t busy = start(engine, "while true do end");
    wait_for_stat(engine, "evals", "running", 1);
    errno = EDOM;
    /* The default action would end the process. */
    for (int i = 0; i < 100; i++) {
        REQUIRE(raise(number) == 0);
    }
    CHECK_INT(errno, EDOM);
    stop_a_loop(engine);
    REQUIRE_OK(luawait_cancel(engine, busy));
    CHECK_CANCELLED(finish(engine, busy));
    luawait_engine_free(engine);
}

static void a_host_that_sends_the_librarys_signal_does_no_harm(void) {
    in_own_process(with_nobody_else);
}

static void with_the_signal_ignored(void) {
    int number = SIGRTMIN + OFFSET;
    REQUIRE(signal(number, SIG_IGN) != SIG_ERR);
    luawait_engine *engine = engine_with_signal(number, "");
    REQUIRE(raise(number) == 0);
    stop_a_loop(engine);
    luawait_engine_free(engine);
}

static void an_ignored_signal_can_be_chosen(void) {
    in_own_process(with_the_signal_ignored);
}

/* A thread in a script, on the host's thread, gets the library's signal from somebody else all the time. */
static struct {
    atomic_int is_done;
    pthread_t target;
} sender;

static void *send_all_the_time(void *argument) {
    int number = *(int *)argument;
    while (!atomic_load(&sender.is_done)) {
        pthread_kill(sender.target, number);
        sched_yield();
    }
    return NULL;
}

static void with_signals_into_a_script(void) {
    int number = SIGRTMIN + OFFSET;
    install(number, false);
    luawait_engine *engine = engine_with_signal(number, ",\"slice_us\":200");
    sender.target = pthread_self();
    pthread_t thread = run_thread(send_all_the_time, &number);
    const char *script = "local sum = 0 for i = 1, 3000000 do sum = sum + i % 7 end return sum";
    int32_t state = 0;
    char *outcome = NULL;
    /* The handlers' time is the script's. */
    const char *options = "{\"cpu_ms\":0}";
    REQUIRE_OK(luawait_eval(engine, script, strlen(script), options, strlen(options), &state, &outcome, NULL, NULL));
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_JSON(outcome, "8999997");
    luawait_free(outcome);
    const char *endless = "while true do end";
    options = "{\"cpu_ms\":20}";
    REQUIRE_OK(luawait_eval(engine, endless, strlen(endless), options, strlen(options), &state, NULL, NULL, NULL));
    CHECK_INT(state, LUAWAIT_FAILED);
    atomic_store(&sender.is_done, 1);
    pthread_join(thread, NULL);
    CHECK(atomic_load(&handled) > 0);
    luawait_engine_free(engine);
}

static void signals_of_the_hosts_change_no_result_of_a_script(void) {
    in_own_process(with_signals_into_a_script);
}

/* A host's thread in a blocking read: SA_RESTART lets the read go on after the handler. */
typedef struct reader {
    int descriptor;
    ssize_t count;
    int failure;
    gate reading;
} reader;

static void *read_one(void *argument) {
    reader *r = argument;
    char byte;
    gate_open(&r->reading);
    r->count = read(r->descriptor, &byte, 1);
    r->failure = errno;
    return NULL;
}

static void with_a_blocked_reader(void) {
    int number = SIGRTMIN + OFFSET, ends[2];
    install(number, false);
    luawait_engine *engine = engine_with_signal(number, "");
    struct sigaction now;
    REQUIRE(sigaction(number, NULL, &now) == 0);
    CHECK((now.sa_flags & SA_RESTART) != 0);
    REQUIRE(pipe(ends) == 0);
    reader r = {.descriptor = ends[0], .reading = GATE};
    pthread_t thread = run_thread(read_one, &r);
    gate_wait(&r.reading, 1);
    for (int i = 0; i < 50; i++) {
        int before = atomic_load(&handled);
        REQUIRE(pthread_kill(thread, number) == 0);
        while (atomic_load(&handled) == before) {
            sched_yield();
        }
    }
    REQUIRE(write(ends[1], "x", 1) == 1);
    pthread_join(thread, NULL);
    CHECK_INT(r.count, 1);
    close(ends[0]);
    close(ends[1]);
    luawait_engine_free(engine);
}

static void a_hosts_blocking_read_goes_on_after_the_handler(void) {
    in_own_process(with_a_blocked_reader);
}

TESTS(TEST(a_handler_that_was_there_gets_the_hosts_own_signals),
      TEST(a_handler_that_wants_to_know_gets_what_was_sent_along),
      TEST(a_host_that_sends_the_librarys_signal_does_no_harm), TEST(an_ignored_signal_can_be_chosen),
      TEST(signals_of_the_hosts_change_no_result_of_a_script), TEST(a_hosts_blocking_read_goes_on_after_the_handler))
