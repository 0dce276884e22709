/*
 * The yardstick of every wakeup: two threads that hand each other one word through a futex, and sleep in between.
 * Nothing that wakes a sleeping thread and is woken by it can be faster.
 */
#ifndef BENCH_FUTEX_H
#define BENCH_FUTEX_H

#include "bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

struct futex_table {
    _Atomic uint32_t turn; /* 0: the caller's, 1: the partner's */
    size_t rounds;
};

static inline void futex_pass(_Atomic uint32_t *word, uint32_t to) {
    atomic_store(word, to);
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void futex_await(_Atomic uint32_t *word, uint32_t turn) {
    while (atomic_load(word) != turn)
        syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_PRIVATE, 1 - turn, NULL, NULL, 0);
}

static inline void *futex_partner(void *argument) {
    struct futex_table *table = argument;
    for (size_t i = 0; i < table->rounds; i++) {
        futex_await(&table->turn, 1);
        futex_pass(&table->turn, 0);
    }
    return NULL;
}

/** Nanoseconds per round trip between two threads, over `rounds` of them. */
static inline double futex_round_trip(size_t rounds) {
    struct futex_table table = {.turn = 0, .rounds = rounds};
    pthread_t partner;
    double begin;
    BENCH_CHECK(pthread_create(&partner, NULL, futex_partner, &table) == 0);
    begin = bench_now();
    for (size_t i = 0; i < rounds; i++) {
        futex_pass(&table.turn, 1);
        futex_await(&table.turn, 0);
    }
    begin = (bench_now() - begin) / (double)rounds;
    BENCH_CHECK(pthread_join(partner, NULL) == 0);
    return begin;
}

#endif /* BENCH_FUTEX_H */
