/*
 * What the benchmarks share: a clock, medians and percentiles, checks and the lines of the report.
 *
 * A benchmark measures Luawait and its yardstick (the same work in plain C) in one process, in alternating rounds, so
 * that a busy or throttled machine bends both. It reports the medians and their ratio. It fails on a wrong result and
 * never on a slow one. Include this header first: it asks the C library for its POSIX and Linux parts.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Rounds of each alternating measurement; odd, so that the median is one of them. */
#define BENCH_ROUNDS 5

/** Nanoseconds of a clock that never jumps. */
static inline double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/** Ends the benchmark: something is wrong, so that no figure of it means anything. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void bench_die(const char *format, ...) {
    va_list arguments;
    fputs("benchmark failed: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/** Ends the benchmark unless `condition` holds. */
#define BENCH_CHECK(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) bench_die("%s:%d: %s", __FILE__, __LINE__, #condition);                                      \
    } while (0)

static inline int bench_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/** The value that `percent` per cent of the samples do not exceed (nearest rank). Sorts the samples. */
static inline double bench_percentile(double *samples, size_t count, double percent) {
    size_t rank;
    BENCH_CHECK(count > 0);
    qsort(samples, count, sizeof *samples, bench_compare);
    rank = (size_t)(percent / 100.0 * (double)count + 0.999999);
    if (rank < 1) rank = 1;
    return samples[(rank > count ? count : rank) - 1];
}

static inline double bench_median(double *samples, size_t count) {
    return bench_percentile(samples, count, 50.0);
}

/** Says what the following lines are about. */
static inline void bench_title(const char *text) {
    printf("\n%s\n", text);
}

/** One figure. */
static inline void bench_line(const char *name, double value, const char *unit) {
    printf("  %-58s %14.1f %-9s\n", name, value, unit);
    fflush(stdout);
}

/** One figure and its ratio to the yardstick's. */
static inline void bench_ratio(const char *name, double value, const char *unit, double yardstick) {
    printf("  %-58s %14.1f %-9s %8.2f x\n", name, value, unit, value / yardstick);
    fflush(stdout);
}

#endif /* BENCH_H */
