#include "ledger.h"

#include "json.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_ullong violations;

void violation(const char *format, ...) {
    if (atomic_fetch_add(&violations, 1) >= 20) return;
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "VIOLATION: %s\n", message);
}

unsigned long long violation_count(void) {
    return atomic_load(&violations);
}

void must(luawait_status status, const char *what) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "FATAL: %s gave %s\n", what, luawait_status_name(status));
    abort();
}

ledger *ledger_new(void) {
    ledger *book = calloc(1, sizeof *book);
    if (book == NULL) abort();
    book->evals = calloc(LEDGER_IDS, sizeof *book->evals);
    book->requests = calloc(LEDGER_IDS, sizeof *book->requests);
    if (book->evals == NULL || book->requests == NULL) abort();
    return book;
}

void ledger_free(ledger *book) {
    free(book->evals);
    free(book->requests);
    free(book);
}

static void raise_to(atomic_ullong *highest, uint64_t id) {
    unsigned long long seen = atomic_load(highest);
    while (seen < id && !atomic_compare_exchange_weak(highest, &seen, id))
        continue;
}

static void note(atomic_uint *table, atomic_ullong *highest, uint64_t id, unsigned what, const char *kind) {
    if (id == 0 || id >= LEDGER_IDS) {
        violation("%s %" PRIu64 " is no id", kind, id);
        return;
    }
    atomic_fetch_add(&table[id], what);
    raise_to(highest, id);
}

void note_eval(ledger *book, uint64_t eval, unsigned what) {
    if ((what & EVAL_STARTED) != 0) atomic_fetch_add(&book->started, 1);
    note(book->evals, &book->highest_eval, eval, what, "eval");
}

void note_request(ledger *book, uint64_t request, unsigned what) {
    if (what == REQUEST_ANSWERED) atomic_fetch_add(&book->answered, 1);
    note(book->requests, &book->highest_request, request, what, "request");
}

void note_outcome(ledger *book, int32_t state, const char *text) {
    /* The scripts look after themselves: with one of these types they have found something wrong. */
    static const char *const wrong[] = {"\"runtime\"", "\"internal\"", "\"conversion\""};
    if (state < LUAWAIT_SUCCEEDED || state > LUAWAIT_CANCELLED || text == NULL) {
        violation("an outcome of state %d: %s", (int)state, text != NULL ? text : "NULL");
        return;
    }
    atomic_fetch_add(&book->states[state], 1);
    if (!json_valid(text, strlen(text))) violation("an outcome is not JSON: %.200s", text);
    if (state == LUAWAIT_SUCCEEDED) return;
    char *type = json_member(text, "type");
    bool is_right = type != NULL && ((strcmp(type, "\"cancelled\"") == 0) == (state == LUAWAIT_CANCELLED));
    for (size_t i = 0; is_right && i < sizeof wrong / sizeof *wrong; i++) {
        is_right = strcmp(type, wrong[i]) != 0;
    }
    if (!is_right) violation("state %d with outcome %.700s", (int)state, text);
    free(type);
}

static unsigned long long stat(const char *stats, const char *group, const char *key) {
    char *inner = json_member(stats, group), *text = inner != NULL ? json_member(inner, key) : NULL;
    if (text == NULL) violation("luawait_stats() has no %s.%s: %s", group, key, stats);
    unsigned long long value = text != NULL ? strtoull(text, NULL, 10) : 0;
    free(inner);
    free(text);
    return value;
}

static void check_stats(ledger *book, luawait_engine *engine) {
    char *stats = NULL;
    MUST(luawait_stats(engine, &stats, NULL));
    const struct {
        const char *group, *key;
        unsigned long long expected;
    } figures[] = {{"evals", "started", atomic_load(&book->started) + atomic_load(&book->direct)},
                   {"evals", "queued", 0},
                   {"evals", "running", 0},
                   {"evals", "parked", 0},
                   {"evals", "finished_unread", 0},
                   {"requests", "answered", atomic_load(&book->answered)},
                   {"requests", "pending", 0},
                   {"requests", "open", 0}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        unsigned long long value = stat(stats, figures[i].group, figures[i].key);
        if (value != figures[i].expected) {
            violation("%s.%s is %llu instead of %llu", figures[i].group, figures[i].key, value, figures[i].expected);
        }
    }
    unsigned long long ended =
        stat(stats, "evals", "succeeded") + stat(stats, "evals", "failed") + stat(stats, "evals", "cancelled");
    if (ended != stat(stats, "evals", "started")) violation("%llu ended: %s", ended, stats);
    unsigned long long closed = stat(stats, "requests", "answered") + stat(stats, "requests", "withdrawn");
    if (closed != stat(stats, "requests", "posted")) violation("%llu requests closed: %s", closed, stats);
    char *timers = json_member(stats, "timers");
    if (timers == NULL || strcmp(timers, "0") != 0) violation("timers are left: %s", stats);
    free(timers);
    luawait_free(stats);
}

static unsigned count_of(unsigned marks, unsigned unit) {
    return marks / unit % 16;
}

void ledger_check(ledger *book, luawait_engine *engine) {
    check_stats(book, engine);
    for (uint64_t id = 1; id <= atomic_load(&book->highest_eval); id++) {
        unsigned marks = atomic_load(&book->evals[id]), seen = count_of(marks, EVAL_SEEN);
        bool is_awaited = (marks & EVAL_STARTED) != 0 && (marks & EVAL_DETACHED) == 0;
        if (seen != (is_awaited ? 1 : 0)) violation("eval %" PRIu64 ": outcome seen %u times (%#x)", id, seen, marks);
    }
    for (uint64_t id = 1; id <= atomic_load(&book->highest_request); id++) {
        unsigned marks = atomic_load(&book->requests[id]);
        unsigned taken = count_of(marks, REQUEST_TAKEN), as_event = count_of(marks, REQUEST_EVENT);
        unsigned answered = count_of(marks, REQUEST_ANSWERED), withdrawn = count_of(marks, REQUEST_WITHDRAWN);
        /* Only who took it as an event is told that it was withdrawn; and then one of the two has to come. */
        bool adds_up = taken + as_event <= 1 && answered + withdrawn <= 1 &&
                       (as_event == 1 ? answered + withdrawn == 1 : withdrawn == 0);
        if (!adds_up) {
            violation("request %" PRIu64 ": taken %u times, %u as an event, answered %u, withdrawn %u", id, taken,
                      as_event, answered, withdrawn);
        }
    }
}

token *token_new(token **list, const char *kind, void *data) {
    token *one = calloc(1, sizeof *one);
    if (one == NULL) abort();
    one->kind = kind;
    one->data = data;
    one->next = *list;
    *list = one;
    return one;
}

void token_used(token *one) {
    if (atomic_fetch_add(&one->calls, 1) > 0 && one->is_once) violation("a %s was called twice", one->kind);
    if (atomic_load(&one->drops) > 0) violation("a %s was called after it was dropped", one->kind);
}

void token_drop(void *data) {
    token *one = data;
    if (atomic_fetch_add(&one->drops, 1) > 0) violation("a %s was dropped twice", one->kind);
}

void tokens_check(token **list) {
    while (*list != NULL) {
        token *one = *list;
        int drops = atomic_load(&one->drops), expected = one->accepted ? 1 : 0;
        if (drops != expected) violation("a %s was dropped %d times instead of %d", one->kind, drops, expected);
        *list = one->next;
        free(one);
    }
}
