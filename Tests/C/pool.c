#include "pool.h"

static int32_t submit(void *data, luawait_run_task run, void *task) {
    pool *to = data;
    pthread_mutex_lock(&to->lock);
    int32_t result = to->refusal;
    if (result == 0 && (to->is_closing || to->count == POOL_CAPACITY)) result = -1;
    if (result == 0) {
        to->tasks[(to->first + to->count++) % POOL_CAPACITY] = (pool_task){run, task};
        to->accepted++;
        pthread_cond_broadcast(&to->moved);
    } else {
        to->refused++;
    }
    pthread_mutex_unlock(&to->lock);
    return result;
}

static void drop(void *data) {
    pool *of = data;
    pthread_mutex_lock(&of->lock);
    of->drops++;
    pthread_mutex_unlock(&of->lock);
}

luawait_executor executor_of(pool *pool) {
    return (luawait_executor){.struct_size = sizeof(luawait_executor), .data = pool, .submit = submit, .drop = drop};
}

/** With the lock held. */
static bool take(pool *from, pool_task *taken) {
    if (from->count == 0) return false;
    *taken = from->tasks[from->first];
    from->first = (from->first + 1) % POOL_CAPACITY;
    from->count--;
    return true;
}

static void *work(void *data) {
    pool *of = data;
    pool_task taken;
    pthread_mutex_lock(&of->lock);
    while (of->count > 0 || !of->is_closing) {
        if (!take(of, &taken)) {
            pthread_cond_wait(&of->moved, &of->lock);
            continue;
        }
        pthread_mutex_unlock(&of->lock);
        taken.run(taken.task);
        pthread_mutex_lock(&of->lock);
    }
    pthread_mutex_unlock(&of->lock);
    return NULL;
}

pool *pool_new(size_t threads) {
    pool *made = calloc(1, sizeof *made);
    if (made == NULL || threads > POOL_MOST_THREADS) abort();
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->moved, NULL);
    for (; made->thread_count < threads; made->thread_count++)
        made->threads[made->thread_count] = run_thread(work, made);
    return made;
}

void pool_free(pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->moved);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->moved);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

bool pool_step(pool *pool) {
    pool_task taken;
    pthread_mutex_lock(&pool->lock);
    bool is_there = take(pool, &taken);
    pthread_mutex_unlock(&pool->lock);
    if (is_there) taken.run(taken.task);
    return is_there;
}

void pool_run_all(pool *pool) {
    while (pool_step(pool))
        continue;
}

size_t pool_waiting(pool *pool) {
    pthread_mutex_lock(&pool->lock);
    size_t waiting = pool->count;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}

void pool_refuse(pool *pool, int32_t code) {
    pthread_mutex_lock(&pool->lock);
    pool->refusal = code;
    pthread_mutex_unlock(&pool->lock);
}

long pool_count(pool *pool, const long *counter) {
    pthread_mutex_lock(&pool->lock);
    long count = *counter;
    pthread_mutex_unlock(&pool->lock);
    return count;
}
