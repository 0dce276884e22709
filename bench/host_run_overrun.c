/*
 * By how much luawait_run() exceeds a budget of 200 microseconds when the script is an endless loop: interrupted by the
 * watchdog's signal, and by counting instructions where there is no watchdog. The yardstick is the signal alone: a
 * thread that sleeps until the time and then signals one that spins.
 */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>

enum { BUDGET_US = 200, RUNS = 400, SAMPLES = BENCH_ROUNDS * RUNS };

static const char endless[] = "while true do end";

/* ----------------------------------------------------------------------------------------------- the yardstick -- */

static struct {
    sem_t armed;
    double deadline;
    pthread_t spinning;
} alarm_clock;

static volatile sig_atomic_t rung;

static void on_signal(int number) {
    (void)number;
    rung = 1;
}

static void *ring(void *argument) {
    /* Else the kernel lets a sleep take 50 microseconds longer. */
    BENCH_CHECK(prctl(PR_SET_TIMERSLACK, 1UL) == 0);
    for (int i = 0; i < RUNS; i++) {
        struct timespec until;
        while (sem_wait(&alarm_clock.armed) != 0)
            BENCH_CHECK(errno == EINTR);
        until.tv_sec = (time_t)(alarm_clock.deadline / 1e9);
        until.tv_nsec = (long)(alarm_clock.deadline - (double)until.tv_sec * 1e9);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            continue;
        BENCH_CHECK(pthread_kill(alarm_clock.spinning, SIGUSR1) == 0);
    }
    return argument;
}

static void measure_signal(double *samples) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_t thread;
    BENCH_CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    BENCH_CHECK(sem_init(&alarm_clock.armed, 0, 0) == 0);
    alarm_clock.spinning = pthread_self();
    BENCH_CHECK(pthread_create(&thread, NULL, ring, NULL) == 0);
    for (int i = 0; i < RUNS; i++) {
        rung = 0;
        alarm_clock.deadline = bench_now() + BUDGET_US * 1e3;
        BENCH_CHECK(sem_post(&alarm_clock.armed) == 0);
        while (!rung)
            continue;
        samples[i] = (bench_now() - alarm_clock.deadline) / 1e3;
    }
    BENCH_CHECK(pthread_join(thread, NULL) == 0);
    sem_destroy(&alarm_clock.armed);
}

/* ----------------------------------------------------------------------------------------------------- luawait -- */

static luawait_engine *endless_engine(const char *config) {
    luawait_engine *engine = host_engine(config);
    host_start(engine, endless, NULL);
    BENCH_CHECK(luawait_run(engine, BUDGET_US, NULL) == LUAWAIT_OK); /* compiles */
    return engine;
}

static void measure_run(luawait_engine *engine, double *samples) {
    for (int i = 0; i < RUNS; i++) {
        int32_t more = 0;
        double begin = bench_now();
        BENCH_CHECK(luawait_run(engine, BUDGET_US, &more) == LUAWAIT_OK);
        samples[i] = (bench_now() - begin) / 1e3 - BUDGET_US;
        BENCH_CHECK(more == 1);
    }
}

static void report(const char *name, double *samples, const double *yardstick) {
    static const struct {
        const char *name;
        double percent;
    } lines[] = {{"median", 50}, {"99th percentile", 99}, {"longest", 100}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char label[64];
        double value = bench_percentile(samples, SAMPLES, lines[i].percent);
        snprintf(label, sizeof label, "%s: %s", name, lines[i].name);
        if (yardstick == NULL)
            bench_line(label, value, "us");
        else
            bench_ratio(label, value, "us", *yardstick);
    }
}

int main(void) {
    static double raw[SAMPLES], with_watchdog[SAMPLES], counting[SAMPLES];
    luawait_engine *watched = endless_engine("{\"executor\": \"host\", \"cpu_ms\": 0}");
    luawait_engine *counted = endless_engine("{\"executor\": \"host\", \"cpu_ms\": 0, \"watchdog\": false}");
    double yardstick;
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        measure_signal(raw + round * RUNS);
        measure_run(watched, with_watchdog + round * RUNS);
        measure_run(counted, counting + round * RUNS);
    }
    luawait_engine_free(watched);
    luawait_engine_free(counted);

    yardstick = bench_median(raw, SAMPLES);
    bench_title("luawait_run(200 us) of `while true do end`: over its budget by, 2,000 runs");
    report("yardstick, a signal to a spinning thread", raw, NULL);
    report("watchdog and signal", with_watchdog, &yardstick);
    report("no watchdog, counting", counting, &yardstick);
    return 0;
}
