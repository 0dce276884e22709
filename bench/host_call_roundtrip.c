/*
 * A host call from the script to the host's loop and back: the worker parks the script, the host wakes up in poll(2),
 * takes the request, answers, and the worker wakes up and resumes. Two sleeping threads wake each other, exactly what
 * the futex ping-pong does with nothing else around it.
 */
#include "futex.h"
#include "host.h"

enum { CALLS = 20000, CROWD = 64, CROWD_CALLS = 1000 };

static const char script[] = "local count = ...\n"
                             "for i = 1, count do\n"
                             "    if ping(i) ~= i then error('wrong answer') end\n"
                             "end\n"
                             "return count";

static const char config[] = "{\"workers\": 1, \"cpu_ms\": 0, \"call_timeout_ms\": 0}";

/** Nanoseconds per host call of `scripts` scripts that each make `calls` calls, all at once. */
static double measure(luawait_engine *engine, size_t scripts, size_t calls) {
    uint64_t evals[CROWD];
    char options[64], expected[32];
    double begin = bench_now();
    BENCH_CHECK(scripts <= CROWD);
    snprintf(options, sizeof options, "{\"args\": [%zu]}", calls);
    snprintf(expected, sizeof expected, "%zu", calls);
    for (size_t i = 0; i < scripts; i++)
        evals[i] = host_start(engine, script, options);
    host_serve(engine, scripts * calls);
    for (size_t i = 0; i < scripts; i++)
        host_expect(engine, evals[i], expected);
    return (bench_now() - begin) / (double)(scripts * calls);
}

static void answer_at_once(void *data, luawait_call *call) {
    (void)data;
    BENCH_CHECK(call->args_length > 2);
    BENCH_CHECK(luawait_call_return(call, call->args + 1, call->args_length - 2, NULL) == LUAWAIT_OK);
}

/** Nanoseconds per call of a C callback: no park, no thread switch, the same values as JSON. */
static double measure_callback(luawait_engine *engine) {
    luawait_error error = host_error();
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL, options[64], expected[32];
    double begin = bench_now();
    snprintf(options, sizeof options, "{\"args\": [%d]}", CALLS);
    snprintf(expected, sizeof expected, "%d", CALLS);
    if (luawait_eval(engine, TEXT(script), TEXT(options), &state, &outcome, NULL, &error) != LUAWAIT_OK)
        bench_die("luawait_eval: %s", error.message);
    BENCH_CHECK(state == LUAWAIT_SUCCEEDED && strcmp(outcome, expected) == 0);
    luawait_free(outcome);
    return (bench_now() - begin) / CALLS;
}

int main(void) {
    double futex[BENCH_ROUNDS], one[BENCH_ROUNDS], crowd[BENCH_ROUNDS], callback[BENCH_ROUNDS], yardstick, median;
    luawait_engine *engine = host_engine(config), *direct = host_engine(config);
    host_register(engine, "ping");
    host_register_callback(direct, "ping", answer_at_once, NULL);
    measure(engine, 1, 1000); /* warms up */

    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        futex[round] = futex_round_trip(CALLS);
        one[round] = measure(engine, 1, CALLS);
        crowd[round] = measure(engine, CROWD, CROWD_CALLS);
        callback[round] = measure_callback(direct);
    }
    luawait_engine_free(direct);
    luawait_engine_free(engine);

    yardstick = bench_median(futex, BENCH_ROUNDS);
    bench_title("Host call: script -> host blocked in poll(2) -> script, one worker");
    bench_line("yardstick: futex round trip of two threads", yardstick, "ns");
    bench_ratio("one script: round trip", bench_median(one, BENCH_ROUNDS), "ns", yardstick);
    median = bench_median(crowd, BENCH_ROUNDS);
    bench_ratio("64 scripts at once: time per call", median, "ns", yardstick);
    bench_line("64 scripts at once: calls per second", 1e9 / median, "/s");
    bench_ratio("C callback inside luawait_eval: time per call", bench_median(callback, BENCH_ROUNDS), "ns", yardstick);
    return 0;
}
