#include "events.h"

bool is_hanging(int64_t since_ms) {
    return monotonic_ms() - since_ms > HANG_GUARD_MS;
}

size_t host_take_events(harness_place at, luawait_engine *engine, luawait_event *events, size_t capacity) {
    size_t count = 0;
    memset(events, 0, capacity * sizeof *events);
    events[0].struct_size = sizeof *events;
    luawait_status status = luawait_next_events(engine, events, capacity, &count);
    harness_check_status(at, status, count > 0 ? LUAWAIT_OK : LUAWAIT_NONE, "luawait_next_events");
    return count;
}

luawait_event host_wait_for_event(harness_place at, luawait_engine *engine) {
    luawait_event event;
    int64_t begun = monotonic_ms();
    while (host_take_events(at, engine, &event, 1) == 0) {
        if (is_hanging(begun) || !readable(engine, HANG_GUARD_MS)) {
            harness_fail(at, "no event comes");
            harness_stop();
        }
    }
    return event;
}

luawait_event host_expect_event(harness_place at, luawait_engine *engine, int32_t kind, uint64_t eval) {
    luawait_event event = host_wait_for_event(at, engine);
    harness_check_int(at, event.kind, kind, "event.kind");
    harness_check_int(at, (int64_t)event.eval_id, (int64_t)eval, "event.eval_id");
    return event;
}

void host_check_no_event(harness_place at, luawait_engine *engine) {
    luawait_event event;
    if (host_take_events(at, engine, &event, 1) == 0) return;
    harness_fail(at, "an event of kind %d for eval %" PRIu64, (int)event.kind, event.eval_id);
    luawait_release_events(&event, 1);
}

void release_event(luawait_event *event) {
    luawait_release_events(event, 1);
}

luawait_engine *make_host_engine(harness_place at, int config, const char *more) {
    char *text = NULL;
    switch (config) {
    case SIGNAL: text = text_format("{\"executor\":\"host\"%s}", more); break;
    case COUNT: text = text_format("{\"executor\":\"host\",\"preemption\":\"count\"%s}", more); break;
    default: text = text_format("{\"executor\":\"host\",\"watchdog\":false%s}", more); break;
    }
    luawait_engine *engine = host_engine(at, text);
    free(text);
    return engine;
}

outcome host_run_to_end(harness_place at, luawait_engine *engine, uint64_t eval) {
    outcome ended = {0};
    int64_t begun = monotonic_ms();
    for (;;) {
        harness_check_status(at, luawait_run(engine, 1000, NULL), LUAWAIT_OK, "luawait_run");
        luawait_status status = luawait_poll(engine, eval, &ended.state, &ended.json, &ended.length);
        harness_check_status(at, status, LUAWAIT_OK, "luawait_poll");
        if (status != LUAWAIT_OK || ended.state != LUAWAIT_IN_PROGRESS) return ended;
        if (is_hanging(begun)) {
            harness_fail(at, "the eval does not end");
            harness_stop();
        }
    }
}

void host_run_until_idle(harness_place at, luawait_engine *engine) {
    int32_t more = 1;
    int64_t begun = monotonic_ms();
    while (more == 1) {
        harness_check_status(at, luawait_run(engine, 1000, &more), LUAWAIT_OK, "luawait_run");
        if (is_hanging(begun)) {
            harness_fail(at, "there is always more to run");
            harness_stop();
        }
    }
}

outcome host_run_with_echo(harness_place at, luawait_engine *engine, const char *script) {
    uint64_t eval = host_start(at, engine, script, NULL);
    int64_t begun = monotonic_ms();
    for (;;) {
        int32_t more = 0;
        outcome ended = {0};
        harness_check_status(at, luawait_run(engine, 1000, &more), LUAWAIT_OK, "luawait_run");
        host_echo_requests(at, engine);
        harness_check_status(at, luawait_poll(engine, eval, &ended.state, &ended.json, &ended.length), LUAWAIT_OK,
                             "luawait_poll");
        if (ended.state != LUAWAIT_IN_PROGRESS) return ended;
        if (is_hanging(begun)) {
            harness_fail(at, "the eval does not end");
            harness_stop();
        }
    }
}
