/* Named contexts: many evals in one Lua world, each with its own outcome, limits, globals and cancel. */
#include "contexts.h"
#include "events.h"

static void evals_of_a_context_interleave_at_host_calls(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL), evals[3];
    request taken[3];
    for (int i = 0; i < 3; i++) {
        evals[i] = start_in(engine, context, "local x = f(...) return x + f(...)", ",\"args\":[7]");
        taken[i] = wait_for_request(engine);
    }
    for (int i = 2; i >= 0; i--) {
        answer(engine, taken[i].id, "1");
        request_free(&taken[i]);
        request second = wait_for_request(engine);
        CHECK_INT(second.eval_id, evals[i]);
        CHECK_TEXT(second.args, "[7]");
        answer(engine, second.id, "2");
        request_free(&second);
        CHECK_VALUE(finish(engine, evals[i]), "3");
    }
    CHECK_INT(stat_of(engine, "contexts", "named"), 1);
    luawait_engine_free(engine);
}

static void evals_of_a_context_never_run_at_once(void) {
    luawait_engine *engine = engine_with("{\"workers\":4,\"slice_us\":1000}");
    uint64_t context = context_of(engine, NULL), evals[8];
    // A second thread inside the same Lua state would break more than this counter.
    const char *script = "for i = 1, 20000 do local before = n n = before + 1 end return true";
    CHECK_VALUE(finish(engine, start_in(engine, context, "n = 0", ",\"globals_shared\":true")), "null");
    size_t count = harness_scale(8, 3);
    for (size_t i = 0; i < count; i++)
        evals[i] = start_in(engine, context, script, ",\"globals_shared\":true");
    for (size_t i = 0; i < count; i++)
        CHECK_VALUE(finish(engine, evals[i]), "true");
    luawait_engine_free(engine);
}

static void slices_let_the_others_of_a_context_run(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"slice_us\":1000}");
    uint64_t context = context_of(engine, NULL);
    uint64_t endless = start_in(engine, context, "while true do end", "");
    EXPECT_IN(engine, context, "return 'through'", "\"through\"");
    REQUIRE_OK(luawait_cancel(engine, endless));
    CHECK_CANCELLED(finish(engine, endless));
    EXPECT_IN(engine, context, "return 'still there'", "\"still there\"");
    luawait_engine_free(engine);
}

static void globals_are_each_evals_own(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, "{\"globals\":{\"given\":5}}");
    uint64_t first = start_in(engine, context, "mine = 1 given = 6 f() return {mine, given, _G.mine}", "");
    request taken = wait_for_request(engine);
    EXPECT_IN(engine, context, "return {mine == nil, given, rawget(_G, 'given') == 5}", "[true,5,true]");
    answer(engine, taken.id, "null");
    request_free(&taken);
    CHECK_VALUE(finish(engine, first), "[1,6,1]");
    EXPECT_IN(engine, context, "return load('fresh = 3 return fresh')() + fresh", "6");
    EXPECT_IN(engine, context, "return {fresh == nil, load('return x', 'c', 't', {x = 9})()}", "[true,9]");
    EXPECT_IN(engine, context, "return pcall(setmetatable, _G, {})", "[false,\"cannot change a protected metatable\"]");
    luawait_engine_free(engine);
}

static void options_globals_are_the_evals_own(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, NULL);
    CHECK_VALUE(finish(engine, start_in(engine, context, "return x", ",\"globals\":{\"x\":3}")), "3");
    EXPECT_IN(engine, context, "return x", "null");
    luawait_engine_free(engine);
}

static void libraries_cannot_be_changed_for_others(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "db.find");
    uint64_t context = context_of(engine, NULL);
    const char *vandal = "string.upper = function() return 'changed' end rawset(table, 'insert', nil) print = nil\n"
                         "rawset(_G, 'pairs', nil) rawset(_G, 'math', {}) db.find = nil _G.os = nil json.null = 1\n"
                         "setmetatable(string, {__index = function() return 'changed' end})\n"
                         "return {string.upper('x'), ('x'):upper(), table.insert == nil}";
    const char *look = "return {string.upper('x'), ('x'):upper(), table.insert ~= nil, print ~= nil, pairs ~= nil, "
                       "math.pi ~= nil, db.find ~= nil, os.time ~= nil, type(json.null), string.nothing == nil}";
    const char *whole = "[\"X\",\"X\",true,true,true,true,true,true,\"userdata\",true]";
    CHECK_VALUE(finish(engine, start_in(engine, context, vandal, "")), "[\"changed\",\"X\",true]");
    EXPECT_IN(engine, context, look, whole);
    CHECK_VALUE(finish(engine, start_in(engine, context, vandal, ",\"globals_shared\":true")),
                "[\"changed\",\"X\",true]");
    EXPECT_IN(engine, context, look, whole);
    luawait_engine_free(engine);
}

static void shared_globals_are_seen_by_all(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, NULL), other = context_of(engine, NULL);
    CHECK_VALUE(finish(engine, start_in(engine, context, "count = 1 function twice(x) return 2 * x end",
                                        ",\"globals_shared\":true")),
                "null");
    CHECK_VALUE(finish(engine, start_in(engine, context, "count = count + 1 return count", ",\"globals_shared\":true")),
                "2");
    EXPECT_IN(engine, context, "count = twice(count) return count", "4");
    EXPECT_IN(engine, context, "return count", "2");
    EXPECT_IN(engine, other, "return count", "null");
    luawait_engine_free(engine);
}

static void each_eval_has_its_own_outcome_and_error(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    // The first dies, and waits on the host on its way out; the second fails in between.
    uint64_t first = start_in(engine, context,
                              "local x <close> = setmetatable({}, {__close = function() f() end})\n"
                              "error('the first')",
                              ",\"name\":\"one\"");
    request taken = wait_for_request(engine);
    outcome second = finish(engine, start_in(engine, context, "\n\nerror('the second')", ",\"name\":\"two\""));
    CHECK_MEMBER(second.json, "line", "3");
    CHECK_ERROR(second, "runtime", "two:3: the second");
    CHECK_ERROR(finish(engine, start_in(engine, context, "return +", "")), "syntax", "");
    answer(engine, taken.id, "null");
    request_free(&taken);
    outcome ended = finish(engine, first);
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_ERROR(ended, "runtime", "one:2: the first");
    luawait_engine_free(engine);
}

static void a_condemned_eval_leaves_the_others_alone(void) {
    luawait_engine *engine = engine_with("{\"slice_us\":1000}");
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    uint64_t parked = start_in(engine, context, "local x = f() for i = 1, 100000 do x = x + 1 end return x", "");
    request taken = wait_for_request(engine);
    CHECK_ERROR(finish(engine, start_in(engine, context, "while true do pcall(function() while true do end end) end",
                                        ",\"cpu_ms\":5")),
                "cpu", "cpu_ms");
    CHECK_ERROR(finish(engine, start_in(engine, context, "while true do end", ",\"timeout_ms\":5")), "timeout", "");
    answer(engine, taken.id, "5");
    request_free(&taken);
    CHECK_VALUE(finish(engine, parked), "100005");
    luawait_engine_free(engine);
}

static void the_memory_limit_is_the_contexts(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, "{\"memory_bytes\":3000000}");
    uint64_t holding = start_in(engine, context, "local s = ('x'):rep(1200000) f() return #s", "");
    request taken = wait_for_request(engine);
    const char *wanting = "local s = ('y'):rep(1000000) return #s";
    CHECK_ERROR(finish(engine, start_in(engine, context, wanting, "")), "memory", "");
    answer(engine, taken.id, "null");
    request_free(&taken);
    CHECK_VALUE(finish(engine, holding), "1200000");
    EXPECT_IN(engine, context, wanting, "1000000");
    luawait_engine_free(engine);
}

static void ended_evals_give_their_memory_back(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, "{\"memory_bytes\":3000000}");
    size_t count = harness_scale(60, 20);
    for (size_t i = 0; i < count; i++) {
        const char *script = i % 2 == 0 ? "local s = ('x'):rep(500000 + ...) f() return #s"
                                        : "local s = ('x'):rep(500000 + ...) f() error('no')";
        char *more = text_format(",\"args\":[%zu]", i);
        uint64_t eval = start_in(engine, context, script, more);
        free(more);
        request taken = wait_for_request(engine);
        if (i % 3 == 0) {
            REQUIRE_OK(luawait_cancel(engine, eval));
        } else {
            answer(engine, taken.id, "null");
        }
        request_free(&taken);
        outcome ended = finish(engine, eval);
        if (strstr(ended.json, "memory") != NULL) harness_fail(HERE, "eval %zu: %s", i, ended.json);
        outcome_free(&ended);
    }
    luawait_engine_free(engine);
}

static void the_next_eval_has_the_memory_of_a_cancelled_one(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    uint64_t context = context_of(engine, "{\"memory_bytes\":3000000}");
    for (size_t i = 0, count = harness_scale(200, 20); i < count; i++) {
        uint64_t holding = start_in(engine, context, "local s = ('x'):rep(1200000) f() return #s", "");
        request taken = wait_for_request(engine);
        request_free(&taken);
        REQUIRE_OK(luawait_cancel(engine, holding));
        EXPECT_IN(engine, context, "return #('x'):rep(1000000)", "1000000");
        CHECK_CANCELLED(finish(engine, holding));
    }
    luawait_engine_free(engine);
}

static void freeing_a_context_cancels_its_evals(void) {
    luawait_engine *engine = engine_with("{\"workers\":2}");
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    uint64_t parked = start_in(engine, context, "f()", "");
    request taken = wait_for_request(engine);
    uint64_t endless = start_in(engine, context, "while true do end", "");
    uint64_t queued = start_in(engine, context, "return 1", "");
    uint64_t elsewhere = start(engine, "return f()");
    REQUIRE_OK(luawait_context_free(engine, context));
    outcome first = finish(engine, parked);
    CHECK_MEMBER_CONTAINS(first.json, "message", "its context was freed");
    CHECK_CANCELLED(first);
    CHECK_CANCELLED(finish(engine, endless));
    outcome last = finish(engine, queued);
    CHECK(last.state == LUAWAIT_CANCELLED || last.state == LUAWAIT_SUCCEEDED);
    outcome_free(&last);
    CHECK_STATUS(luawait_provide_result(engine, taken.id, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    request_free(&taken);
    CHECK_STATUS(luawait_context_free(engine, context), LUAWAIT_ERR_NOT_FOUND);
    uint64_t eval;
    luawait_error error = {.struct_size = sizeof error};
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    CHECK_STATUS(luawait_start(engine, "", 0, options, strlen(options), &eval, &error), LUAWAIT_ERR_NOT_FOUND);
    free(options);
    taken = wait_for_request(engine);
    answer(engine, taken.id, "\"fine\"");
    request_free(&taken);
    CHECK_VALUE(finish(engine, elsewhere), "\"fine\"");
    wait_for_stat(engine, "contexts", "named", 0);
    luawait_engine_free(engine);
}

static void engines_with_contexts_in_any_state_can_be_freed(void) {
    for (int config = 0; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare(engine, "f");
        uint64_t context = context_of(engine, NULL), other = context_of(engine, NULL);
        start_in(engine, context, "f()", "");
        start_in(engine, other, "while true do end", "");
        CHECK_STATUS(luawait_run(engine, 1000, NULL), LUAWAIT_OK);
        start_in(engine, context, "return 1", "");
        luawait_engine_free(engine);
    }
}

static void the_host_executor_runs_them_too(void) {
    for (int config = 0; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        declare(engine, "f");
        uint64_t context = context_of(engine, NULL);
        uint64_t first = start_in(engine, context, "x = 1 return f() + x", "");
        uint64_t second = start_in(engine, context, "return x == nil", "");
        CHECK_VALUE(run_to_end(engine, second), "true");
        request taken;
        REQUIRE(take_request(engine, &taken));
        answer(engine, taken.id, "1");
        request_free(&taken);
        CHECK_VALUE(run_to_end(engine, first), "2");
        REQUIRE_OK(luawait_context_free(engine, context));
        CHECK_INT(stat_of(engine, "contexts", "named"), 0);
        luawait_engine_free(engine);
    }
}

static void thousands_of_evals_share_one_context(void) {
    enum { EVALS = 2000 };
    size_t count = harness_scale(EVALS, 200);
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    for (size_t i = 0; i < count; i++)
        start_in(engine, context, "mine = ... local got = f(mine) return got == mine", ",\"args\":[1]");
    for (size_t ended = 0; ended < count;) {
        luawait_event event = wait_for_event(engine);
        if (event.kind == LUAWAIT_EVENT_REQUEST) {
            REQUIRE_OK(luawait_provide_result(engine, event.request_id, "1", 1, NULL));
        } else {
            CHECK_TEXT(event.text, "true");
            ended++;
        }
        release_event(&event);
    }
    luawait_engine_free(engine);
}

static void a_coroutine_that_waits_for_its_eval_is_nobody_elses(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    const char *share = ",\"globals_shared\":true";
    uint64_t first = start_in(engine, context,
                              "whole = coroutine.running() part = coroutine.create(function() return f() end)\n"
                              "return {coroutine.resume(part)}",
                              share);
    request taken = wait_for_request(engine);
    const char *meddle = "return {coroutine.status(whole), coroutine.status(part), coroutine.resume(whole),\n"
                         "coroutine.resume(part), pcall(coroutine.close, whole), pcall(coroutine.close, part)}";
    CHECK_VALUE(finish(engine, start_in(engine, context, meddle, share)),
                "[\"normal\",\"normal\",false,false,false,false,\"cannot close a normal coroutine\"]");
    answer(engine, taken.id, "5");
    request_free(&taken);
    CHECK_VALUE(finish(engine, first), "[true,5]");
    CHECK_VALUE(finish(engine, start_in(engine, context, "return coroutine.status(part)", share)), "\"dead\"");
    luawait_engine_free(engine);
}

static void nulls_are_each_evals_own(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, NULL);
    CHECK_VALUE(finish(engine, start_in(engine, context, "return (...).a == json.null",
                                        ",\"nulls\":\"keep\",\"args\":[{\"a\":null}]")),
                "true");
    CHECK_VALUE(finish(engine, start_in(engine, context, "return (...).a == nil", ",\"args\":[{\"a\":null}]")), "true");
    luawait_engine_free(engine);
}

static void functions_are_those_of_the_contexts_making(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "early");
    uint64_t context = context_of(engine, NULL);
    declare(engine, "late");
    REQUIRE_OK(luawait_unregister(engine, "early", LUAWAIT_NUL_TERMINATED));
    EXPECT_IN(engine, context, "return {early ~= nil, late ~= nil}", "[true,false]");
    luawait_engine_free(engine);
}

static void bad_arguments_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    uint64_t id = 9;
    CHECK_STATUS(luawait_context_new(NULL, NULL, 0, &id, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_context_new(engine, NULL, 0, NULL, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_context_new(engine, "{", 1, &id, &error), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_context_new(engine, "{\"memory\":1}", LUAWAIT_NUL_TERMINATED, &id, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "memory_bytes");
    CHECK_STATUS(luawait_context_new(engine, "{\"globals\":[]}", LUAWAIT_NUL_TERMINATED, &id, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_STATUS(luawait_context_free(engine, 1), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_context_free(NULL, 1), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(id, 9);
    const char *options[] = {"{\"context\":0}", "{\"context\":\"x\"}", "{\"globals_shared\":true}",
                             "{\"context\":1,\"memory_bytes\":1000}"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        CHECK_STATUS(luawait_start(engine, "", 0, options[i], strlen(options[i]), &id, &error), LUAWAIT_ERR_OPTION);
    uint64_t context = context_of(engine, NULL);
    char *text = text_format("{\"context\":%" PRIu64 "}", context);
    int32_t state;
    CHECK_STATUS(luawait_eval(engine, "", 0, text, strlen(text), &state, NULL, NULL, &error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "luawait_start");
    free(text);
    REQUIRE_OK(luawait_shutdown(engine, 0));
    CHECK_STATUS(luawait_context_new(engine, NULL, 0, &id, &error), LUAWAIT_ERR_SHUTDOWN);
    luawait_engine_free(engine);
}

TESTS(TEST(evals_of_a_context_interleave_at_host_calls), TEST(evals_of_a_context_never_run_at_once),
      TEST(slices_let_the_others_of_a_context_run), TEST(globals_are_each_evals_own),
      TEST(options_globals_are_the_evals_own), TEST(libraries_cannot_be_changed_for_others),
      TEST(shared_globals_are_seen_by_all), TEST(each_eval_has_its_own_outcome_and_error),
      TEST(a_condemned_eval_leaves_the_others_alone), TEST(the_memory_limit_is_the_contexts),
      TEST(ended_evals_give_their_memory_back), TEST(the_next_eval_has_the_memory_of_a_cancelled_one),
      TEST(freeing_a_context_cancels_its_evals), TEST(engines_with_contexts_in_any_state_can_be_freed),
      TEST(the_host_executor_runs_them_too), TEST(thousands_of_evals_share_one_context),
      TEST(a_coroutine_that_waits_for_its_eval_is_nobody_elses), TEST(nulls_are_each_evals_own),
      TEST(functions_are_those_of_the_contexts_making), TEST(bad_arguments_are_refused))
