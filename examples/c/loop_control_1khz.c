/*
 * A control loop at 1 kHz, on an absolute clock. Each tick has its control step, then 200 microseconds for scripts,
 * then takes what they want. One script computes, two wait on the loop. It runs twice, and the second time beside two
 * more scripts that never end: the loop keeps its time, and the others end all the same.
 *
 * Usage: loop_control_1khz [TICKS]
 */
#include <errno.h>
#include <inttypes.h>
#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOBS = 5, ENDING = 3, BATCH = 16, PERIOD_NS = 1000000, BUDGET_US = 200, BUCKETS = 8 };

static struct job {
    const char *name, *script, *expected;
    uint64_t eval, request; /* the request it waits on, 0 if none */
    double wanted;          /* what that request waits for */
    int is_move, is_right;
} jobs[JOBS] = {
    {.name = "primes",
     .script = "local count = 0\n"
               "for n = 2, 20000 do\n"
               "    local prime = true\n"
               "    for d = 2, math.floor(n ^ 0.5) do if n % d == 0 then prime = false break end end\n"
               "    if prime then count = count + 1 end\n"
               "end\n"
               "return count",
     .expected = "2262"},
    {.name = "mover",
     .script = "local path = {}\n"
               "for i, place in ipairs { 10, -5, 25 } do path[i] = move_to(place) end\n"
               "return path",
     .expected = "[10,-5,25]"},
    {.name = "sleeper", .script = "for i = 1, 5 do wait(20) end\nreturn 'rested'", .expected = "\"rested\""},
    {.name = "endless", .script = "while true do end"},
    {.name = "stubborn", .script = "while true do pcall(function() while true do end end) end"}};

/* The plant: a place that follows its reference. */
static double place, reference;
static long tick;
static int count, left; /* of the jobs: how many there are this time, and how many have not ended */

/* How often something took less than so many microseconds; the last bucket is for all that took longer. */
static const int64_t limits_us[BUCKETS - 1] = {10, 20, 50, 100, 200, 500, 1000};

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct histogram {
    long buckets[BUCKETS];
    int64_t longest;
};

static void count_in(struct histogram *histogram, int64_t ns) {
    int bucket = 0;
    while (bucket < BUCKETS - 1 && ns >= limits_us[bucket] * 1000)
        bucket++;
    histogram->buckets[bucket]++;
    if (ns > histogram->longest) histogram->longest = ns;
}

static void print_histogram(const char *title, const struct histogram *histogram) {
    printf("# %s:", title);
    for (int i = 0; i < BUCKETS - 1; i++)
        printf(" <%" PRId64 " us %ld,", limits_us[i], histogram->buckets[i]);
    printf(" more %ld; at most %" PRId64 " us\n", histogram->buckets[BUCKETS - 1], histogram->longest / 1000);
}

static void control_step(luawait_engine *engine) {
    place += 0.05 * (reference - place);
    for (struct job *j = jobs; j < jobs + count; j++) {
        double error = j->is_move ? place - j->wanted : (double)tick - j->wanted;
        if (j->request == 0 || (j->is_move ? error * error > 1e-4 : error < 0)) continue;
        char json[32];
        snprintf(json, sizeof json, "%.0f", j->wanted);
        must_be_ok(luawait_provide_result(engine, j->request, json, LUAWAIT_NUL_TERMINATED, NULL), "answer", NULL);
        j->request = 0;
    }
}

static void take_events(luawait_engine *engine) {
    luawait_event events[BATCH] = {{.struct_size = sizeof *events}};
    size_t taken;
    while (luawait_next_events(engine, events, BATCH, &taken) == LUAWAIT_OK) {
        for (luawait_event *e = events; e < events + taken; e++) {
            struct job *j = jobs;
            while (j->eval != e->eval_id)
                j++;
            if (e->kind == LUAWAIT_EVENT_REQUEST) {
                double wanted = strtod(e->text + 1, NULL); /* the arguments, such as [10] */
                j->request = e->request_id;
                j->is_move = strcmp(e->name, "move_to") == 0;
                j->wanted = j->is_move ? wanted : (double)tick + wanted;
                if (j->is_move) reference = wanted;
            } else if (e->kind == LUAWAIT_EVENT_FINISHED) {
                j->is_right = j->expected == NULL ? e->state == LUAWAIT_CANCELLED : strcmp(e->text, j->expected) == 0;
                left--;
            }
        }
        luawait_release_events(events, taken);
    }
}

/** Runs the first jobs beside the loop, and says whether all have ended as they should. */
static int run_loop(int job_count, long ticks) {
    const char *config = "{\"executor\":\"host\",\"cpu_ms\":0}";
    struct histogram lateness = {0}, overrun = {0};
    luawait_engine *engine;
    luawait_error error = {.struct_size = sizeof error};
    must_be_ok(luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, &error), "engine", &error);
    must_be_ok(luawait_register(engine, "move_to", 7, NULL, 0, &error), "move_to", &error);
    must_be_ok(luawait_register(engine, "wait", 4, NULL, 0, &error), "wait", &error);
    tick = 0;
    count = left = job_count;
    for (struct job *j = jobs; j < jobs + count; j++) {
        j->request = 0;
        j->is_right = 0;
        must_be_ok(luawait_start(engine, j->script, LUAWAIT_NUL_TERMINATED, NULL, 0, &j->eval, &error), j->name,
                   &error);
    }
    int64_t due = now_ns();
    /* On a slow machine the scripts need more of their 200 microseconds; the loop is no slower for it. */
    for (; tick < ticks || left > count - ENDING; tick++) {
        due += PERIOD_NS;
        struct timespec until = {due / 1000000000, due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            continue;
        count_in(&lateness, now_ns() - due);
        control_step(engine);
        int64_t begun = now_ns();
        must_be_ok(luawait_run(engine, BUDGET_US, NULL), "run", NULL);
        count_in(&overrun, now_ns() - begun - BUDGET_US * 1000);
        take_events(engine);
    }
    for (struct job *j = jobs + ENDING; j < jobs + count; j++)
        must_be_ok(luawait_cancel(engine, j->eval), "cancel", NULL);
    must_be_ok(luawait_shutdown(engine, 0), "shutdown", NULL);
    take_events(engine);
    int right = 1;
    printf("%d scripts, %d of them endless\n", count, count - ENDING);
    for (struct job *j = jobs; j < jobs + count; j++) {
        printf("  %s ended, and its outcome is %s\n", j->name, j->is_right ? "right" : "wrong");
        right &= j->is_right;
    }
    printf("# %ld ticks of 1000 us\n", tick);
    print_histogram("woken late by", &lateness);
    print_histogram("scripts over their 200 us by", &overrun);
    luawait_engine_free(engine);
    return right;
}

int main(int argc, char **argv) {
    long ticks = argc > 1 ? strtol(argv[1], NULL, 10) : 2000;
    int right = run_loop(ENDING, ticks);
    right &= run_loop(JOBS, ticks);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
