/*
 * A host with a loop of its own that ticks: a game, a simulation, a control loop. It waits on nothing of the library's:
 * each tick takes the requests that are there, answers those whose time has come, and looks after the scripts.
 *
 * Scripts call wait(ticks), answered that many ticks later, and say(text), answered at once.
 */
#include <inttypes.h>
#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SCRIPTS = 3, TIMERS = 16, SAID = 256 };

/* One running script: its text, its eval, what it said, and how it ended. */
typedef struct actor {
    const char *name;
    const char *script;
    uint64_t eval;
    char said[SAID];
    int32_t state;
    char *outcome;
} actor;

static actor actors[SCRIPTS] = {{.name = "baker",
                                 .script = "for loaf = 1, 3 do\n"
                                           "    wait(2)\n"
                                           "    say('loaf ' .. loaf)\n"
                                           "end\n"
                                           "return 'sold out'"},
                                {.name = "guard",
                                 .script = "say('halt')\n"
                                           "local ok, problem = pcall(wait, -1)\n"
                                           "say(problem.message)\n"
                                           "return { patient = ok }"},
                                {.name = "counter", .script = "wait(3) + wait(4)"}};

/* A call of wait() that is not over yet. */
typedef struct timer {
    uint64_t request; /* 0: this place is free */
    long ticks;
    long due;
} timer;

static timer timers[TIMERS];

/* Ends the program when a call fails that cannot fail unless the program itself is wrong. */
static void must(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static void answer(luawait_engine *engine, uint64_t request, const char *json) {
    luawait_error error = {.struct_size = sizeof error};
    must(luawait_provide_result(engine, request, json, LUAWAIT_NUL_TERMINATED, &error), "answer", &error);
}

static void refuse(luawait_engine *engine, uint64_t request, const char *json) {
    luawait_error error = {.struct_size = sizeof error};
    must(luawait_provide_error(engine, request, json, LUAWAIT_NUL_TERMINATED, &error), "refuse", &error);
}

static void begin_wait(luawait_engine *engine, uint64_t request, const char *args, long now) {
    long ticks;
    if (sscanf(args, "[%ld]", &ticks) != 1 || ticks < 0) {
        refuse(engine, request, "{\"type\":\"ValueError\",\"message\":\"nobody can wait for the past\"}");
        return;
    }
    for (int i = 0; i < TIMERS; i++) {
        if (timers[i].request == 0) {
            timers[i] = (timer){request, ticks, now + ticks};
            return;
        }
    }
    refuse(engine, request, "\"too many are waiting\"");
}

static void note(luawait_engine *engine, uint64_t request, uint64_t eval, const char *args) {
    for (int i = 0; i < SCRIPTS; i++) {
        size_t length = strlen(actors[i].said);
        if (actors[i].eval == eval) snprintf(actors[i].said + length, SAID - length, " %s", args);
    }
    answer(engine, request, "null");
}

static void take_requests(luawait_engine *engine, long now) {
    uint64_t request, eval;
    char *name, *args;
    luawait_status status;
    while ((status = luawait_get_pending_request(engine, &request, &eval, &name, &args, NULL)) == LUAWAIT_OK) {
        if (strcmp(name, "wait") == 0) {
            begin_wait(engine, request, args, now);
        } else {
            note(engine, request, eval, args);
        }
        luawait_free(name);
        luawait_free(args);
    }
    if (status != LUAWAIT_NONE) must(status, "requests", NULL);
}

static void answer_what_is_due(luawait_engine *engine, long now) {
    for (int i = 0; i < TIMERS; i++) {
        if (timers[i].request == 0 || timers[i].due > now) continue;
        char json[24];
        snprintf(json, sizeof json, "%ld", timers[i].ticks);
        answer(engine, timers[i].request, json);
        timers[i].request = 0;
    }
}

static int still_running(luawait_engine *engine) {
    int running = 0;
    for (int i = 0; i < SCRIPTS; i++) {
        actor *a = &actors[i];
        if (a->state == LUAWAIT_IN_PROGRESS)
            must(luawait_poll(engine, a->eval, &a->state, &a->outcome, NULL), "poll", NULL);
        running += a->state == LUAWAIT_IN_PROGRESS;
    }
    return running;
}

int main(void) {
    luawait_engine *engine;
    luawait_error error = {.struct_size = sizeof error};
    must(luawait_engine_new("{\"workers\":1}", LUAWAIT_NUL_TERMINATED, &engine, &error), "engine", &error);
    must(luawait_register(engine, "wait", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "wait", &error);
    must(luawait_register(engine, "say", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "say", &error);
    for (int i = 0; i < SCRIPTS; i++) {
        actor *a = &actors[i];
        must(luawait_start(engine, a->script, LUAWAIT_NUL_TERMINATED, NULL, 0, &a->eval, &error), a->name, &error);
    }
    for (long now = 0; still_running(engine) > 0; now++) {
        take_requests(engine, now);
        answer_what_is_due(engine, now);
        /* Here a game would draw its frame. */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (int i = 0; i < SCRIPTS; i++) {
        const char *how = actors[i].state == LUAWAIT_SUCCEEDED ? "succeeded" : "failed";
        printf("%s %s: %s\n", actors[i].name, how, actors[i].outcome);
        if (actors[i].said[0] != '\0') printf("  said%s\n", actors[i].said);
        luawait_free(actors[i].outcome);
    }
    luawait_engine_free(engine);
}
