/* Pools for executor "custom": one whose tasks a test runs itself, one after the other, and one of plain threads. */
#ifndef LUAWAIT_TESTS_POOL_H
#define LUAWAIT_TESTS_POOL_H

#include "host.h"

enum { POOL_CAPACITY = 4096, POOL_MOST_THREADS = 8 };

/** A task that was accepted and has not been run. */
typedef struct pool_task {
    luawait_run_task run;
    void *task;
} pool_task;

typedef struct pool {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    pool_task tasks[POOL_CAPACITY];
    size_t first, count;
    /** What submit answers; 0 accepts. */
    int32_t refusal;
    long accepted, refused, drops;
    pthread_t threads[POOL_MOST_THREADS];
    size_t thread_count;
    bool is_closing;
} pool;

/** What luawait_set_executor() takes. */
luawait_executor executor_of(pool *pool);

/** Starts threads that run the tasks, or none: then the test runs them. */
pool *pool_new(size_t threads);
/** Lets the threads run what is there, and ends them. What a pool without threads still has is lost. */
void pool_free(pool *pool);

/** Runs the oldest task on the calling thread; false if there is none. */
bool pool_step(pool *pool);
/** Runs tasks until there is none. */
void pool_run_all(pool *pool);
size_t pool_waiting(pool *pool);
void pool_refuse(pool *pool, int32_t code);
long pool_count(pool *pool, const long *counter);

#endif
