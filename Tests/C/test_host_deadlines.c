/* Executor "host" and time: limits and deadlines, and how the host learns that it is to run scripts. */
#include "events.h"
#include <poll.h>

static void processor_time_is_limited(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":30");
        CHECK_ERROR(run_to_end(engine, start(engine, "while true do end")), "cpu", "");
        CHECK_ERROR(run_to_end(engine, start(engine, "while true do pcall(function() while true do end end) end")),
                    "cpu", "");
        uint64_t eval = start(engine, "while true do end");
        REQUIRE_OK(luawait_run(engine, UINT64_MAX, NULL));
        CHECK_ERROR(finish(engine, eval), "cpu", "");
        luawait_engine_free(engine);
    }
}

static void timeouts_end_evals_and_calls(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0");
        declare_with(engine, "slow", "{\"timeout_ms\":40}");
        declare(engine, "f");
        const char *options = "{\"timeout_ms\":40}";
        CHECK_ERROR(run_to_end(engine, start_with(engine, "while true do end", options)), "timeout", "timeout_ms");
        CHECK_ERROR(run_to_end(engine, start_with(engine, "f()", options)), "timeout", "'f'");
        CHECK_VALUE(run_to_end(engine, start(engine, "local ok, e = pcall(slow) return e.type")), "\"timeout\"");
        /* Within one call, too. */
        uint64_t eval = start_with(engine, "while true do end", options);
        REQUIRE_OK(luawait_run(engine, UINT64_MAX, NULL));
        CHECK_ERROR(finish(engine, eval), "timeout", "");
        luawait_engine_free(engine);
    }
}

/* Where a script cannot yield no slice ends, after which a deadline would be looked at. */
static void timeouts_end_scripts_that_cannot_yield(void) {
    const char *scripts[] = {"xpcall(error, function() while true do end end)",
                             "load(function() while true do end end)",
                             "local source = ('a = 1 '):rep(20000) while true do load(source) end",
                             "print(setmetatable({}, {__tostring = function() while true do end end}))"};
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0");
        for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
            uint64_t eval = start_with(engine, scripts[i], "{\"timeout_ms\":40}");
            REQUIRE_OK(luawait_run(engine, UINT64_MAX, NULL));
            CHECK_ERROR(finish(engine, eval), "timeout", "timeout_ms");
        }
        luawait_engine_free(engine);
    }
}

static void limits_hold_in_an_eval_on_the_callers_thread(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, ",\"cpu_ms\":0");
        const char *options[] = {"{\"timeout_ms\":40}", "{\"cpu_ms\":40}"};
        const char *types[] = {"timeout", "cpu"};
        for (int i = 0; i < 2; i++) {
            outcome ended = {0};
            REQUIRE_OK(luawait_eval(engine, "while true do end", LUAWAIT_NUL_TERMINATED, options[i], strlen(options[i]),
                                    &ended.state, &ended.json, &ended.length, NULL));
            CHECK_ERROR(ended, types[i], "");
        }
        luawait_engine_free(engine);
    }
}

static int64_t next_timeout(luawait_engine *engine) {
    int64_t timeout = -7;
    REQUIRE_OK(luawait_next_timeout(engine, &timeout));
    return timeout;
}

static void the_next_timeout_says_when_to_run(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "f", "{\"timeout_ms\":600000}");
        declare_with(engine, "patient", "{\"timeout_ms\":0}");
        CHECK_INT(next_timeout(engine), -1);
        uint64_t eval = start(engine, "f() patient()");
        CHECK_INT(next_timeout(engine), 0);
        run_until_idle(engine);
        int64_t due = next_timeout(engine);
        CHECK(due > 600000 - HANG_GUARD_MS && due <= 600000);
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "1");
        request_free(&taken);
        CHECK_INT(next_timeout(engine), 0);
        run_until_idle(engine);
        CHECK_INT(next_timeout(engine), -1);
        REQUIRE_OK(luawait_cancel(engine, eval));
        run_until_idle(engine);
        CHECK_INT(next_timeout(engine), -1);
        uint64_t limited = start_with(engine, "patient()", "{\"timeout_ms\":300000}");
        run_until_idle(engine);
        due = next_timeout(engine);
        CHECK(due > 300000 - HANG_GUARD_MS && due <= 300000);
        REQUIRE_OK(luawait_cancel(engine, limited));
        luawait_engine_free(engine);
    }
}

/* A host that sleeps for as long as it is told needs no descriptor. */
static void sleeping_for_the_next_timeout_is_enough(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "slow", "{\"timeout_ms\":50}");
        uint64_t eval = start(engine, "local s = '' for i = 1, 3 do s = s .. tostring(pcall(slow)) end return s");
        outcome ended = {0};
        int64_t begun = monotonic_ms();
        while (CHECK(!is_hanging(begun))) {
            REQUIRE_OK(luawait_run(engine, 1000, NULL));
            REQUIRE_OK(luawait_poll(engine, eval, &ended.state, &ended.json, &ended.length));
            if (ended.state != LUAWAIT_IN_PROGRESS) break;
            int64_t timeout = next_timeout(engine);
            CHECK(timeout >= 0 && timeout <= 50);
            poll(NULL, 0, (int)timeout);
        }
        CHECK_VALUE(ended, "\"falsefalsefalse\"");
        luawait_engine_free(engine);
    }
}

static void the_descriptor_is_readable_while_work_is_ready(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "f", "{\"timeout_ms\":0}");
        CHECK(!readable(engine, 0));
        uint64_t eval = start(engine, "f()");
        CHECK(readable(engine, HANG_GUARD_MS));
        run_until_idle(engine);
        request taken = wait_for_request(engine);
        CHECK(becomes_quiet(engine));
        answer(engine, taken.id, "1");
        request_free(&taken);
        CHECK(readable(engine, HANG_GUARD_MS));
        run_until_idle(engine);
        CHECK_VALUE(finish(engine, eval), "1");
        CHECK(becomes_quiet(engine));
        luawait_engine_free(engine);
    }
}

/* Starts an eval whose call times out soon, and takes its request before that; a limit that came first is doubled. */
static uint64_t call_in_time(luawait_engine *engine, request *taken) {
    for (int ms = 50;; ms *= 2) {
        char *options = text_format("{\"call_timeout_ms\":%d}", ms);
        uint64_t eval = start_with(engine, "return (pcall(f))", options);
        free(options);
        run_until_idle(engine);
        if (take_request(engine, taken)) return eval;
        CHECK_VALUE(run_to_end(engine, eval), "false");
        REQUIRE(ms < HANG_GUARD_MS);
    }
}

static void the_descriptor_is_readable_when_a_deadline_comes(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        for (int late = 0; late < 2; late++) {
            luawait_engine *engine = host_engine_of(config, "");
            declare(engine, "f");
            request taken;
            /* The descriptor may be made before or after the deadline is set. */
            if (late == 0) CHECK(!readable(engine, 0));
            uint64_t eval = call_in_time(engine, &taken);
            request_free(&taken);
            CHECK(readable(engine, HANG_GUARD_MS));
            run_until_idle(engine);
            CHECK_VALUE(finish(engine, eval), "false");
            CHECK(becomes_quiet(engine));
            luawait_engine_free(engine);
        }
    }
}

static void a_sooner_deadline_moves_the_descriptor_forward(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare_with(engine, "f", "{\"timeout_ms\":0}");
        CHECK(!readable(engine, 0));
        uint64_t late = start_with(engine, "f()", "{\"timeout_ms\":600000}");
        uint64_t soon = start_with(engine, "f()", "{\"timeout_ms\":100}");
        int64_t begun = monotonic_ms();
        int32_t state = LUAWAIT_IN_PROGRESS;
        while (state == LUAWAIT_IN_PROGRESS && CHECK(!is_hanging(begun)) && CHECK(readable(engine, HANG_GUARD_MS))) {
            request taken;
            run_until_idle(engine);
            if (take_request(engine, &taken)) request_free(&taken);
            REQUIRE_OK(luawait_poll(engine, soon, &state, NULL, NULL));
        }
        CHECK_INT(state, LUAWAIT_FAILED);
        REQUIRE_OK(luawait_poll(engine, late, &state, NULL, NULL));
        CHECK_INT(state, LUAWAIT_IN_PROGRESS);
        luawait_engine_free(engine);
    }
}

typedef struct counted {
    luawait_engine *engine;
    gate called;
} counted;

static void count_call(void *user_data) {
    gate_open(&((counted *)user_data)->called);
}

static void the_notifier_is_called_for_ready_work(void) {
    for (int config = SIGNAL; config < CONFIGS; config++) {
        counted c = {host_engine_of(config, ""), GATE};
        declare(c.engine, "f");
        REQUIRE_OK(luawait_set_notifier(c.engine, count_call, &c, NULL));
        CHECK_INT(gate_count(&c.called), 0);
        uint64_t eval = start(c.engine, "return f()");
        CHECK_INT(gate_count(&c.called), 1);
        run_until_idle(c.engine);
        request taken, none;
        REQUIRE(take_request(c.engine, &taken));
        CHECK(!take_request(c.engine, &none));
        int before = gate_count(&c.called);
        answer(c.engine, taken.id, "5");
        CHECK_INT(gate_count(&c.called), before + 1);
        request_free(&taken);
        CHECK_VALUE(run_to_end(c.engine, eval), "5");
        luawait_engine_free(c.engine);
    }
}

TESTS(TEST(processor_time_is_limited), TEST(timeouts_end_evals_and_calls), TEST(timeouts_end_scripts_that_cannot_yield),
      TEST(limits_hold_in_an_eval_on_the_callers_thread), TEST(the_next_timeout_says_when_to_run),
      TEST(sleeping_for_the_next_timeout_is_enough), TEST(the_descriptor_is_readable_while_work_is_ready),
      TEST(the_descriptor_is_readable_when_a_deadline_comes), TEST(a_sooner_deadline_moves_the_descriptor_forward),
      TEST(the_notifier_is_called_for_ready_work))
