// Allocations of the bridge, of Lua and of jansson fail in turn while a host uses the public interface.
//
//   abi_faults [N [IN_A_ROW]]
//   abi_faults --stride STEP
//
// Runs with failing_malloc's allocator, which says what fails. Each call gives a status that its documentation names,
// each eval that was started has an outcome or a status of memory, and afterwards a new eval in the same engine
// succeeds. A round is all of that with one allocation failing, or two, or all from there on; rounds go on until
// nothing fails any more. Where they are slow, only each STEPth is run of those beyond ALL_UP_TO.
//
// Tokens of JSON are kept below 15 bytes here: jansson 2.14 goes on, with a text that lacks a byte, when its buffer for
// a longer one cannot grow.
#include "failing_malloc.h"

#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 100000, ALL_UP_TO = 60 };

static unsigned long current_n;
static int current_row;
static unsigned failures;

static void wrong(const char *what, int64_t value) {
    failures++;
    printf("FAILED: abi_faults %lu %d: %s: %lld\n", current_n, current_row, what, (long long)value);
}

// A call that parses or makes something: it is done, or there was no memory.
static bool done(const char *call, luawait_status status) {
    if (status == LUAWAIT_OK) return true;
    // Without memory for a string's text jansson calls the string an invalid token.
    if (status != LUAWAIT_ERR_MEMORY && status != LUAWAIT_ERR_JSON) wrong(call, status);
    return false;
}

static void call_back(void *data, luawait_call *call) {
    (void)data;
    done("call_return", luawait_call_return(call, "{\"n\": [1, 2]}", LUAWAIT_NUL_TERMINATED, NULL));
}

static luawait_engine *open_engine(void) {
    static const char config[] =
        "{\"executor\": \"host\", \"watchdog\": false, \"max_depth\": 20, \"warm_contexts\": 0, "
        "\"print\": \"event\", \"cpu_ms\": 0}";
    luawait_engine *engine = NULL;
    if (!done("engine_new", luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, NULL))) return NULL;
    if (luawait_register(engine, "fetch", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL) != LUAWAIT_OK) wrong("register", 0);
    luawait_status status =
        luawait_register_callback(engine, "ask", LUAWAIT_NUL_TERMINATED, NULL, 0, call_back, NULL, NULL, NULL);
    if (status != LUAWAIT_OK) wrong("register_callback", status);
    return engine;
}

// Answers a request: the second by an error. Without memory it stays open, and is answered the next time or never.
static void answer(luawait_engine *engine, uint64_t request) {
    for (int attempt = 0; attempt < 3; attempt++) {
        bool is_error = request % 2 == 0;
        luawait_status status =
            is_error ? luawait_provide_error(engine, request, "\"no\"", LUAWAIT_NUL_TERMINATED, NULL)
                     : luawait_provide_result(engine, request, "[1, {\"a\": \"b\"}]", LUAWAIT_NUL_TERMINATED, NULL);
        if (done("provide", status)) return;
    }
}

static void take_requests(luawait_engine *engine) {
    for (;;) {
        uint64_t request = 0;
        char *name = NULL, *args = NULL;
        luawait_status status = luawait_get_pending_request(engine, &request, NULL, &name, &args, NULL);
        if (status == LUAWAIT_NONE) return;
        if (!done("get_pending_request", status)) return;
        if (name == NULL || args == NULL) wrong("a request without arguments", (int64_t)request);
        answer(engine, request);
        luawait_free(name);
        luawait_free(args);
    }
}

static void check_outcome(int32_t state, const char *outcome) {
    if (outcome == NULL) {
        wrong("an outcome without text", state);
    } else if (state == LUAWAIT_FAILED && strstr(outcome, "\"type\":\"memory\"") == NULL) {
        wrong(outcome, state);
    } else if (state == LUAWAIT_CANCELLED && strstr(outcome, "\"type\":\"cancelled\"") == NULL) {
        wrong(outcome, state);
    }
}

// True when the eval has ended.
static bool take_events(luawait_engine *engine, uint64_t eval) {
    bool ended = false;
    luawait_event events[4];
    size_t count = 0;
    memset(events, 0, sizeof events);
    events[0].struct_size = sizeof events[0];
    while (luawait_next_events(engine, events, 4, &count) == LUAWAIT_OK) {
        for (size_t i = 0; i < count; i++) {
            if (events[i].kind == LUAWAIT_EVENT_REQUEST) {
                if (events[i].text == NULL || events[i].name == NULL) wrong("a request without text", 0);
                answer(engine, events[i].request_id);
            } else if (events[i].kind == LUAWAIT_EVENT_FINISHED) {
                check_outcome(events[i].state, events[i].text);
                ended = ended || events[i].eval_id == eval;
            }
        }
        luawait_release_events(events, count);
    }
    return ended;
}

// Runs until the eval has ended, and cancels it when nothing is left to run: a request could not be answered.
static void finish(luawait_engine *engine, uint64_t eval, bool by_events) {
    for (int step = 0; step < MOST_STEPS; step++) {
        int32_t state = LUAWAIT_IN_PROGRESS, more = 0;
        char *outcome = NULL;
        luawait_status status = luawait_run(engine, 1000, &more);
        (void)done("run", status);
        if (by_events) {
            if (take_events(engine, eval)) return;
        } else {
            take_requests(engine);
        }
        status = luawait_poll(engine, eval, &state, &outcome, NULL);
        if (status == LUAWAIT_ERR_MEMORY) return;
        if (status != LUAWAIT_OK) {
            wrong("poll", status);
            return;
        }
        if (state != LUAWAIT_IN_PROGRESS) {
            check_outcome(state, outcome);
            luawait_free(outcome);
            return;
        }
        luawait_run(engine, 0, &more);
        if (!more && step % 100 == 99) luawait_cancel(engine, eval);
    }
    wrong("an eval that does not end", (int64_t)eval);
}

static void use(luawait_engine *engine) {
    static const char script[] = "local function get(v) local ok, e = pcall(fetch, v) if ok then return e end "
                                 "if type(e) ~= 'table' then error(e, 0) end return e.message end "
                                 "local a = get({1, x}) local asked = ask(a) print('line', asked and asked.n[2]) "
                                 "local co = coroutine.wrap(function() return get(('y'):rep(99)) end) "
                                 "return {first = a, second = co(), rest = {...}}";
    static const char options[] = "{\"args\": [[1], \"two\"], \"globals\": {\"x\": {\"k\": [null]}}, \"name\": \"s\"}";
    uint64_t eval = 0, context = 0;
    int32_t state = 0;
    char *outcome = NULL;
    for (int by_events = 0; by_events < 2; by_events++) {
        if (!done("start",
                  luawait_start(engine, script, LUAWAIT_NUL_TERMINATED, options, sizeof options - 1, &eval, NULL))) {
            continue;
        }
        finish(engine, eval, by_events);
    }
    if (done("check", luawait_check(engine, "return 1", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL))) {
        luawait_status status = luawait_check(engine, "return +", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL);
        if (status != LUAWAIT_ERR_SYNTAX && status != LUAWAIT_ERR_MEMORY) wrong("check of a wrong script", status);
    }
    static const char direct[] = "local asked = ask({x = 1}) return asked and asked.n";
    if (done("eval", luawait_eval(engine, direct, sizeof direct - 1, NULL, 0, &state, &outcome, NULL, NULL))) {
        check_outcome(state, outcome);
        luawait_free(outcome);
    }
    static const char shared[] = "{\"globals\": {\"g\": [1, 2]}}";
    if (done("context_new", luawait_context_new(engine, shared, sizeof shared - 1, &context, NULL))) {
        char where[64];
        snprintf(where, sizeof where, "{\"context\": %llu}", (unsigned long long)context);
        if (done("start", luawait_start(engine, script, LUAWAIT_NUL_TERMINATED, where, strlen(where), &eval, NULL))) {
            finish(engine, eval, false);
        }
        luawait_context_free(engine, context);
    }
    char *stats = NULL;
    if (done("stats", luawait_stats(engine, &stats, NULL))) luawait_free(stats);
}

static void check_canary(luawait_engine *engine) {
    int32_t state = 0;
    char *outcome = NULL;
    luawait_status status =
        luawait_eval(engine, "return #ask(1).n", LUAWAIT_NUL_TERMINATED, NULL, 0, &state, &outcome, NULL, NULL);
    if (status != LUAWAIT_OK || state != LUAWAIT_SUCCEEDED || strcmp(outcome, "2") != 0)
        wrong("the eval after it", status);
    luawait_free(outcome);
}

static unsigned long try_round(unsigned long n, int in_a_row) {
    current_n = n;
    current_row = in_a_row;
    if (!failing_malloc_arm(n, in_a_row)) {
        fprintf(stderr, "the library is not there\n");
        exit(2);
    }
    luawait_engine *engine = open_engine();
    if (engine != NULL) use(engine);
    unsigned long failed = failing_malloc_disarm();
    if (engine == NULL) engine = open_engine();
    check_canary(engine);
    luawait_engine_free(engine);
    return failed;
}

int main(int argc, char **argv) {
    static const int rows[] = {1, 2, 0};
    unsigned long rounds = 0, stride = 1;
    if (argc > 2 && strcmp(argv[1], "--stride") == 0) {
        stride = strtoul(argv[2], NULL, 10);
        argc = 1;
    }
    if (argc > 1) {
        (void)try_round(strtoul(argv[1], NULL, 10), argc > 2 ? atoi(argv[2]) : 1);
        rounds = 1;
    } else {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            for (unsigned long n = 1; failures < 10 && try_round(n, rows[i]) > 0; n += n < ALL_UP_TO ? 1 : stride)
                rounds++;
        }
    }
    printf("abi_faults: %lu rounds, %u failed\n", rounds, failures);
    return failures == 0 ? 0 : 1;
}
