#define _GNU_SOURCE // memmem
#include "life.h"

#include "CLuaBridge.h"
#include "refusals.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32, TICKET = 5, FETCH = 0, ASK = 1 };

static const lwb_function functions[] = {{"fetch", FETCH, false}, {"ask", ASK, true}};

typedef struct life {
    lwb_context *context;
    lwb_eval *eval;
    lwb_stopper *stopper;
    lwb_event event;
    lwb_answer answer; // to what it is parked at
    bool is_condemned;
    unsigned calls, parks;
    FILE *says;
    size_t length;
    char *text;
    const life_plan *plan;
} life;

static void *must_be(void *made) {
    if (made == NULL) {
        fprintf(stderr, "no memory for the test itself\n");
        abort();
    }
    return made;
}

// ---- The host ------------------------------------------------------------------------------------------------------

static const struct {
    lwb_answer_kind kind;
    const char *json;
} answers[] = {
    {LWB_ANSWER_RESULT, "1"},
    {LWB_ANSWER_RESULT, "\"text of an answer that is longer than Lua's short strings are\""},
    {LWB_ANSWER_ERROR, "{\"message\": \"no such thing\", \"type\": \"missing\", \"data\": {\"a\": [1, 2]}}"},
    {LWB_ANSWER_RESULT, "[1, [2, 3], {\"a\": \"b\"}]"},
    {LWB_ANSWER_RESULT, "null"},
    {LWB_ANSWER_ERROR, "{\"message\": \"failed\"}"},
    {LWB_ANSWER_RESULT, "{\"v\": 7, \"message\": \"m\"}"},
    {LWB_ANSWER_TIMEOUT, "\"took too long\""},
    {LWB_ANSWER_LIMIT, "\"too many\""},
};

// The answers depend on which call it is, and on nothing else.
static lwb_answer next_answer(life *of, const char *how, const char *args, size_t length) {
    unsigned chosen = of->calls++ % (sizeof answers / sizeof *answers);
    fprintf(of->says, "%s %.*s\n", how, (int)length, args);
    return (lwb_answer){answers[chosen].kind, must_be(json_loads(answers[chosen].json, JSON_DECODE_ANY, NULL))};
}

static lwb_answer call_back(void *owner, uint32_t function, const char *args, size_t length) {
    (void)function;
    return next_answer(owner, "asked", args, length);
}

// How a call is made says whether it could park: that must not depend on disturbances.
static lwb_answer wait_for_answer(void *owner, uint32_t function, const char *args, size_t length) {
    (void)function;
    return next_answer(owner, "waited", args, length);
}

static bool take_output(void *owner, const char *text, size_t length) {
    life *of = owner;
    fprintf(of->says, "printed %.*s\n", (int)length, text);
    return true;
}

// ---- Beginning and end ---------------------------------------------------------------------------------------------

static lwb_context *open_context(bool is_shared) {
    lwb_options options = {.is_shared = is_shared, .max_depth = MAX_DEPTH, .print = LWB_PRINT_HOST};
    return must_be(lwb_context_new(&options, functions, sizeof functions / sizeof *functions, NULL));
}

static void limit_memory(lwb_context *context, bool is_shared, size_t room) {
    lwb_options options = {
        .is_shared = is_shared,
        .max_depth = MAX_DEPTH,
        .print = LWB_PRINT_HOST,
        .memory_limit = lwb_context_memory_used(context) + room,
    };
    lwb_context_set_options(context, &options);
}

static void begin(life *new, lwb_context *context, const char *program, const life_plan *plan) {
    *new = (life){.context = context, .plan = plan};
    new->says = must_be(open_memstream(&new->text, &new->length));
    new->stopper = must_be(lwb_stopper_new(true));
    lwb_setup setup = {
        .script = program,
        .script_length = strlen(program),
        .chunk_name = "script",
        .globals = must_be(json_pack("{s:i}", "close_at", (int)plan->close_at)),
        .random_seed = 1,
        .parks = true,
        .callback = call_back,
        .wait = wait_for_answer,
        .output = take_output,
        .owner = new,
    };
    new->event = lwb_eval_prepare(context, &setup, &new->eval);
}

static bool is_over(const life *of) {
    return of->event != LWB_READY && of->event != LWB_SLICED && of->event != LWB_PARKED;
}

static bool is_to_be_stopped(const life *of) {
    return of->event == LWB_PARKED && of->plan->stop_at == of->parks;
}

static void say_failure(life *of) {
    lwb_failure failure = lwb_context_failure(of->context);
    fprintf(of->says, "failed: type %d, line %d: %.*s\n", (int)failure.type, failure.line, (int)failure.message.length,
            failure.message.bytes == NULL ? "" : failure.message.bytes);
    if (failure.data.bytes == NULL) return;
    fprintf(of->says, "data: %.*s\n", (int)failure.data.length, failure.data.bytes);
}

static void take_value(life *of, life_outcome *to) {
    size_t length;
    char *text = must_be(lwb_context_take_output(of->context, &length));
    fprintf(of->says, "value: %s\n", text);
    json_t *value = must_be(json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    to->yields = (unsigned)json_integer_value(json_array_get(value, 0));
    json_decref(value);
    free(text);
}

static bool is_lack_of_memory(const lwb_context *context) {
    static const char lack[] = "not enough memory";
    lwb_failure failure = lwb_context_failure(context);
    if (failure.type == LWB_FAILURE_MEMORY || failure.type == LWB_FAILURE_LIMIT) return true;
    // The program has passed it on as an error of its own.
    return failure.message.bytes != NULL && memmem(failure.message.bytes, failure.message.length, lack, strlen(lack));
}

// What came of an eval that has ended, or is left where it is.
static life_outcome end(life *of) {
    life_outcome outcome = {.finished = of->event == LWB_FINISHED, .parks = of->parks};
    if (outcome.finished) take_value(of, &outcome);
    if (of->event == LWB_FAILED) {
        outcome.lacks_memory = is_lack_of_memory(of->context);
        say_failure(of);
    }
    if (of->event == LWB_STOPPED) fputs("stopped\n", of->says);
    fclose(of->says);
    lwb_stopper_free(of->stopper);
    outcome.text = of->text;
    return outcome;
}

// ---- Going on ------------------------------------------------------------------------------------------------------

static void *resume(void *user_data) {
    life *of = user_data;
    lwb_stopper_bind(of->stopper);
    if (of->plan->slice > 0) lwb_stopper_set_slice_instructions(of->stopper, of->plan->slice);
    lwb_stopper_announce(of->stopper, TICKET);
    if (of->is_condemned) lwb_stopper_order(of->stopper, TICKET, LWB_ORDER_CONDEMN);
    if (of->plan->collects) refusals_begin(REFUSALS_ALL);
    of->event = lwb_eval_resume(of->eval, of->stopper, of->answer);
    if (of->plan->collects) refusals_end();
    lwb_stopper_unbind(of->stopper);
    return NULL;
}

static void take_call(life *of) {
    size_t length;
    char *args = must_be(lwb_context_take_output(of->context, &length));
    of->parks++;
    of->answer = next_answer(of, "parked", args, length);
    free(args);
}

// One turn of it.
static void go_on(life *of) {
    if (of->plan->changes_thread) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, resume, of) != 0) abort();
        pthread_join(thread, NULL);
    } else {
        resume(of);
    }
    of->answer = (lwb_answer){LWB_ANSWER_NONE, NULL};
    if (of->event == LWB_PARKED) take_call(of);
}

static void go_on_to_end(life *of) {
    while (!is_over(of) && !is_to_be_stopped(of))
        go_on(of);
}

// The answer to a call that nobody waits for any more.
static void drop_answer(life *of) {
    if (of->answer.value != NULL) json_decref(of->answer.value);
    of->answer = (lwb_answer){LWB_ANSWER_NONE, NULL};
}

// ---- Lives ---------------------------------------------------------------------------------------------------------

// Whatever ran in the context before: another eval ends as ever.
static void check_canary(lwb_context *context) {
    static const char script[] = "collectgarbage() local c = coroutine.wrap(function(a) return fetch(a) .. '!' end) "
                                 "return c(1), select('#', table.unpack({}, 1, 100))";
    static const life_plan plan = {.is_shared = true};
    life canary;
    limit_memory(context, true, SIZE_MAX / 2);
    begin(&canary, context, script, &plan);
    go_on_to_end(&canary);
    life_outcome outcome = end(&canary);
    if (strcmp(outcome.text, "parked [1]\nvalue: [\"1!\",100]\n") != 0) {
        fprintf(stderr, "the eval after it: %s", outcome.text);
        abort();
    }
    free(outcome.text);
    lwb_eval_free(canary.eval);
}

life_outcome life_live(const char *program, const life_plan *plan) {
    life one;
    lwb_context *context = open_context(plan->is_shared);
    size_t at_first = lwb_context_memory_used(context);
    if (plan->room > 0) limit_memory(context, plan->is_shared, plan->room);
    refusals_forget_most_used();
    begin(&one, context, program, plan);
    go_on_to_end(&one);
    if (is_to_be_stopped(&one) && plan->stop == STOP_BY_AN_ORDER) {
        one.is_condemned = true;
        go_on(&one);
        if (one.event != LWB_STOPPED) fprintf(one.says, "condemned, and event %d\n", (int)one.event);
    }
    drop_answer(&one);
    size_t most = refusals_most_used();
    life_outcome outcome = end(&one);
    outcome.most_room = most > at_first ? most - at_first : 1;
    if (plan->is_shared) {
        if (one.eval != NULL) lwb_eval_free(one.eval);
        check_canary(context);
    }
    lwb_context_free(context);
    return outcome;
}

void life_live_together(const char *const *programs, size_t count, unsigned seed, life_outcome *outcomes) {
    static const life_plan plan = {.is_shared = true, .slice = 40};
    lwb_context *context = open_context(true);
    life *lives = must_be(calloc(count, sizeof *lives));
    size_t left = count;
    for (size_t i = 0; i < count; i++)
        begin(&lives[i], context, programs[i], &plan);
    while (left > 0) {
        seed = seed * 1664525u + 1013904223u;
        life *next = &lives[(seed >> 16) % count];
        if (is_over(next)) continue;
        go_on(next);
        if (!is_over(next)) continue;
        outcomes[next - lives] = end(next);
        lwb_eval_free(next->eval);
        left--;
    }
    check_canary(context);
    lwb_context_free(context);
    free(lives);
}
