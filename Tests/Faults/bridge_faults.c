// Every allocation of the bridge and of Lua fails in turn, while scripts are compiled, park, are answered, end, and
// their values are converted.
//
//   bridge_faults [--scenario NAME] [--mode one|two|all|every|collect] [--nth N]
//
// Whatever fails: the eval ends as it should or with a failure of type memory, its context can be freed and leaves
// nothing behind, a context that is shared goes on working, and so does everything else. A mode goes through n = 1, 2,
// 3 and so on until nothing fails any more; "every" ends at MOST_PERIODS, and "collect" is one run, which ends as ever.
// A case that goes wrong is named with the command that repeats it alone.
#include "current_case.h"
#include "faults.h"
#include "scenarios.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PERIODS = 60, MOST_FAILURES = 3, MAX_DEPTH = 32 };

typedef struct run {
    const scenario *scenario;
    lwb_context *context;
    lwb_eval *eval;
    lwb_stopper *stopper;
    json_t *replies[4];
    json_t *args, *globals;
    size_t reply_count, replies_given;
    bool fine;
} run;

enum { FETCH, ASK, WRITE, STOP };
static const lwb_function functions[] = {
    {"fetch", FETCH, false},
    {"ask", ASK, true},
    {"log.write", WRITE, true},
    {"stop", STOP, true},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions, TICKET = 7 };

static unsigned long failures, runs;

// ---- Saying what went wrong ----------------------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static void wrong(run *run, const char *format, ...) {
    va_list arguments;
    if (run->fine) fputs(current_case, stdout);
    run->fine = false;
    fputs("    ", stdout);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

// ---- The host ------------------------------------------------------------------------------------------------------

static lwb_answer next_reply(run *run) {
    if (run->reply_count == 0) return (lwb_answer){LWB_ANSWER_RESULT, json_null()};
    size_t at = run->replies_given++ % run->reply_count;
    return (lwb_answer){run->scenario->replies[at].kind, json_incref(run->replies[at])};
}

static void check_json(run *run, const char *what, const char *text, size_t length) {
    json_t *value = text == NULL ? NULL : json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL) wrong(run, "%s: no JSON: %.*s", what, (int)length, text == NULL ? "(none)" : text);
    json_decref(value);
}

static lwb_answer call_back(void *owner, uint32_t function, const char *args, size_t length) {
    run *run = owner;
    faults_disarm();
    check_json(run, "a callback's arguments", args, length);
    lwb_answer answer = {LWB_ANSWER_NONE, NULL};
    if (function == STOP) {
        lwb_stopper_order(run->stopper, TICKET, LWB_ORDER_CONDEMN);
    } else {
        answer = next_reply(run);
    }
    faults_arm();
    return answer;
}

static lwb_answer wait_for_answer(void *owner, uint32_t function, const char *args, size_t length) {
    run *run = owner;
    faults_disarm();
    if (function != FETCH) wrong(run, "waited at function %u", function);
    check_json(run, "arguments of a call that waits", args, length);
    lwb_answer answer = next_reply(run);
    faults_arm();
    return answer;
}

static bool take_output(void *owner, const char *text, size_t length) {
    (void)owner;
    return text != NULL && length < SIZE_MAX / 2;
}

// ---- One run -------------------------------------------------------------------------------------------------------

static json_t *parse(const char *text) {
    if (text == NULL) return NULL;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value == NULL) abort();
    return value;
}

static void begin(run *run, const scenario *scenario) {
    *run = (struct run){.scenario = scenario, .fine = true};
    run->args = parse(scenario->args);
    run->globals = parse(scenario->globals);
    while (run->reply_count < 4 && scenario->replies[run->reply_count].json != NULL) {
        run->replies[run->reply_count] = parse(scenario->replies[run->reply_count].json);
        run->reply_count++;
    }
    run->stopper = lwb_stopper_new(true);
    if (run->stopper == NULL) abort();
    lwb_stopper_bind(run->stopper);
    if (scenario->slice_instructions > 0) {
        lwb_stopper_set_slice_instructions(run->stopper, scenario->slice_instructions);
    }
}

static void end(run *run) {
    lwb_stopper_unbind(run->stopper);
    lwb_stopper_free(run->stopper);
    json_decref(run->args);
    json_decref(run->globals);
    for (size_t i = 0; i < run->reply_count; i++)
        json_decref(run->replies[i]);
}

static lwb_event prepare(run *run, const char *script, json_t *args, json_t *globals) {
    lwb_setup setup = {
        .script = script,
        .script_length = strlen(script),
        .chunk_name = "script",
        .globals = json_incref(globals),
        .args = json_incref(args),
        .random_seed = 1,
        .parks = true,
        .callback = call_back,
        .wait = wait_for_answer,
        .output = take_output,
        .owner = run,
    };
    return lwb_eval_prepare(run->context, &setup, &run->eval);
}

// Goes on until the eval has ended, and answers its calls.
static lwb_event go_on(run *run) {
    lwb_answer answer = {LWB_ANSWER_NONE, NULL};
    for (;;) {
        lwb_stopper_announce(run->stopper, TICKET);
        lwb_event event = lwb_eval_resume(run->eval, run->stopper, answer);
        answer = (lwb_answer){LWB_ANSWER_NONE, NULL};
        if (event != LWB_PARKED && event != LWB_SLICED) return event;
        if (event == LWB_SLICED) continue;
        faults_disarm();
        size_t length;
        char *args = lwb_context_take_output(run->context, &length);
        if (lwb_eval_function(run->eval) != FETCH) wrong(run, "parked at function %u", lwb_eval_function(run->eval));
        check_json(run, "arguments", args, length);
        free(args);
        answer = next_reply(run);
        faults_arm();
    }
}

static bool is_text(lwb_text text, const char *expected) {
    return text.bytes != NULL && strlen(expected) == text.length && memcmp(text.bytes, expected, text.length) == 0;
}

static void check_failure(run *run, bool refused) {
    const scenario *scenario = run->scenario;
    lwb_failure failure = lwb_context_failure(run->context);
    const char *message = failure.message.bytes == NULL ? "(none)" : failure.message.bytes;
    int shown = failure.message.bytes == NULL ? (int)strlen(message) : (int)failure.message.length;
    if (failure.data.bytes != NULL) check_json(run, "an error's data", failure.data.bytes, failure.data.length);
    if (failure.type == LWB_FAILURE_MEMORY && (refused || scenario->memory_limit != 0)) {
        if (strncmp(message, "not enough memory", strlen("not enough memory")) != 0) {
            wrong(run, "a lack of memory with the message %.*s", shown, message);
        }
        return;
    }
    if (scenario->ending != ENDS_WITH_FAILURE || failure.type != scenario->failure) {
        wrong(run, "failed with type %d: %.*s", (int)failure.type, shown, message);
    } else if (scenario->expected != NULL && !is_text(failure.message, scenario->expected)) {
        // What there was no memory for is left out.
        if (failure.message.bytes != NULL || !refused) wrong(run, "failed with the message %.*s", shown, message);
    }
}

static void check_value(run *run, bool refused) {
    const scenario *scenario = run->scenario;
    size_t length;
    char *text = lwb_context_take_output(run->context, &length);
    check_json(run, "the outcome", text, length);
    bool must_match = scenario->ending == ENDS_WITH_VALUE || (scenario->ending == ENDS_WITH_ANY && !refused);
    if (scenario->ending == ENDS_WITH_FAILURE || (scenario->ending == ENDS_STOPPED && !refused)) {
        wrong(run, "ended with the value %s", text);
    } else if (must_match && scenario->expected != NULL && (text == NULL || strcmp(text, scenario->expected) != 0)) {
        wrong(run, "ended with the value %s", text == NULL ? "(none)" : text);
    }
    free(text);
}

static void check_ending(run *run, lwb_event event, bool refused) {
    switch (event) {
    case LWB_FINISHED: check_value(run, refused); break;
    case LWB_FAILED: check_failure(run, refused); break;
    case LWB_STOPPED:
        if (run->scenario->ending != ENDS_STOPPED) wrong(run, "stopped");
        break;
    default: wrong(run, "ended with event %d", (int)event);
    }
}

// A script that ends as ever, in the context as it is.
static void check_canary(run *run) {
    static const char script[] = "local t = {} for i, w in ipairs{'a', 'b'} do t[i] = w:upper() end "
                                 "local co = coroutine.wrap(function() return pcall(error, {t}) end) "
                                 "return table.concat(t), select('#', co()), string.extra == nil";
    lwb_event event = prepare(run, script, NULL, NULL);
    if (event == LWB_READY) event = go_on(run);
    size_t length;
    char *text = lwb_context_take_output(run->context, &length);
    if (event != LWB_FINISHED || text == NULL || strcmp(text, "[\"AB\",2,true]") != 0) {
        lwb_failure failure = lwb_context_failure(run->context);
        wrong(run, "the eval after it: event %d, %s, %.*s", (int)event, text == NULL ? "no text" : text,
              (int)failure.message.length, failure.message.bytes == NULL ? "" : failure.message.bytes);
    }
    free(text);
}

static lwb_context *open_context(const run *run) {
    lwb_options options = {
        .is_shared = run->scenario->is_shared,
        .memory_limit = run->scenario->memory_limit,
        .max_depth = MAX_DEPTH,
        .print = LWB_PRINT_HOST,
    };
    return lwb_context_new(&options, functions, FUNCTION_COUNT, run->scenario->is_shared ? run->globals : NULL);
}

static void run_script(run *run) {
    const scenario *scenario = run->scenario;
    faults_arm();
    lwb_event event = prepare(run, scenario->script, run->args, scenario->is_shared ? NULL : run->globals);
    if (event == LWB_READY) event = go_on(run);
    faults_disarm();
    check_ending(run, event, faults_failed() > 0);
}

// Gives whether an allocation has failed.
static bool try_case(const scenario *scenario, faults_mode mode, unsigned long n) {
    run run;
    snprintf(current_case, sizeof current_case, "FAILED: bridge_faults --scenario %s --mode %s --nth %lu\n",
             scenario->name, faults_mode_names[mode], n);
    long live = faults_live();
    begin(&run, scenario);
    faults_plan(mode, n);
    // A state that is not complete has no garbage to collect.
    bool faults_opening = scenario->faults_opening && mode != FAULTS_COLLECT;
    if (faults_opening) faults_arm();
    run.context = open_context(&run);
    if (faults_opening) faults_disarm();
    if (run.context != NULL) {
        run_script(&run);
        faults_end();
        if (run.eval != NULL && scenario->is_shared) lwb_eval_free(run.eval);
        if (scenario->is_shared) check_canary(&run);
        lwb_context_free(run.context);
    } else if (faults_failed() == 0) {
        wrong(&run, "no context");
    }
    faults_end();
    bool refused = faults_failed() > 0;
    end(&run);
    if (faults_live() != live) wrong(&run, "%ld blocks are left behind", faults_live() - live);
    runs++;
    if (!run.fine) failures++;
    return refused;
}

static void try_mode(const scenario *scenario, faults_mode mode) {
    unsigned long most = failures + MOST_FAILURES;
    for (unsigned long n = 1; try_case(scenario, mode, n) && failures < most; n++) {
        if (mode == FAULTS_EVERY && n == MOST_PERIODS) break;
    }
}

static bool is_chosen(const char *wanted, const char *name) {
    return wanted == NULL || strcmp(wanted, name) == 0;
}

int main(int argc, char **argv) {
    const char *name = NULL, *mode = NULL, *nth = NULL;
    for (int i = 1; i < argc; i++) {
        const char **option = strcmp(argv[i], "--scenario") == 0 ? &name
                              : strcmp(argv[i], "--mode") == 0   ? &mode
                              : strcmp(argv[i], "--nth") == 0    ? &nth
                                                                 : NULL;
        if (option == NULL || i + 1 == argc) {
            fprintf(stderr, "usage: %s [--scenario NAME] [--mode one|two|all|every|collect] [--nth N]\n", argv[0]);
            return 2;
        }
        *option = argv[++i];
    }
    name_case_when_it_crashes(SIGTERM);
    faults_take_in_jansson();
    unsigned long tried = 0;
    for (size_t i = 0; i < scenario_count; i++) {
        if (!is_chosen(name, scenarios[i].name)) continue;
        tried++;
        unsigned long before = runs;
        for (faults_mode m = 0; m < FAULTS_MODES; m++) {
            if (!is_chosen(mode, faults_mode_names[m])) continue;
            if (nth != NULL) {
                (void)try_case(&scenarios[i], m, strtoul(nth, NULL, 10));
            } else {
                try_mode(&scenarios[i], m);
            }
        }
        printf("%s: %lu runs\n", scenarios[i].name, runs - before);
        fflush(stdout);
    }
    printf("bridge_faults: %lu scenarios, %lu runs, %lu failed\n", tried, runs, failures);
    return failures == 0 && tried > 0 ? 0 : 1;
}
