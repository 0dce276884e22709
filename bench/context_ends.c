/*
 * Evals that share one named context and all wait in a host call: what the end of one costs, from its answer to its
 * outcome, with 1,000 to 50,000 of them there. The yardstick is the context with 1,000: what others are in it should
 * cost an eval nothing.
 */
#include "host.h"

enum { LARGEST = 50000, BATCH = 256 };

static const size_t sizes[] = {1000, 5000, 10000, 20000, LARGEST};

static const char script[] = "return wait_for_host(...)";

static uint64_t requests[LARGEST];

/** Takes events of this kind until there have been `count`; for requests, notes their ids. */
static void take_all(luawait_engine *engine, int32_t kind, size_t count) {
    static luawait_event events[BATCH];
    size_t seen = 0, taken = 0;
    while (seen < count) {
        events[0].struct_size = sizeof *events;
        if (luawait_next_events(engine, events, BATCH, &taken) == LUAWAIT_NONE) {
            BENCH_CHECK(luawait_wait_any(engine, -1) == LUAWAIT_OK);
            continue;
        }
        for (size_t i = 0; i < taken; i++) {
            BENCH_CHECK(events[i].kind == kind && seen < count);
            if (kind == LUAWAIT_EVENT_REQUEST) requests[seen] = events[i].request_id;
            if (kind == LUAWAIT_EVENT_FINISHED) BENCH_CHECK(strcmp(events[i].text, "1") == 0);
            seen++;
        }
        luawait_release_events(events, taken);
    }
}

/** Microseconds for one end. */
static double measure(size_t count) {
    luawait_engine *engine =
        host_engine("{\"memory_bytes\": 0, \"max_coroutines\": 0, \"call_timeout_ms\": 0, \"workers\": 1}");
    luawait_error error = host_error();
    uint64_t context = 0;
    char options[64];
    double begin;
    host_register(engine, "wait_for_host");
    BENCH_CHECK(luawait_context_new(engine, NULL, 0, &context, &error) == LUAWAIT_OK);
    snprintf(options, sizeof options, "{\"context\": %llu}", (unsigned long long)context);
    for (size_t i = 0; i < count; i++)
        host_start(engine, script, options);
    take_all(engine, LUAWAIT_EVENT_REQUEST, count);
    begin = bench_now();
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(luawait_provide_result(engine, requests[i], TEXT("1"), NULL) == LUAWAIT_OK);
    take_all(engine, LUAWAIT_EVENT_FINISHED, count);
    begin = bench_now() - begin;
    luawait_engine_free(engine);
    return begin / 1e3 / (double)count;
}

int main(void) {
    double yardstick = 0;
    bench_title("The end of each of N evals that are parked in one named context");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double rounds[BENCH_ROUNDS], each;
        char name[64];
        for (int round = 0; round < BENCH_ROUNDS; round++)
            rounds[round] = measure(sizes[i]);
        each = bench_median(rounds, BENCH_ROUNDS);
        snprintf(name, sizeof name, "%s%zu of them", i == 0 ? "yardstick: " : "", sizes[i]);
        if (i == 0) {
            bench_line(name, each, "us");
            yardstick = each;
        } else {
            bench_ratio(name, each, "us", yardstick);
        }
    }
    return 0;
}
