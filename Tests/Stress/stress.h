/*
 * The stress program: threads that call everything on one engine at once, in rounds; each round has an engine of
 * another make, and beside it engines are made and freed all the time.
 */
#ifndef LUAWAIT_STRESS_STRESS_H
#define LUAWAIT_STRESS_STRESS_H

#include "ledger.h"
#include <pthread.h>

enum { ACTORS = 8, RECENT = 64, HELD = 16, CONTEXTS = 3 };

/** Where one thread's choices come from: the same seed gives the same choices. */
typedef struct chance {
    uint64_t state;
} chance;

uint64_t chance_next(chance *from);
/** 0 to `below` - 1. */
unsigned chance_below(chance *from, unsigned below);

/** How scripts are interrupted: "signal", "count", or NULL for one after the other. */
typedef struct settings {
    double seconds;
    uint64_t seed;
    const char *preemption;
} settings;

/** One engine and those who work at it. */
typedef struct arena {
    luawait_engine *engine;
    ledger *book;
    bool is_host_run, is_custom;
    /** Whether the thread of actor 0 is the main thread all the time, or they take turns. */
    bool has_one_main_thread;
    atomic_bool stops;
    /** Ids that somebody has come across, for everybody to poll, cancel and answer. */
    atomic_ullong evals[RECENT], requests[RECENT];
    /** Named contexts, which come and go; 0: none. */
    atomic_ullong contexts[CONTEXTS];
} arena;

/** One thread. */
typedef struct actor {
    arena *at;
    int number;
    chance luck;
    token *tokens;
    /** Events it has not released yet. */
    luawait_event held[HELD];
    size_t held_count;
    unsigned long long calls;
    pthread_t thread;
} actor;

/** A thread's work until the arena stops. */
void *actor_work(void *argument);
/** Takes everything that is there, as events. */
void actor_drain(actor *one);
void actor_release(actor *one);
/** Executor "custom": gives the engine the crew. */
void actor_set_crew(arena *at, token **list);
/** The functions that the scripts call, and which are there all the time. */
void declare_functions(arena *at, token **list);

/** Whether chance has it. */
bool one_in(actor *one, unsigned many);
/** A status that is LUAWAIT_OK or this other one. */
void expect(luawait_status status, luawait_status other, const char *what);

/** In functions.c: registers a name or takes it away; makes or frees a context; gives the engine the crew or takes it
 * away. */
void act_register(actor *one);
void act_change_context(actor *one);
void act_set_executor(actor *one);

/** In scripts.c: starts a random script, or evaluates one on this thread. */
void act_start(actor *one);
void act_evaluate(actor *one);

/** What the thread beside them does: engines come and go in every state. Until `stops`. */
typedef struct churner {
    const settings *how;
    chance luck;
    atomic_bool stops;
    unsigned long long engines;
    pthread_t thread;
} churner;

void *churner_work(void *argument);

#endif
