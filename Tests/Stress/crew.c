#include "crew.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 3, ROOM = 4096, REFUSES_ONE_IN = 16 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct {
        luawait_run_task run;
        void *task;
    } tasks[ROOM];
    size_t first, count;
    unsigned long long offered;
    bool is_closing;
    pthread_t threads[THREADS];
} crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static int32_t submit(void *data, luawait_run_task run, void *task) {
    token_used(data);
    pthread_mutex_lock(&crew.lock);
    bool is_accepted = ++crew.offered % REFUSES_ONE_IN != 0 && crew.count < ROOM;
    if (is_accepted) {
        size_t last = (crew.first + crew.count++) % ROOM;
        crew.tasks[last].run = run;
        crew.tasks[last].task = task;
        pthread_cond_signal(&crew.moved);
    }
    pthread_mutex_unlock(&crew.lock);
    return is_accepted ? 0 : -1;
}

luawait_executor crew_as_executor(token *one) {
    return (luawait_executor){
        .struct_size = sizeof(luawait_executor), .data = one, .submit = submit, .drop = token_drop};
}

static void *work(void *argument) {
    pthread_mutex_lock(&crew.lock);
    while (crew.count > 0 || !crew.is_closing) {
        if (crew.count == 0) {
            pthread_cond_wait(&crew.moved, &crew.lock);
            continue;
        }
        luawait_run_task run = crew.tasks[crew.first].run;
        void *task = crew.tasks[crew.first].task;
        crew.first = (crew.first + 1) % ROOM;
        crew.count--;
        pthread_mutex_unlock(&crew.lock);
        run(task);
        pthread_mutex_lock(&crew.lock);
    }
    pthread_mutex_unlock(&crew.lock);
    return argument;
}

void crew_begin(void) {
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&crew.threads[i], NULL, work, NULL) != 0) abort();
    }
}

void crew_end(void) {
    pthread_mutex_lock(&crew.lock);
    crew.is_closing = true;
    pthread_cond_broadcast(&crew.moved);
    pthread_mutex_unlock(&crew.lock);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crew.threads[i], NULL);
    }
}
