/*
 * What the operating system refuses, and what a process can do only once: choose the stop signal. No test here makes an
 * engine in the process of the others, since the first engine of a process decides.
 */
#include "host.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void in_own_process(void (*body)(void)) {
    if (harness_scale(1, 0) == 0) harness_skip("valgrind has signals, limits and views of children of its own");
    CHECK(harness_in_process(body));
}

static volatile sig_atomic_t host_signals;

static void count_signal(int number) {
    (void)number;
    host_signals++;
}

static void handle(int number) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

static bool is_handled_by_host(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == count_signal;
}

static bool is_handled(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

static void stop_a_loop(luawait_engine *engine) {
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"cpu_ms\":20}", "cpu", "");
    EXPECT_ERROR_WITH(engine, "while true do end", "{\"timeout_ms\":20}", "timeout", "");
}

/* The host uses the first ten of them, so the library takes another and leaves these alone. */
static void with_host_handlers(void) {
    for (int number = SIGRTMIN; number < SIGRTMIN + 10; number++) {
        handle(number);
    }
    luawait_engine *engine = engine_with("{\"workers\":1}");
    stop_a_loop(engine);
    int taken = 0;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        if (number < SIGRTMIN + 10) {
            CHECK(is_handled_by_host(number));
        } else if (is_handled(number)) {
            taken++;
        }
    }
    CHECK_INT(taken, 1);
    CHECK_INT(host_signals, 0);
    luawait_engine_free(engine);
}

static void signals_that_the_host_handles_are_left_alone(void) {
    in_own_process(with_host_handlers);
}

static void with_chosen_signal(void) {
    int chosen = SIGRTMIN + 7;
    char *config = text_format("{\"workers\":1,\"signal\":%d}", chosen);
    luawait_engine *engine = engine_with(config);
    CHECK(is_handled(chosen));
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        if (number != chosen) CHECK(!is_handled(number));
    }
    stop_a_loop(engine);
    luawait_engine *second = engine_with("{\"workers\":1}");
    stop_a_loop(second);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        if (number != chosen) CHECK(!is_handled(number));
    }
    luawait_engine_free(second);
    luawait_engine_free(engine);
    free(config);
}

static void the_first_engine_chooses_the_signal(void) {
    in_own_process(with_chosen_signal);
}

static void with_no_signal_free(void) {
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        handle(number);
    }
    luawait_engine *engine = (luawait_engine *)&engine;
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_engine_new(NULL, 0, &engine, &error), LUAWAIT_ERR_SYSTEM);
    CHECK(engine == NULL);
    CHECK_INT(error.status, LUAWAIT_ERR_SYSTEM);
    CHECK_CONTAINS(error.message, "signal");
    engine = engine_with("{\"preemption\":\"count\"}");
    stop_a_loop(engine);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        CHECK(is_handled_by_host(number));
    }
    luawait_engine_free(engine);
}

static void without_a_free_signal_there_is_counting(void) {
    in_own_process(with_no_signal_free);
}

static void with_counting(void) {
    luawait_engine *engine = engine_with("{\"preemption\":\"count\",\"workers\":1}");
    stop_a_loop(engine);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        CHECK(!is_handled(number));
    }
    luawait_engine_free(engine);
}

static void counting_takes_no_signal(void) {
    in_own_process(with_counting);
}

/* Room for a few threads' stacks, not for 256. */
static void with_little_room(void) {
    long threads = resting_thread_count(), descriptors = descriptor_count();
    struct rlimit room = {.rlim_cur = (rlim_t)300 << 20, .rlim_max = RLIM_INFINITY}, all;
    REQUIRE(getrlimit(RLIMIT_AS, &all) == 0);
    room.rlim_max = all.rlim_max;
    luawait_engine *engine = (luawait_engine *)&engine;
    luawait_error error = {.struct_size = sizeof error};
    REQUIRE(setrlimit(RLIMIT_AS, &room) == 0);
    luawait_status status = luawait_engine_new("{\"workers\":256}", LUAWAIT_NUL_TERMINATED, &engine, &error);
    REQUIRE(setrlimit(RLIMIT_AS, &all) == 0);
    CHECK_STATUS(status, LUAWAIT_ERR_SYSTEM);
    CHECK(engine == NULL);
    CHECK(error.message[0] != '\0');
    /* Those that could be started are gone again. */
    CHECK_THREADS(threads);
    CHECK_INT(descriptor_count(), descriptors);
    engine = engine_with("{\"workers\":2}");
    EXPECT_VALUE(engine, "return 'with room again'", "\"with room again\"");
    luawait_engine_free(engine);
}

static void without_threads_there_is_no_engine(void) {
    in_own_process(with_little_room);
}

/* A script that waits where Lua cannot yield: its thread waits, and another takes its place. */
static const char *const waits_inside =
    "return string.format('%s', setmetatable({}, {__tostring = function() return f() end}))";

static rlim_t address_space_in_use(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;
    REQUIRE(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Room for some more of everything, but not for another thread's stack. */
static void without_a_stand_in(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"warm_contexts\":0}");
    declare(engine, "f");
    EXPECT_VALUE(engine, "return 1", "1");
    struct rlimit all, little;
    REQUIRE(getrlimit(RLIMIT_AS, &all) == 0);
    little = (struct rlimit){.rlim_cur = address_space_in_use() + (1 << 20), .rlim_max = all.rlim_max};
    REQUIRE(setrlimit(RLIMIT_AS, &little) == 0);
    uint64_t waiting = start(engine, waits_inside);
    request taken = wait_for_request(engine);
    int64_t end = monotonic_ms() + HANG_GUARD_MS;
    while (stat_of(engine, NULL, "workers_refused") < 3 && monotonic_ms() < end) {
        sched_yield();
    }
    CHECK(stat_of(engine, NULL, "workers_refused") >= 3);
    REQUIRE(setrlimit(RLIMIT_AS, &all) == 0);
    EXPECT_VALUE(engine, "return 'on another thread'", "\"on another thread\"");
    answer(engine, taken.id, "\"answered\"");
    CHECK_VALUE(finish(engine, waiting), "\"answered\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_thread_that_was_refused_is_asked_for_again_and_counted(void) {
    in_own_process(without_a_stand_in);
}

static void with_no_descriptor_left(void) {
    luawait_engine *engine = engine_with(NULL);
    struct rlimit all, none;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &all) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = all.rlim_max};
    int fd = -5;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    luawait_status status = luawait_event_fd(engine, &fd);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &all) == 0);
    CHECK_STATUS(status, LUAWAIT_ERR_SYSTEM);
    CHECK_INT(fd, -5);
    CHECK_STATUS(luawait_event_fd(engine, &fd), LUAWAIT_OK);
    uint64_t eval = start(engine, "return 1");
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void without_a_descriptor_event_fd_says_so(void) {
    in_own_process(with_no_descriptor_left);
}

static void forget_everything(void) {}

static void with_a_child(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t loop = start_with(engine, "while true do end", "{\"cpu_ms\":0}"), parked = start(engine, "return f()");
    request taken = wait_for_request(engine);
    CHECK(harness_in_process(forget_everything));
    answer(engine, taken.id, "\"goes on\"");
    CHECK_VALUE(finish(engine, parked), "\"goes on\"");
    REQUIRE_OK(luawait_cancel(engine, loop));
    CHECK_CANCELLED(finish(engine, loop));
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_child_process_leaves_its_parents_engine_alone(void) {
    in_own_process(with_a_child);
}

/* Where the host handles every signal, each engine looks through all of them in vain, under the lock of the installation. */
static atomic_int is_done;

static void fail_to_make_an_engine(void) {
    luawait_engine *engine = NULL;
    CHECK_STATUS(luawait_engine_new(NULL, 0, &engine, NULL), LUAWAIT_ERR_SYSTEM);
}

static void *fail_all_the_time(void *nothing) {
    while (!atomic_load(&is_done)) {
        fail_to_make_an_engine();
    }
    return nothing;
}

static void fail_in_the_child(void) {
    alarm((unsigned)HANG_GUARD_MS / 1000);
    fail_to_make_an_engine();
}

static void fork_while_others_install(void) {
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        handle(number);
    }
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        threads[i] = run_thread(fail_all_the_time, NULL);
    }
    bool goes_on = true;
    for (int i = 0; i < 200 && goes_on; i++) {
        goes_on = CHECK(harness_in_process(fail_in_the_child));
    }
    atomic_store(&is_done, 1);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void a_fork_while_another_thread_installs_the_signal_leaves_no_lock_behind(void) {
    in_own_process(fork_while_others_install);
}

static int64_t monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* All that a process does with the library only once is done by the first use, so each try is a process of its own. */
static int64_t fork_after_us;

static void use_all_of_it(void) {
    luawait_engine *engine = engine_with("{\"lua_warning\":false}");
    declare(engine, "f");
    uint64_t parked = start(engine, "return f({1, 'two'})"), failed = start_with(engine, "error(json.null)", "{}");
    CHECK_JSON(serve_echo(engine, parked).json, "[1,\"two\"]");
    CHECK_INT(finish(engine, failed).state, LUAWAIT_FAILED);
    CHECK(luawait_register(engine, "end", 3, NULL, 0, NULL) == LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

static void *use_it(void *nothing) {
    use_all_of_it();
    return nothing;
}

static void use_it_in_the_child(void) {
    alarm((unsigned)HANG_GUARD_MS / 1000);
    use_all_of_it();
}

static void fork_during_first_use(void) {
    pthread_t threads[2];
    int64_t begin = monotonic_us();
    for (size_t i = 0; i < 2; i++) {
        threads[i] = run_thread(use_it, NULL);
    }
    while (monotonic_us() - begin < fork_after_us) {
        sched_yield();
    }
    CHECK(harness_in_process(use_it_in_the_child));
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void a_fork_at_any_moment_of_the_first_use_leaves_no_lock_behind(void) {
    if (harness_scale(1, 0) == 0) harness_skip("the tool cannot follow a process of several threads that forks");
    bool goes_on = true;
    for (fork_after_us = 0; fork_after_us < 5000 && goes_on; fork_after_us += 25) {
        goes_on = CHECK(harness_in_process(fork_during_first_use));
        if (!goes_on) printf("forked after %d us\n", (int)fork_after_us);
    }
}

TESTS(TEST(signals_that_the_host_handles_are_left_alone), TEST(the_first_engine_chooses_the_signal),
      TEST(without_a_free_signal_there_is_counting), TEST(counting_takes_no_signal),
      TEST(without_threads_there_is_no_engine), TEST(a_thread_that_was_refused_is_asked_for_again_and_counted),
      TEST(without_a_descriptor_event_fd_says_so), TEST(a_child_process_leaves_its_parents_engine_alone),
      TEST(a_fork_while_another_thread_installs_the_signal_leaves_no_lock_behind),
      TEST(a_fork_at_any_moment_of_the_first_use_leaves_no_lock_behind))
