/*
 * From a thread that has something to tell to a host asleep in poll(2): a script's host call through the event
 * descriptor, and as the yardstick a plain thread's write to an eventfd. Before each, the one who tells rests long
 * enough for the host to be asleep, and then notes the time. With the threads where the kernel puts them, and each on a
 * core of its own.
 */
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WAKEUPS = 400, REST_NS = 200000, ANYWHERE = -1, MODES = 2 };

/** When what the host is about to hear of was told. Written before the wakeup, and read after it. */
static double told_at;

static void rest_and_note(void) {
    struct timespec rest = {.tv_nsec = REST_NS};
    nanosleep(&rest, NULL);
    told_at = bench_now();
}

/** Ties the calling thread to a core, or lets it go. */
static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < (int)sysconf(_SC_NPROCESSORS_ONLN); i++)
        if (core == ANYWHERE || i == core) CPU_SET((unsigned)i, &set);
    BENCH_CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* ----------------------------------------------------------------------------------------------- the yardstick -- */

struct table {
    int core, to_host, to_partner;
};

static void post(int fd) {
    uint64_t one = 1;
    BENCH_CHECK(write(fd, &one, sizeof one) == sizeof one);
}

static void take(int fd) {
    uint64_t count;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    BENCH_CHECK(poll(&ready, 1, -1) == 1);
    BENCH_CHECK(read(fd, &count, sizeof count) == sizeof count && count == 1);
}

static void *partner(void *argument) {
    struct table *table = argument;
    pin(table->core);
    for (int i = 0; i < WAKEUPS; i++) {
        rest_and_note();
        post(table->to_host);
        take(table->to_partner);
    }
    return NULL;
}

static void measure_eventfd(int core, double *samples) {
    struct table table = {core, eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
    pthread_t thread;
    BENCH_CHECK(table.to_host >= 0 && table.to_partner >= 0);
    BENCH_CHECK(pthread_create(&thread, NULL, partner, &table) == 0);
    for (int i = 0; i < WAKEUPS; i++) {
        take(table.to_host);
        samples[i] = bench_now() - told_at;
        post(table.to_partner);
    }
    BENCH_CHECK(pthread_join(thread, NULL) == 0);
    close(table.to_host);
    close(table.to_partner);
}

/* ----------------------------------------------------------------------------------------------------- luawait -- */

static void on_rest(void *data, luawait_call *call) {
    (void)data;
    (void)call;
    rest_and_note();
}

static void on_pin(void *data, luawait_call *call) {
    (void)call;
    pin(*(int *)data);
}

static const char script[] = "pin() for i = 1, ... do rest() ping(i) end return 'done'";

static void measure_luawait(luawait_engine *engine, double *awake, double *taken) {
    struct pollfd ready = {.events = POLLIN};
    luawait_event event = {.struct_size = sizeof event};
    char options[64];
    uint64_t eval;
    size_t count;
    BENCH_CHECK(luawait_event_fd(engine, &ready.fd) == LUAWAIT_OK);
    snprintf(options, sizeof options, "{\"args\": [%d]}", WAKEUPS);
    eval = host_start(engine, script, options);
    for (int i = 0; i < WAKEUPS; i++) {
        do {
            BENCH_CHECK(poll(&ready, 1, -1) == 1);
            awake[i] = bench_now();
        } while (luawait_next_events(engine, &event, 1, &count) != LUAWAIT_OK); /* woken for nothing */
        taken[i] = bench_now() - told_at;
        awake[i] -= told_at;
        BENCH_CHECK(event.kind == LUAWAIT_EVENT_REQUEST);
        BENCH_CHECK(luawait_provide_result(engine, event.request_id, TEXT("1"), NULL) == LUAWAIT_OK);
        luawait_release_events(&event, 1);
    }
    host_expect(engine, eval, "\"done\"");
}

static void report(const char *title, double *raw, double *awake, double *taken) {
    const size_t count = (size_t)BENCH_ROUNDS * WAKEUPS;
    double yardstick = bench_median(raw, count) / 1e3, tail = bench_percentile(raw, count, 99) / 1e3;
    bench_title(title);
    bench_line("yardstick: write to an eventfd, poll and read: median", yardstick, "us");
    bench_ratio("script calls, host is awake: median", bench_median(awake, count) / 1e3, "us", yardstick);
    bench_ratio("script calls, host has the request: median", bench_median(taken, count) / 1e3, "us", yardstick);
    bench_line("yardstick: 99th percentile", tail, "us");
    bench_ratio("script calls, host has the request: 99th percentile", bench_percentile(taken, count, 99) / 1e3, "us",
                tail);
}

int main(void) {
    static double raw[MODES][BENCH_ROUNDS * WAKEUPS], awake[MODES][BENCH_ROUNDS * WAKEUPS];
    static double taken[MODES][BENCH_ROUNDS * WAKEUPS];
    static int core;
    int modes = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? MODES : 1;
    luawait_engine *engine = host_engine("{\"workers\": 1, \"cpu_ms\": 0, \"call_timeout_ms\": 0}");
    host_register(engine, "ping");
    host_register_callback(engine, "rest", on_rest, NULL);
    host_register_callback(engine, "pin", on_pin, &core);
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        for (int mode = 0; mode < modes; mode++) {
            size_t first = round * WAKEUPS;
            pin(mode == 0 ? ANYWHERE : 0);
            core = mode == 0 ? ANYWHERE : 1;
            measure_eventfd(core, raw[mode] + first);
            measure_luawait(engine, awake[mode] + first, taken[mode] + first);
        }
    }
    luawait_engine_free(engine);
    report("Waking a host in poll(2), threads where the kernel puts them", raw[0], awake[0], taken[0]);
    if (modes == MODES)
        report("Waking a host in poll(2), each thread on a core of its own", raw[1], awake[1], taken[1]);
    return 0;
}
