/* From luawait_cancel() of an endless loop to its outcome in the host's hands. */
#include "futex.h"
#include "host.h"

#include <semaphore.h>

enum { CANCELS = 200, FUTEX_ROUNDS = 5000 };

static void tell_running(void *data, luawait_call *call) {
    (void)call;
    BENCH_CHECK(sem_post(data) == 0);
}

/** Lets the loop turn for a while: cancels are to fall anywhere in a time slice, not always at its beginning. */
static void let_run(double nanoseconds) {
    double end = bench_now() + nanoseconds;
    struct timespec pause = {.tv_nsec = 100000};
    while (bench_now() < end)
        nanosleep(&pause, NULL);
}

static double measure(luawait_engine *engine, sem_t *running, size_t round) {
    uint64_t eval = host_start(engine, "running() while true do end", NULL);
    int32_t state = LUAWAIT_IN_PROGRESS;
    double begin;
    while (sem_wait(running) != 0)
        continue;
    let_run((double)((round * 7919) % 15000) * 1e3); /* 0 to 15 ms; a slice is 10 */
    begin = bench_now();
    BENCH_CHECK(luawait_cancel(engine, eval) == LUAWAIT_OK);
    BENCH_CHECK(luawait_wait(engine, eval, -1, &state, NULL, NULL) == LUAWAIT_OK);
    begin = bench_now() - begin;
    BENCH_CHECK(state == LUAWAIT_CANCELLED);
    return begin / 1e3;
}

int main(void) {
    double samples[CANCELS], futex[BENCH_ROUNDS], yardstick;
    sem_t running;
    luawait_engine *engine = host_engine(NULL);
    BENCH_CHECK(sem_init(&running, 0, 0) == 0);
    host_register_callback(engine, "running", tell_running, &running);
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        futex[round] = futex_round_trip(FUTEX_ROUNDS) / 1e3;
        for (size_t i = round; i < CANCELS; i += BENCH_ROUNDS)
            samples[i] = measure(engine, &running, i);
    }
    luawait_engine_free(engine);
    sem_destroy(&running);

    yardstick = bench_median(futex, BENCH_ROUNDS);
    bench_title("Cancel of `while true do end`: from luawait_cancel to the outcome, 200 times");
    bench_line("yardstick: futex round trip of two threads", yardstick, "us");
    bench_ratio("median", bench_median(samples, CANCELS), "us", yardstick);
    bench_ratio("99th percentile", bench_percentile(samples, CANCELS, 99), "us", yardstick);
    bench_ratio("longest", bench_percentile(samples, CANCELS, 100), "us", yardstick);
    return 0;
}
