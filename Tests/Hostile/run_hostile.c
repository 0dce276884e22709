/*
 * Runs each hostile script on an engine of each make and checks that it ends, as its heading allows; that the engine, and
 * the named context, are as good as new for the next script (the canary); and that the process has not grown beyond what
 * the limits say. Prints how late after deadlines and cancels the scripts ended; passes or fails by none of that.
 *
 * Usage: run_hostile FOLDER [TEST...]. HOSTILE_ONLY=name runs that script alone.
 */
#include "json.h"
#include "lateness.h"
#include "stage.h"

#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#define IS_SANITIZED __has_feature(address_sanitizer)
#else
#define IS_SANITIZED 0
#endif

enum {
    CPU_MS = 10,        /* for scripts that may end by it */
    TIMEOUT_MS = 15,    /* likewise, and for those that wait for ever */
    CALL_MS = 4,        /* for calls that nobody answers */
    CANCEL_MS = 5,      /* when a script is cancelled in mid-run */
    GENEROUS_MS = 20000 /* processor time for all others */
};

/*
 * What a run may add to the process's memory at its worst, beyond the Lua states that can be there at once: one that
 * runs, one on its way out, each at its limit. The rest is JSON texts on their way (a megabyte each), what malloc keeps (in
 * one arena), and the list of figures.
 */
#define GROWTH_BYTES (2 * MEMORY_BYTES + 32L * 1048576)

static corpus hostile;

typedef struct figures {
    lateness cpu, cancel_wall, cancel_cpu, timeout;
} figures;

static long kilobytes_of(const char *key) {
    char line[256];
    long value = -1;
    FILE *status = fopen("/proc/self/status", "r");
    if (status == NULL) return -1;
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
    }
    fclose(status);
    return value;
}

/* The highest resident size is counted anew from here; without the right to do so, from the start of the process. */
static void forget_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL) return;
    fputs("5", file);
    fclose(file);
}

/* `context` 0 is a private one. */
static void check_canary(stage *stage, const char *name, uint64_t context) {
    char *options = text_format("{\"name\":\"canary\",\"cpu_ms\":%d%s%.0" PRIu64 "}", GENEROUS_MS,
                                context != 0 ? ",\"context\":" : "", context);
    ending seen = stage_run(stage, hostile.canary, strlen(hostile.canary), options, HOST_ECHOES, 0);
    if (seen.how != ENDS_VALUE || strcmp(seen.outcome, "\"unharmed\"") != 0) {
        harness_fail(HERE, "the canary after %s in %s: %.600s", name,
                     context != 0 ? "the context" : "a private context",
                     seen.outcome != NULL ? seen.outcome : "(NULL)");
    }
    ending_free(&seen);
    free(options);
}

/* How a script is run. */
typedef enum way { BY_ITSELF, TIMED_OUT, CANCELLED } way;

static char *options_for(const script *script, uint64_t context, way way) {
    bool ends_by_cpu = way == BY_ITSELF && (script->allowed & ENDS_CPU) != 0;
    bool ends_by_timeout = way == TIMED_OUT || script->host == HOST_NEVER_ANSWERS;
    return text_format("{\"name\":\"%s\",\"cpu_ms\":%d,\"timeout_ms\":%d,\"call_timeout_ms\":%d%s%.0" PRIu64 "%s}",
                       script->name, ends_by_cpu ? CPU_MS : GENEROUS_MS, ends_by_timeout ? TIMEOUT_MS : 0,
                       script->host == HOST_NEVER_ANSWERS ? CALL_MS : GENEROUS_MS, context != 0 ? ",\"context\":" : "",
                       context, script->is_shared ? ",\"globals_shared\":true" : "");
}

static unsigned allowed_for(const script *script, way way) {
    switch (way) {
    case TIMED_OUT: return (script->allowed & ~(unsigned)ENDS_CPU) | ENDS_TIMEOUT;
    case CANCELLED: return (script->allowed & ~(unsigned)ENDS_CPU) | ENDS_CANCELLED;
    default: return script->allowed;
    }
}

static void note_figures(figures *figures, const script *script, const ending *ended, way way, int64_t begun,
                         int64_t begun_cpu) {
    if (ended->how == ENDS_CPU) {
        lateness_add(&figures->cpu, script->name, ended->ended_cpu_ns - begun_cpu - (int64_t)CPU_MS * 1000000);
    } else if (ended->how == ENDS_TIMEOUT && way == TIMED_OUT) {
        lateness_add(&figures->timeout, script->name, ended->ended_ns - begun - (int64_t)TIMEOUT_MS * 1000000);
    } else if (ended->how == ENDS_CANCELLED) {
        lateness_add(&figures->cancel_wall, script->name, ended->ended_ns - ended->told_ns);
        lateness_add(&figures->cancel_cpu, script->name, ended->ended_cpu_ns - ended->told_cpu_ns);
    }
}

static void run_script(stage *stage, figures *figures, const script *script, uint64_t context, way way) {
    char *options = options_for(script, context, way);
    int64_t begun_cpu = cpu_ns(), begun = wall_ns();
    ending ended =
        stage_run(stage, script->code, script->length, options, script->host, way == CANCELLED ? CANCEL_MS : 0);
    if ((ended.how & allowed_for(script, way)) == 0) {
        static const char *const ways[] = {"", " (with a timeout)", " (cancelled)"};
        harness_fail(HERE, "%s/%s%s: %.600s", script->kind, script->name, ways[way],
                     ended.outcome != NULL ? ended.outcome : "(NULL)");
    }
    note_figures(figures, script, &ended, way, begun, begun_cpu);
    ending_free(&ended);
    free(options);
}

/* In a context of its own, because what it leaves there is there by right. */
static void run_shared(stage *stage, figures *figures, const script *script) {
    uint64_t context = 0, before = 0;
    REQUIRE_OK(luawait_context_new(stage->engine, NULL, 0, &context, NULL));
    if (script->after != NULL) {
        const struct script *first = corpus_find(&hostile, script->after);
        char *options = options_for(first, context, BY_ITSELF);
        before = stage_start(stage, first->code, first->length, options);
        free(options);
        /* It runs first, because it came first; a turn each is all that the scripts need. */
    }
    run_script(stage, figures, script, context, BY_ITSELF);
    if (!script->fills) check_canary(stage, script->name, context);
    if (before != 0) stage_settle(stage, before);
    if (!script->fills) check_canary(stage, script->name, context);
    check_canary(stage, script->name, 0);
    REQUIRE_OK(luawait_context_free(stage->engine, context));
}

static void run_one(stage *stage, figures *figures, const script *script) {
    if (script->is_shared) {
        if (stage->make->is_in_a_context) run_shared(stage, figures, script);
        return;
    }
    bool is_endless = (script->allowed & ENDS_CPU) != 0;
    for (way way = BY_ITSELF; way <= (is_endless ? CANCELLED : BY_ITSELF); way++) {
        run_script(stage, figures, script, stage->context, way);
        if (stage->context != 0) check_canary(stage, script->name, stage->context);
        check_canary(stage, script->name, 0);
    }
}

static void check_growth(const char *name, long before) {
    long growth = kilobytes_of("VmHWM:") - before;
    printf("# %s: the process grew by at most %.1f MiB, and has %.1f MiB more in the end\n", name,
           (double)growth / 1024, (double)(kilobytes_of("VmRSS:") - before) / 1024);
    /* A sanitizer keeps what has been freed. */
    if (!IS_SANITIZED) CHECK(growth * 1024 < GROWTH_BYTES);
}

static void run_each(stage *stage, figures *figures) {
    const char *only = getenv("HOSTILE_ONLY");
    for (size_t i = 0; i < hostile.count; i++) {
        if (only == NULL || strcmp(only, hostile.scripts[i].name) == 0) run_one(stage, figures, &hostile.scripts[i]);
    }
}

static void run_all(const make *make) {
    const char *wanted = getenv("HOSTILE_ROUNDS");
    int rounds = wanted != NULL ? atoi(wanted) : 1;
    REQUIRE(rounds >= 1);
    figures figures = {0};
    stage stage = stage_open(make);
    check_canary(&stage, "nothing", 0);
    forget_peak();
    long before = kilobytes_of("VmRSS:");
    for (int i = 0; i < rounds; i++)
        run_each(&stage, &figures);
    check_growth(make->name, before);
    CHECK_INT(stat_of(stage.engine, "requests", "open"), 0);
    stage_close(&stage);
    lateness_report(&figures.cpu, make->name, "processor time beyond cpu_ms", rounds);
    lateness_report(&figures.timeout, make->name, "after timeout_ms", rounds);
    lateness_report(&figures.cancel_wall, make->name, "after luawait_cancel", rounds);
    lateness_report(&figures.cancel_cpu, make->name, "processor time after luawait_cancel", rounds);
}

static void scripts_are_contained_on_worker_threads(void) {
    const make threads = {.name = "threads", .config = "\"workers\":2,"};
    run_all(&threads);
}

static void scripts_are_contained_in_luawait_run(void) {
    const make host = {.name = "luawait_run", .config = "\"executor\":\"host\",", .is_host_run = true};
    run_all(&host);
}

static void scripts_are_contained_without_a_watchdog(void) {
    const make counting = {
        .name = "luawait_run, no watchdog", .config = "\"executor\":\"host\",\"watchdog\":false,", .is_host_run = true};
    run_all(&counting);
}

static void scripts_are_contained_in_a_pool(void) {
    const make pool = {.name = "pool", .config = "\"executor\":\"custom\",\"workers\":2,", .has_pool = true};
    run_all(&pool);
}

static void scripts_are_contained_in_a_named_context(void) {
    const make context = {.name = "named context", .config = "\"workers\":2,", .is_in_a_context = true};
    run_all(&context);
}

static void there_are_scripts_enough(void) {
    CHECK(hostile.count >= 150);
    printf("# %zu scripts\n", hostile.count);
    fflush(stdout);
}

static const harness_test tests[] = {
    TEST(there_are_scripts_enough),
    TEST(scripts_are_contained_on_worker_threads),
    TEST(scripts_are_contained_in_luawait_run),
    TEST(scripts_are_contained_without_a_watchdog),
    TEST(scripts_are_contained_in_a_pool),
    TEST(scripts_are_contained_in_a_named_context),
};

int main(int argc, char **argv) {
    if (argc < 2 || !corpus_read(&hostile, argv[1])) {
        fprintf(stderr, "usage: %s FOLDER [TEST...]\n", argv[0]);
        return 2;
    }
    argv[1] = argv[0];
    int status = harness_main(argc - 1, argv + 1, tests, sizeof tests / sizeof *tests);
    corpus_free(&hostile);
    return status;
}
