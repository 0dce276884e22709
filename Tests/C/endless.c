#include "endless.h"

/* Where every step is slow, all of them are cancelled, and only some meet each of the limits. */
#define STEP harness_scale(1, 4)

void mark_begun(void *user_data, luawait_call *call) {
    (void)call;
    gate_open(user_data);
}

luawait_engine *make_preempting_engine(harness_place at, const char *preemption, const char *more) {
    char *config = text_format("{\"preemption\":\"%s\"%s}", preemption, more);
    luawait_engine *engine = host_engine(at, config);
    free(config);
    return engine;
}

static void check_state(const outcome *ended, int32_t state, const char *script) {
    if (ended->state != state)
        harness_fail(HERE, "%s: state %d: %s", script, (int)ended->state, ended->json != NULL ? ended->json : "");
    if (ended->state == LUAWAIT_IN_PROGRESS) harness_stop();
}

void cancel_each(endless_scripts all, const char *preemption) {
    luawait_engine *engine = preempting_engine(preemption, ",\"cpu_ms\":0,\"workers\":2");
    gate running = GATE;
    declare_callback(engine, "mark", mark_begun, &running);
    for (size_t i = 0; i < all.count; i++) {
        uint64_t eval = start(engine, all.scripts[i]);
        gate_wait(&running, (int)i + 1);
        CHECK_STATUS(luawait_cancel(engine, eval), LUAWAIT_OK);
        outcome ended = {0};
        REQUIRE_OK(luawait_wait(engine, eval, HANG_GUARD_MS, &ended.state, &ended.json, &ended.length));
        check_state(&ended, LUAWAIT_CANCELLED, all.scripts[i]);
        outcome_free(&ended);
    }
    EXPECT_VALUE(engine, "return 'all workers are free'", "\"all workers are free\"");
    luawait_engine_free(engine);
}

void limit_each(endless_scripts all, const char *preemption, const char *limit, const char *type) {
    luawait_engine *engine = preempting_engine(preemption, limit);
    gate running = GATE;
    declare_callback(engine, "mark", mark_begun, &running);
    for (size_t i = 0; i < all.count; i += STEP) {
        const char *script = all.scripts[i];
        outcome ended = finish(engine, start(engine, script)), here = {0};
        check_state(&ended, LUAWAIT_FAILED, script);
        CHECK_ERROR(ended, type, "");
        REQUIRE_OK(luawait_eval(engine, script, strlen(script), NULL, 0, &here.state, &here.json, &here.length, NULL));
        check_state(&here, LUAWAIT_FAILED, script);
        CHECK_ERROR(here, type, "");
    }
    EXPECT_VALUE_WITH(engine, "return 'goes on'", "{\"timeout_ms\":0,\"cpu_ms\":0}", "\"goes on\"");
    luawait_engine_free(engine);
}

void limit_each_in_run(endless_scripts all) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":20");
        gate running = GATE;
        declare_callback(engine, "mark", mark_begun, &running);
        for (size_t i = 0; i < all.count; i += STEP) {
            outcome ended = run_to_end(engine, start(engine, all.scripts[i]));
            check_state(&ended, LUAWAIT_FAILED, all.scripts[i]);
            CHECK_ERROR(ended, "cpu", "");
        }
        luawait_engine_free(engine);
    }
}

void take_turns_in_run(const char *endless) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0,\"slice_us\":200");
        uint64_t eval = start(engine, endless);
        uint64_t other = start(engine, "return 'had its turn'");
        for (int i = 0; i < 5; i++) {
            int32_t more = 0;
            REQUIRE_OK(luawait_run(engine, 300, &more));
            CHECK_INT(more, 1);
        }
        CHECK_VALUE(run_to_end(engine, other), "\"had its turn\"");
        int32_t state = -1;
        CHECK_STATUS(luawait_poll(engine, eval, &state, NULL, NULL), LUAWAIT_OK);
        CHECK_INT(state, LUAWAIT_IN_PROGRESS);
        REQUIRE_OK(luawait_cancel(engine, eval));
        CHECK_CANCELLED(run_to_end(engine, eval));
        luawait_engine_free(engine);
    }
}
