/* What an engine is given: functions of the host's, those that stay and those that come and go, and a pool. */
#include "stress.h"

#include "crew.h"
#include <stdio.h>
#include <string.h>

static void mark(void *data, luawait_call *call) {
    token_used(data);
    MUST(luawait_call_return(call, call->args, call->args_length, NULL));
}

static void refuse(void *data, luawait_call *call) {
    token_used(data);
    MUST(luawait_call_fail(call, "\"refused\"", LUAWAIT_NUL_TERMINATED, NULL));
}

/* Calls back into its own engine, about the very eval that it serves, too. */
static void nested(void *data, luawait_call *call) {
    token *one = data;
    arena *at = one->data;
    token_used(one);
    int32_t state = 0;
    char *outcome = NULL;
    luawait_status status =
        luawait_eval(at->engine, "return 6 * 7", LUAWAIT_NUL_TERMINATED, NULL, 0, &state, &outcome, NULL, NULL);
    if (status == LUAWAIT_OK) {
        atomic_fetch_add(&at->book->direct, 1);
        note_outcome(at->book, state, outcome);
        luawait_free(outcome);
    } else if (status != LUAWAIT_ERR_LIMIT) {
        expect(status, LUAWAIT_ERR_SHUTDOWN, "an eval in a callback");
    }
    if (call->eval_id % 4 == 0) expect(luawait_cancel(at->engine, call->eval_id), LUAWAIT_ERR_NOT_FOUND, "a cancel");
    if (call->eval_id % 4 == 1) MUST(luawait_call_cancel(call));
}

void declare_functions(arena *at, token **list) {
    const struct {
        const char *name;
        luawait_callback fn;
    } callbacks[] = {{"mark", mark}, {"refused", refuse}, {"nested", nested}};
    const char *for_main = "{\"thread\":\"main\"}";
    MUST(luawait_register(at->engine, "echo", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL));
    MUST(luawait_register(at->engine, "main.echo", LUAWAIT_NUL_TERMINATED, for_main, strlen(for_main), NULL));
    for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++) {
        token *one = token_new(list, "callback", at);
        one->accepted = true;
        MUST(luawait_register_callback(at->engine, callbacks[i].name, LUAWAIT_NUL_TERMINATED, NULL, 0, callbacks[i].fn,
                                       one, token_drop, NULL));
    }
}

/* Names that come and go; each thread has its favourite, and now and then takes another's. */
void act_register(actor *one) {
    char name[16];
    snprintf(name, sizeof name, "own%d", one_in(one, 4) ? (int)chance_below(&one->luck, ACTORS) : one->number);
    if (one_in(one, 2)) {
        expect(luawait_unregister(one->at->engine, name, LUAWAIT_NUL_TERMINATED), LUAWAIT_ERR_NOT_FOUND,
               "luawait_unregister()");
        return;
    }
    token *callback = token_new(&one->tokens, "callback", one->at);
    luawait_status status = luawait_register_callback(one->at->engine, name, LUAWAIT_NUL_TERMINATED, NULL, 0, mark,
                                                      callback, token_drop, NULL);
    callback->accepted = status == LUAWAIT_OK;
    expect(status, LUAWAIT_ERR_EXISTS, "luawait_register_callback()");
}

void actor_set_crew(arena *at, token **list) {
    token *crew = token_new(list, "executor", NULL);
    const luawait_executor executor = crew_as_executor(crew);
    luawait_status status = luawait_set_executor(at->engine, &executor, NULL);
    crew->accepted = status == LUAWAIT_OK;
    if (status != (at->is_custom ? LUAWAIT_OK : LUAWAIT_ERR_EXECUTOR)) {
        violation("luawait_set_executor(): %s", luawait_status_name(status));
    }
}

void act_set_executor(actor *one) {
    if (one_in(one, 4)) {
        expect(luawait_set_executor(one->at->engine, NULL, NULL), LUAWAIT_ERR_EXECUTOR, "luawait_set_executor()");
    } else {
        actor_set_crew(one->at, &one->tokens);
    }
}

void act_change_context(actor *one) {
    uint64_t made = 0;
    if (!one_in(one, 4)) {
        expect(luawait_context_new(one->at->engine, NULL, 0, &made, NULL), LUAWAIT_ERR_SHUTDOWN,
               "luawait_context_new()");
    }
    uint64_t old = atomic_exchange(&one->at->contexts[chance_below(&one->luck, CONTEXTS)], made);
    /* Nobody else has it any more, and scripts may run in it. */
    if (old != 0) MUST(luawait_context_free(one->at->engine, old));
}
