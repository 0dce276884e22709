/*
 * Usage: stress [SECONDS [SEED]]; the preemption of all engines from LUAWAIT_STRESS_PREEMPTION ("signal" or "count";
 * without it, both). Prints its seed first, which gives each thread the same choices again, though not the same order
 * among the threads. Exits with 1 when something did not add up.
 */
#include "stress.h"

#include "crew.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void sleep_for(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

/* What the rounds add up to. */
static struct { unsigned long long rounds, calls, evals, requests, outcomes[4], output; } total;

enum { EXECUTORS = 5 };

static void make_engine(const settings *how, unsigned round, arena *at) {
    static const char *const executors[EXECUTORS] = {
        "\"threads\",\"workers\":2,\"slice_us\":500", "\"host\",\"slice_us\":1000",
        "\"custom\",\"workers\":3,\"slice_us\":500", "\"threads\",\"workers\":4,\"warm_contexts\":0",
        "\"host\",\"watchdog\":false,\"warm_contexts\":2"};
    const char *executor = executors[round % EXECUTORS];
    const char *preemption = how->preemption;
    if (preemption == NULL) preemption = round / EXECUTORS % 2 == 0 ? "signal" : "count";
    char config[400];
    snprintf(config, sizeof config,
             "{\"executor\":%s,\"preemption\":\"%s\",\"print\":\"event\",\"call_timeout_ms\":50,\"cpu_ms\":200,"
             "\"max_evals\":300,\"max_queued\":200,\"max_unread\":2000,\"max_requests\":100}",
             executor, preemption);
    at->is_host_run = strncmp(executor, "\"host\"", 6) == 0;
    at->is_custom = strncmp(executor, "\"custom\"", 8) == 0;
    at->has_one_main_thread = round % 2 == 0;
    MUST(luawait_engine_new(config, strlen(config), &at->engine, NULL));
}

static void add_up(arena *at, const actor *actors) {
    total.rounds++;
    total.evals += atomic_load(&at->book->started) + atomic_load(&at->book->direct);
    total.requests += atomic_load(&at->book->highest_request);
    total.output += atomic_load(&at->book->output);
    for (int i = 0; i < 4; i++) {
        total.outcomes[i] += atomic_load(&at->book->states[i]);
    }
    for (int i = 0; i < ACTORS; i++) {
        total.calls += actors[i].calls;
    }
}

/* Ends what goes on: while all still call, or when all have gone, with the scripts cancelled or left to end. */
static void wind_down(arena *at, actor *actors, chance *luck, token **list) {
    unsigned way = chance_below(luck, 4);
    if (way == 0) MUST(luawait_shutdown(at->engine, chance_below(luck, 100)));
    atomic_store(&at->stops, true);
    for (int i = 0; i < ACTORS; i++) {
        pthread_join(actors[i].thread, NULL);
    }
    if (at->is_custom) actor_set_crew(at, list);
    /* Nobody answers any more: each call's own time runs out, and each loop has its limit. */
    MUST(luawait_shutdown(at->engine, way == 1 ? -1 : 0));
}

static void run_round(const settings *how, unsigned round, double seconds, chance *luck) {
    arena at = {.book = ledger_new()};
    actor actors[ACTORS];
    token *own = NULL;
    make_engine(how, round, &at);
    if (at.is_custom) actor_set_crew(&at, &own);
    declare_functions(&at, &own);
    for (int i = 0; i < ACTORS; i++) {
        actors[i] = (actor){.at = &at, .number = i, .luck = {chance_next(luck)}};
        if (pthread_create(&actors[i].thread, NULL, actor_work, &actors[i]) != 0) abort();
    }
    sleep_for(seconds);
    /* One round in eight ends with its engine freed in the middle of everything. */
    bool is_cut_short = chance_below(luck, 8) == 0;
    if (is_cut_short) {
        atomic_store(&at.stops, true);
        for (int i = 0; i < ACTORS; i++) {
            pthread_join(actors[i].thread, NULL);
        }
    } else {
        wind_down(&at, actors, luck, &own);
        actor_drain(&actors[0]);
        ledger_check(at.book, at.engine);
    }
    luawait_engine_free(at.engine);
    for (int i = 0; i < ACTORS; i++) {
        actor_release(&actors[i]);
        tokens_check(&actors[i].tokens);
    }
    tokens_check(&own);
    add_up(&at, actors);
    ledger_free(at.book);
}

static settings read_settings(int argc, char **argv) {
    settings how = {.seconds = 5, .preemption = getenv("LUAWAIT_STRESS_PREEMPTION")};
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    how.seed = (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
    if (argc > 1) how.seconds = strtod(argv[1], NULL);
    if (argc > 2) how.seed = strtoull(argv[2], NULL, 0);
    if (argc > 3 || how.seconds <= 0) {
        fprintf(stderr, "usage: %s [SECONDS [SEED]]\n", argv[0]);
        exit(2);
    }
    return how;
}

int main(int argc, char **argv) {
    const settings how = read_settings(argc, argv);
    printf("stress: %g s, seed %" PRIu64 "\n", how.seconds, how.seed);
    fflush(stdout);
    chance luck = {how.seed};
    crew_begin();
    churner beside = {.how = &how, .luck = {chance_next(&luck)}};
    if (pthread_create(&beside.thread, NULL, churner_work, &beside) != 0) abort();
    /* Every kind of engine has its turn even in a short run. */
    const double end = now() + how.seconds, length = how.seconds < 20 ? how.seconds / (2 * EXECUTORS) : 2;
    for (unsigned round = 0; now() < end; round++) {
        run_round(&how, round, length, &luck);
    }
    atomic_store(&beside.stops, true);
    pthread_join(beside.thread, NULL);
    crew_end();
    printf(
        "stress: %llu calls, %llu requests, %llu outcomes: %llu succeeded, %llu failed, %llu cancelled; %llu lines\n",
        total.calls, total.requests, total.outcomes[1] + total.outcomes[2] + total.outcomes[3], total.outcomes[1],
        total.outcomes[2], total.outcomes[3], total.output);
    printf("stress: %llu rounds, %llu evals, %llu more engines, %llu violations, seed %" PRIu64 "\n", total.rounds,
           total.evals, beside.engines, violation_count(), how.seed);
    return violation_count() == 0 ? 0 : 1;
}
