/* A thread that calls this and that, as chance has it, and writes down what it was given. */
#include "stress.h"

#include <poll.h>
#include <string.h>

uint64_t chance_next(chance *from) {
    /* A Weyl sequence, mixed: good enough for choices, and any state will do. */
    uint64_t z = from->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

unsigned chance_below(chance *from, unsigned below) {
    return (unsigned)(chance_next(from) >> 33) % below;
}

bool one_in(actor *one, unsigned many) {
    return chance_below(&one->luck, many) == 0;
}

static uint64_t some_eval(actor *one) {
    uint64_t eval = atomic_load(&one->at->evals[chance_below(&one->luck, RECENT)]);
    /* Now and then one that nobody has been told of yet: of this thread's own, of another's, or none. */
    return eval + (one_in(one, 16) ? chance_below(&one->luck, 4) : 0);
}

void expect(luawait_status status, luawait_status other, const char *what) {
    if (status != LUAWAIT_OK && status != other) violation("%s: %s", what, luawait_status_name(status));
}

/* ---- Requests ---- */

static void answer(actor *one, uint64_t request, const char *args, size_t length) {
    luawait_status status;
    if (args != NULL && !one_in(one, 5)) {
        /* `[v]`: the echo of the first argument, which is the only one. */
        status = luawait_provide_result(one->at->engine, request, args + 1, length - 2, NULL);
    } else if (one_in(one, 4)) {
        status = luawait_provide_result(one->at->engine, request, "{\"open\":", LUAWAIT_NUL_TERMINATED, NULL);
        /* It stays open, or has never been. */
        if (status != LUAWAIT_ERR_JSON && status != LUAWAIT_ERR_NOT_FOUND) {
            violation("half an answer to request %" PRIu64 ": %s", request, luawait_status_name(status));
        }
        return;
    } else {
        const char *error = "{\"message\":\"no\",\"type\":\"busy\",\"data\":[1,{\"a\":2}]}";
        status = luawait_provide_error(one->at->engine, request, error, strlen(error), NULL);
    }
    expect(status, LUAWAIT_ERR_NOT_FOUND, "an answer");
    if (status == LUAWAIT_OK) note_request(one->at->book, request, REQUEST_ANSWERED);
}

static void check_thread(const actor *one, const char *name) {
    bool is_for_main = strcmp(name, "main.echo") == 0;
    if (is_for_main && one->at->has_one_main_thread && one->number != 0)
        violation("thread %d got %s", one->number, name);
}

/* Usually answers at once; else others may, who find the id, or the call's time runs out. */
static void serve(actor *one, uint64_t request, const char *args, size_t length) {
    atomic_store(&one->at->requests[chance_below(&one->luck, RECENT)], request);
    if (!one_in(one, 6)) answer(one, request, args, length);
    if (one_in(one, 8)) answer(one, request, args, length);
}

static void act_take_request(actor *one) {
    uint64_t request = 0, eval = 0;
    char *name = NULL, *args = NULL;
    size_t length = 0;
    luawait_status status = luawait_get_pending_request(one->at->engine, &request, &eval, &name, &args, &length);
    expect(status, LUAWAIT_NONE, "luawait_get_pending_request()");
    if (status != LUAWAIT_OK) return;
    note_request(one->at->book, request, REQUEST_TAKEN);
    check_thread(one, name);
    serve(one, request, args, length);
    luawait_free(name);
    luawait_free(args);
}

static void act_guess(actor *one) {
    uint64_t request = atomic_load(&one->at->requests[chance_below(&one->luck, RECENT)]);
    if (request != 0) answer(one, request + chance_below(&one->luck, 3), NULL, 0);
}

/* ---- Events ---- */

void actor_release(actor *one) {
    luawait_release_events(one->held, one->held_count);
    one->held_count = 0;
}

static void handle(actor *one, const luawait_event *event, bool is_serving) {
    ledger *book = one->at->book;
    switch (event->kind) {
    case LUAWAIT_EVENT_REQUEST:
        note_request(book, event->request_id, REQUEST_EVENT);
        check_thread(one, event->name);
        if (is_serving) serve(one, event->request_id, event->text, event->text_length);
        break;
    case LUAWAIT_EVENT_WITHDRAWN: note_request(book, event->request_id, REQUEST_WITHDRAWN); break;
    case LUAWAIT_EVENT_FINISHED:
        note_eval(book, event->eval_id, EVAL_SEEN);
        note_outcome(book, event->state, event->text);
        break;
    case LUAWAIT_EVENT_OUTPUT:
        if (strncmp(event->text, "line\t", 5) != 0) violation("printed: %s", event->text);
        atomic_fetch_add(&book->output, 1);
        break;
    default: violation("an event of kind %d", (int)event->kind);
    }
}

static size_t take_events(actor *one, size_t most, bool is_serving) {
    size_t count = 0;
    actor_release(one);
    one->held[0].struct_size = sizeof *one->held;
    expect(luawait_next_events(one->at->engine, one->held, most, &count), LUAWAIT_NONE, "luawait_next_events()");
    one->held_count = count;
    for (size_t i = 0; i < count; i++) {
        handle(one, &one->held[i], is_serving);
    }
    return count;
}

static void act_take_events(actor *one) {
    take_events(one, 1 + chance_below(&one->luck, HELD), true);
    if (one_in(one, 2)) actor_release(one);
}

void actor_drain(actor *one) {
    /* On another thread than before, so as to be shown everything. */
    MUST(luawait_bind_main_thread(one->at->engine));
    while (take_events(one, HELD, false) > 0)
        continue;
}

/* ---- Evals ---- */

static void note_progress(actor *one, uint64_t eval, luawait_status status, int32_t state, char *outcome) {
    expect(status, LUAWAIT_ERR_NOT_FOUND, "asking for an outcome");
    if (status == LUAWAIT_OK && state != LUAWAIT_IN_PROGRESS) {
        note_eval(one->at->book, eval, EVAL_SEEN);
        note_outcome(one->at->book, state, outcome);
    } else if (outcome != NULL) {
        violation("eval %" PRIu64 " has an outcome before its end", eval);
    }
    luawait_free(outcome);
}

static void act_poll(actor *one) {
    uint64_t eval = some_eval(one);
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL;
    luawait_status status = luawait_poll(one->at->engine, eval, &state, &outcome, NULL);
    note_progress(one, eval, status, state, outcome);
}

static void act_wait(actor *one) {
    uint64_t eval = some_eval(one);
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL;
    luawait_status status = luawait_wait(one->at->engine, eval, chance_below(&one->luck, 3), &state, &outcome, NULL);
    note_progress(one, eval, status, state, outcome);
}

static void act_cancel(actor *one) {
    expect(luawait_cancel(one->at->engine, some_eval(one)), LUAWAIT_ERR_NOT_FOUND, "luawait_cancel()");
}

/* ---- Being told ---- */

static void call_token(void *data) {
    token_used(data);
}

static void act_set_waker(actor *one) {
    uint64_t eval = some_eval(one);
    luawait_status status;
    if (one_in(one, 4)) {
        status = luawait_set_waker(one->at->engine, eval, NULL);
    } else {
        token *waker = token_new(&one->tokens, "waker", NULL);
        waker->is_once = true;
        const luawait_waker set = {.struct_size = sizeof set, .data = waker, .wake = call_token, .drop = token_drop};
        status = luawait_set_waker(one->at->engine, eval, &set);
        waker->accepted = status == LUAWAIT_OK;
    }
    expect(status, LUAWAIT_ERR_NOT_FOUND, "luawait_set_waker()");
}

static void act_set_notifier(actor *one) {
    token *notifier = one_in(one, 4) ? NULL : token_new(&one->tokens, "notifier", NULL);
    if (notifier != NULL) {
        notifier->accepted = true;
        MUST(luawait_set_notifier(one->at->engine, call_token, notifier, token_drop));
    } else {
        MUST(luawait_set_notifier(one->at->engine, NULL, NULL, NULL));
    }
}

static void act_look(actor *one) {
    struct pollfd ready = {.events = POLLIN};
    int64_t timeout = 0;
    char *stats = NULL;
    switch (chance_below(&one->luck, 4)) {
    case 0:
        MUST(luawait_event_fd(one->at->engine, &ready.fd));
        if (poll(&ready, 1, 0) < 0) violation("the descriptor cannot be polled");
        break;
    case 1: MUST(luawait_next_timeout(one->at->engine, &timeout)); break;
    case 2:
        MUST(luawait_stats(one->at->engine, &stats, NULL));
        luawait_free(stats);
        break;
    default: expect(luawait_wait_any(one->at->engine, chance_below(&one->luck, 3)), LUAWAIT_NONE, "luawait_wait_any()");
    }
}

/* ---- Threads ---- */

static void act_run(actor *one) {
    int32_t more = 0;
    luawait_status status = luawait_run(one->at->engine, chance_below(&one->luck, 1500), &more);
    if (status != (one->at->is_host_run ? LUAWAIT_OK : LUAWAIT_ERR_EXECUTOR)) {
        violation("luawait_run(): %s", luawait_status_name(status));
    }
}

static void act_bind(actor *one) {
    if (!one->at->has_one_main_thread) MUST(luawait_bind_main_thread(one->at->engine));
}

/* ---- The mix ---- */

static const struct {
    unsigned weight;
    void (*act)(actor *one);
} mix[] = {{24, act_start},   {12, act_poll},        {12, act_take_request}, {12, act_take_events},
           {6, act_guess},    {2, act_cancel},       {5, act_set_waker},     {3, act_set_notifier},
           {3, act_evaluate}, {3, act_wait},         {4, act_register},      {4, act_look},
           {6, act_run},      {1, act_set_executor}, {1, act_bind},          {1, act_change_context}};

static void act(actor *one) {
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof mix / sizeof *mix; i++) {
        sum += mix[i].weight;
    }
    unsigned drawn = chance_below(&one->luck, sum);
    size_t which = 0;
    while (drawn >= mix[which].weight) {
        drawn -= mix[which++].weight;
    }
    mix[which].act(one);
    one->calls++;
}

/* A round ends early when it runs out of ids. */
static bool has_room(const ledger *book) {
    const unsigned long long last = LEDGER_IDS - 10000;
    return atomic_load(&book->highest_eval) < last && atomic_load(&book->highest_request) < last;
}

void *actor_work(void *argument) {
    actor *one = argument;
    if (one->number == 0) MUST(luawait_bind_main_thread(one->at->engine));
    while (!atomic_load(&one->at->stops) && has_room(one->at->book)) {
        act(one);
    }
    return NULL;
}
