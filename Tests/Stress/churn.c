/* Engines that come and go beside the one under stress: freed in the middle of everything, never waited for. */
#include "stress.h"

#include "crew.h"
#include <stdio.h>
#include <string.h>

static void call_token(void *data) {
    token_used(data);
}

static void call_back(void *data, luawait_call *call) {
    (void)call;
    token_used(data);
}

static luawait_engine *some_engine(churner *one) {
    static const char *const executors[] = {"\"threads\",\"workers\":1", "\"threads\",\"workers\":2,\"print\":\"none\"",
                                            "\"host\"", "\"host\",\"watchdog\":false", "\"custom\",\"workers\":2"};
    const char *preemption = one->how->preemption;
    if (preemption == NULL) preemption = chance_below(&one->luck, 2) == 0 ? "signal" : "count";
    char config[200];
    snprintf(config, sizeof config, "{\"executor\":%s,\"preemption\":\"%s\",\"cpu_ms\":0,\"warm_contexts\":%u}",
             executors[chance_below(&one->luck, sizeof executors / sizeof *executors)], preemption,
             chance_below(&one->luck, 3));
    luawait_engine *engine = NULL;
    MUST(luawait_engine_new(config, strlen(config), &engine, NULL));
    return engine;
}

/* A script that ends, one that waits for an answer, one that never ends; some of them watched. */
static void start_some(churner *one, luawait_engine *engine, token **list) {
    static const char *const scripts[] = {"return {1, 2, 3}", "return f(1)", "g() while true do end",
                                          "coroutine.wrap(function() while true do pcall(f, g()) end end)()"};
    for (unsigned i = chance_below(&one->luck, 6); i > 0; i--) {
        uint64_t eval = 0;
        const char *script = scripts[chance_below(&one->luck, sizeof scripts / sizeof *scripts)];
        luawait_status status = luawait_start(engine, script, LUAWAIT_NUL_TERMINATED, NULL, 0, &eval, NULL);
        if (status == LUAWAIT_ERR_EXECUTOR) continue;
        must(status, "luawait_start()");
        token *waker = token_new(list, "waker", NULL);
        waker->is_once = true;
        waker->accepted = true;
        const luawait_waker set = {.struct_size = sizeof set, .data = waker, .wake = call_token, .drop = token_drop};
        MUST(luawait_set_waker(engine, eval, &set));
    }
}

static void live_and_die(churner *one) {
    luawait_engine *engine = some_engine(one);
    token *list = NULL, *callback = token_new(&list, "callback", NULL), *notifier = token_new(&list, "notifier", NULL);
    token *executor = token_new(&list, "executor", NULL);
    const luawait_executor crew = crew_as_executor(executor);
    callback->accepted = true;
    notifier->accepted = true;
    MUST(luawait_register(engine, "f", 1, NULL, 0, NULL));
    MUST(luawait_register_callback(engine, "g", 1, NULL, 0, call_back, callback, token_drop, NULL));
    MUST(luawait_set_notifier(engine, call_token, notifier, token_drop));
    executor->accepted = luawait_set_executor(engine, &crew, NULL) == LUAWAIT_OK;
    luawait_event events[8];
    size_t count = 0;
    for (unsigned turns = chance_below(&one->luck, 4); turns > 0; turns--) {
        start_some(one, engine, &list);
        /* Refused by the engines that have threads of their own. */
        (void)luawait_run(engine, chance_below(&one->luck, 500), NULL);
        luawait_release_events(events, count);
        events[0].struct_size = sizeof *events;
        (void)luawait_next_events(engine, events, 8, &count);
        if (count > 0 && events[0].kind == LUAWAIT_EVENT_REQUEST) {
            luawait_status status = luawait_provide_result(engine, events[0].request_id, "[]", 2, NULL);
            if (status != LUAWAIT_OK && status != LUAWAIT_ERR_NOT_FOUND) must(status, "an answer");
        }
    }
    if (chance_below(&one->luck, 4) == 0) MUST(luawait_shutdown(engine, chance_below(&one->luck, 2)));
    luawait_engine_free(engine);
    luawait_release_events(events, count);
    tokens_check(&list);
    one->engines++;
}

void *churner_work(void *argument) {
    churner *one = argument;
    while (!atomic_load(&one->stops)) {
        live_and_die(one);
    }
    return NULL;
}
