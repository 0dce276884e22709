/*
 * What a host can know for certain, kept by all threads at once: which evals it started, which outcomes, requests and
 * withdrawals it was given and how often, which answers were taken, what was dropped. At the end it must add up.
 */
#ifndef LUAWAIT_STRESS_LEDGER_H
#define LUAWAIT_STRESS_LEDGER_H

#include <inttypes.h>
#include <luawait.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** Ids from here on are not followed: a round ends before. */
#define LEDGER_IDS ((uint64_t)1 << 21)

/** What has happened to an eval; counts have four bits, so that "twice" is seen. */
enum { EVAL_STARTED = 1, EVAL_DETACHED = 2, EVAL_SEEN = 16 };
/** What has happened to a request. */
enum { REQUEST_TAKEN = 1, REQUEST_EVENT = 16, REQUEST_ANSWERED = 256, REQUEST_WITHDRAWN = 4096 };

typedef struct ledger {
    atomic_uint *evals;
    atomic_uint *requests;
    /** Counted by hand, to be compared with luawait_stats(). */
    atomic_ullong started, direct, answered, states[4], output;
    atomic_ullong highest_eval, highest_request;
} ledger;

/** Why a run has failed. Any thread; the first twenty are shown. */
void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned long long violation_count(void);
/** A call that has to succeed whatever the others do: ends the program if not. */
void must(luawait_status status, const char *what);
#define MUST(call) must((call), #call)

ledger *ledger_new(void);
void ledger_free(ledger *book);

void note_eval(ledger *book, uint64_t eval, unsigned what);
void note_request(ledger *book, uint64_t request, unsigned what);
/** An outcome has arrived: looks into it, too. `text` is JSON. */
void note_outcome(ledger *book, int32_t state, const char *text);

/** With all threads ended, nothing in progress and everything taken: whether all adds up. */
void ledger_check(ledger *book, luawait_engine *engine);

/** A waker's, notifier's or callback's data: dropped once, and not used after that. */
typedef struct token {
    struct token *next;
    const char *kind;
    void *data;
    bool accepted;
    bool is_once;
    atomic_int calls;
    atomic_int drops;
} token;

/** Adds a token to a list of the caller's thread. It stays until tokens_check(). */
token *token_new(token **list, const char *kind, void *data);
/** In each call of the host's function. */
void token_used(token *one);
/** A luawait_drop. */
void token_drop(void *one);
/** After luawait_engine_free(): each accepted token has been dropped once, the others never. Frees the list. */
void tokens_check(token **list);

#endif
