/* A script of about a millisecond beside a hundred endless loops, on two workers: how long until its outcome is there. */
#include "host.h"

enum { LOOPS = 100, SAMPLES = 60, SLICE_MS = 10 };

static const char script[] = "local s = 0 for i = 1, 150000 do s = s + i end return s";

/** Milliseconds from luawait_start() to the outcome. */
static double measure(luawait_engine *engine) {
    int32_t state = LUAWAIT_IN_PROGRESS;
    double begin = bench_now();
    uint64_t eval = host_start(engine, script, NULL);
    BENCH_CHECK(luawait_wait(engine, eval, -1, &state, NULL, NULL) == LUAWAIT_OK);
    BENCH_CHECK(state == LUAWAIT_SUCCEEDED);
    return (bench_now() - begin) / 1e6;
}

int main(void) {
    double alone[SAMPLES], beside[SAMPLES], first, yardstick;
    luawait_engine *engine = host_engine("{\"workers\":2,\"cpu_ms\":0}");
    for (size_t i = 0; i < SAMPLES; i++)
        alone[i] = measure(engine);
    for (size_t i = 0; i < LOOPS; i++)
        host_start(engine, "while true do end", "{\"detached\":true}");
    /* It comes behind a hundred others that nobody knows to be endless yet. */
    first = measure(engine);
    for (size_t i = 0; i < SAMPLES; i++)
        beside[i] = measure(engine);
    luawait_engine_free(engine);

    yardstick = bench_median(alone, SAMPLES);
    bench_title("A short script beside 100 endless loops on two workers, slices of 10 ms");
    bench_line("yardstick: the script alone", yardstick, "ms");
    bench_ratio("beside them, median", bench_median(beside, SAMPLES), "ms", yardstick);
    bench_ratio("beside them, longest", bench_percentile(beside, SAMPLES, 100), "ms", yardstick);
    bench_ratio("started right behind them", first, "ms", yardstick);
    bench_line("that is, in slices: median", bench_median(beside, SAMPLES) / SLICE_MS, "");
    bench_line("that is, in slices: longest", bench_percentile(beside, SAMPLES, 100) / SLICE_MS, "");
    bench_line("that is, in slices: right behind them", first / SLICE_MS, "");
    return 0;
}
