/* The yardstick on its own: one round trip between two sleeping threads. */
#include "futex.h"

enum { ROUND_TRIPS = 50000 };

int main(void) {
    double samples[BENCH_ROUNDS], lowest, highest;
    for (size_t round = 0; round < BENCH_ROUNDS; round++)
        samples[round] = futex_round_trip(ROUND_TRIPS);
    bench_title("Futex ping-pong: two threads, one round trip");
    lowest = bench_percentile(samples, BENCH_ROUNDS, 0);
    highest = bench_percentile(samples, BENCH_ROUNDS, 100);
    bench_line("median of the rounds", bench_median(samples, BENCH_ROUNDS), "ns");
    bench_line("fastest round", lowest, "ns");
    bench_line("slowest round", highest, "ns");
    return 0;
}
