/* Limits that count: host calls, coroutines, bytes of scripts, lines and errors. At the limit, one beyond, and 0 for none. */
#include "host.h"

static void echo(void *user_data, luawait_call *call) {
    (void)user_data;
    luawait_call_return(call, call->args, call->args_length, NULL);
}

static void host_calls_are_counted(void) {
    luawait_engine *engine = engine_with("{\"max_host_calls\":5}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "for i = 1, 5 do f(i) end return 'done'", "\"done\"");
    uint64_t eval = start(engine, "for i = 1, 6 do f(i) end return 'done'");
    CHECK_ERROR(serve_echo(engine, eval), "limit", "f: more than 5 host calls (max_host_calls)");
    CHECK_INT(stat_of(engine, "requests", "posted"), 10);
    luawait_engine_free(engine);
}

static void callbacks_and_calls_in_coroutines_count_with_the_others(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    declare_callback(engine, "c", echo, NULL);
    const char *script = "local function use() f(1) c(2) end use() coroutine.wrap(use)() c(3) return 'done'";
    CHECK_VALUE(serve_echo(engine, start_with(engine, script, "{\"max_host_calls\":5}")), "\"done\"");
    CHECK_ERROR(serve_echo(engine, start_with(engine, script, "{\"max_host_calls\":4}")), "limit", "c: more than 4");
    EXPECT_ERROR_WITH(engine, "for i = 1, 10 do c(i) end", "{\"max_host_calls\":9}", "limit", "max_host_calls");
    EXPECT_VALUE_WITH(engine, "for i = 1, 2000 do c(i) end return 1", "{\"max_host_calls\":0}", "1");
    luawait_engine_free(engine);
}

static void a_script_that_catches_the_limit_still_gets_no_further_call(void) {
    luawait_engine *engine = engine_with("{\"max_host_calls\":1}");
    declare(engine, "f");
    EXPECT_ECHO(
        engine,
        "f(1) local n, e = 0 for i = 1, 100 do local ok, why = pcall(f, i) if not ok then n = n + 1 e = why end "
        "end return n, e.type, e['function']",
        "[100,\"limit\",\"f\"]");
    CHECK_INT(stat_of(engine, "requests", "posted"), 1);
    luawait_engine_free(engine);
}

static void a_call_that_fails_counts(void) {
    luawait_engine *engine = engine_with("{\"max_host_calls\":2}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "pcall(f, print) pcall(f, print) return select(2, pcall(f, 1)).type", "\"limit\"");
    luawait_engine_free(engine);
}

static void evals_of_a_context_have_their_own_calls(void) {
    luawait_engine *engine = engine_with("{\"max_host_calls\":2}");
    declare(engine, "f");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    for (int i = 0; i < 3; i++)
        CHECK_VALUE(serve_echo(engine, start_with(engine, "f(1) return f(2)", options)), "2");
    CHECK_ERROR(serve_echo(engine, start_with(engine, "f(1) f(2) f(3)", options)), "limit", "max_host_calls");
    free(options);
    luawait_engine_free(engine);
}

static void coroutines_are_counted_while_they_live(void) {
    luawait_engine *engine = engine_with("{\"max_coroutines\":10}");
    const char *held = "local t = {} for i = 1, ... do t[i] = coroutine.create(print) end return #t";
    EXPECT_VALUE_WITH(engine, held, "{\"args\":[10]}", "10");
    EXPECT_ERROR_WITH(engine, held, "{\"args\":[11]}", "limit", "more than 10 coroutines (max_coroutines)");
    EXPECT_VALUE_WITH(engine, held, "{\"args\":[11],\"max_coroutines\":11}", "11");
    EXPECT_VALUE_WITH(engine, held, "{\"args\":[20000],\"max_coroutines\":0}", "20000");
    EXPECT_ERROR(engine, "local t = {} for i = 1, 11 do t[i] = coroutine.wrap(print) end", "limit", "max_coroutines");
    luawait_engine_free(engine);
}

static void coroutines_that_are_garbage_do_not_count(void) {
    luawait_engine *engine = engine_with("{\"max_coroutines\":10}");
    EXPECT_VALUE(engine,
                 "local n = 0 for i = 1, 5000 do n = n + coroutine.wrap(function() return 1 end)() end return n",
                 "5000");
    EXPECT_VALUE(engine,
                 "local t = {} for i = 1, 10 do t[i] = coroutine.create(print) end "
                 "local ok, e = pcall(coroutine.create, print) t[1] = nil "
                 "t[1] = coroutine.create(print) return ok, e.type, (pcall(coroutine.wrap, print))",
                 "[false,\"limit\",false]");
    luawait_engine_free(engine);
}

/* Blocks of the size of a coroutine that are none: strings, which Lua makes, and buffers, which grow through it. */
static void nothing_else_of_their_size_counts(void) {
    luawait_engine *engine = engine_with("{\"max_coroutines\":1}");
    EXPECT_VALUE(engine,
                 "local held = {} for size = 1, 600 do held[size] = ('x'):rep(size) .. size end "
                 "for size = 1, 600 do local t = {} for i = 1, size do t[i] = i end held[#held + 1] = t end "
                 "held = nil collectgarbage() local co = coroutine.create(print) "
                 "return (pcall(coroutine.create, print))",
                 "false");
    luawait_engine_free(engine);
}

static void the_coroutines_of_a_context_count_together_without_those_of_the_evals(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, "{\"max_coroutines\":2}", LUAWAIT_NUL_TERMINATED, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    uint64_t evals[4];
    request taken[4];
    for (int i = 0; i < 4; i++) {
        const char *script = i < 2 ? "local co = coroutine.create(print) f() return coroutine.status(co)" : "f()";
        evals[i] = start_with(engine, script, options);
        taken[i] = wait_for_request(engine);
    }
    CHECK_ERROR(finish(engine, start_with(engine, "coroutine.create(print)", options)), "limit", "max_coroutines");
    for (int i = 0; i < 4; i++) {
        answer(engine, taken[i].id, "null");
        request_free(&taken[i]);
        CHECK_VALUE(finish(engine, evals[i]), i < 2 ? "\"suspended\"" : "null");
    }
    CHECK_VALUE(finish(engine, start_with(engine, "return type(coroutine.create(print))", options)), "\"thread\"");
    char *refused = text_format("{\"context\":%" PRIu64 ",\"max_coroutines\":5}", context);
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 0;
    CHECK_STATUS(luawait_start(engine, "", 0, refused, strlen(refused), &eval, &error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "max_coroutines");
    free(refused);
    free(options);
    luawait_engine_free(engine);
}

static void check_script_size(harness_place at, luawait_engine *engine, size_t length, luawait_status expected) {
    char *script = text_of(' ', length), *outcome = NULL;
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 0;
    int32_t state = 0;
    harness_check_status(at, luawait_start(engine, script, length, NULL, 0, &eval, &error), expected, "start");
    if (expected == LUAWAIT_OK) host_check_value(at, host_finish(at, engine, eval), "null");
    luawait_status status =
        luawait_eval(engine, script, LUAWAIT_NUL_TERMINATED, NULL, 0, &state, &outcome, NULL, &error);
    harness_check_status(at, status, expected, "eval");
    harness_check_status(at, luawait_check(engine, script, length, NULL, 0, &error), expected, "check");
    if (expected == LUAWAIT_ERR_LIMIT) {
        harness_check(at, strstr(error.message, "max_script_bytes") != NULL, "the message names the key");
    }
    luawait_free(outcome);
    free(script);
}

static void scripts_are_limited_in_size(void) {
    luawait_engine *engine = engine_with("{\"max_script_bytes\":100}");
    check_script_size(HERE, engine, 99, LUAWAIT_OK);
    check_script_size(HERE, engine, 100, LUAWAIT_OK);
    check_script_size(HERE, engine, 101, LUAWAIT_ERR_LIMIT);
    CHECK_INT(stat_of(engine, "evals", "started"), 4);
    luawait_engine_free(engine);
    engine = engine_with(NULL);
    check_script_size(HERE, engine, 1048576, LUAWAIT_OK);
    check_script_size(HERE, engine, 1048577, LUAWAIT_ERR_LIMIT);
    luawait_engine_free(engine);
    engine = engine_with("{\"max_script_bytes\":0}");
    check_script_size(HERE, engine, 1048577, LUAWAIT_OK);
    luawait_engine_free(engine);
}

static void a_printed_line_is_limited(void) {
    const char *ways[] = {"event", "none"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *config = text_format("{\"output_bytes\":100,\"print\":\"%s\"}", ways[i]);
        luawait_engine *engine = engine_with(config);
        EXPECT_VALUE(engine, "print(('x'):rep(100)) print(('x'):rep(98), 1) return 1", "1");
        EXPECT_ERROR(engine, "print(('x'):rep(101))", "limit", "print: a line of more than 100 bytes (output_bytes)");
        EXPECT_ERROR(engine, "print(('x'):rep(99), 1)", "limit", "output_bytes");
        EXPECT_VALUE(engine, "return select(2, pcall(print, ('x'):rep(101))).type", "\"limit\"");
        free(config);
        luawait_engine_free(engine);
    }
}

static void check_message(harness_place at, luawait_engine *engine, const char *script, const char *message) {
    char *json = text_format("\"message\":\"%s\",", message);
    outcome ended = host_finish(at, engine, host_start(at, engine, script, NULL));
    harness_check(at, ended.state == LUAWAIT_FAILED, "it fails");
    harness_check(at, strstr(ended.json, json) != NULL, "the message is whole, or cut where a character ends");
    outcome_free(&ended);
    free(json);
}

static void the_text_of_an_error_is_cut(void) {
    luawait_engine *engine = engine_with(NULL);
    char *whole = text_of('x', 65536), *shorter = text_of('x', 65535);
    char *cut = text_format("%s\xe2\x80\xa6", whole), *cut_before = text_format("%s\xe2\x80\xa6", shorter);
    check_message(HERE, engine, "error(('x'):rep(65536), 0)", whole);
    check_message(HERE, engine, "error(('x'):rep(65537), 0)", cut);
    check_message(HERE, engine, "error(('x'):rep(10000000), 0)", cut);
    check_message(HERE, engine, "error({message = ('x'):rep(65537)})", cut);
    check_message(HERE, engine, "error(setmetatable({}, {__tostring = function() return ('x'):rep(65537) end}))", cut);
    check_message(HERE, engine, "error(('x'):rep(65535) .. '\\u{20ac}', 0)", cut_before);
    check_message(HERE, engine, "error(('x'):rep(65535) .. '\\u{e9}' .. 'y', 0)", cut_before);
    free(whole);
    free(shorter);
    free(cut);
    free(cut_before);
    luawait_engine_free(engine);
}

static void the_traceback_of_an_error_is_cut(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "local name = ('x'):rep(100000) local t = {} "
                                                 "t[name] = function() error('here') end "
                                                 "load('local t = ... t.' .. name .. '()')(t)"));
    CHECK_INT(ended.state, LUAWAIT_FAILED);
    CHECK(ended.length > 60000);
    CHECK(ended.length < 80000);
    CHECK(strstr(ended.json, "script:1: here") != NULL);
    outcome_free(&ended);
    luawait_engine_free(engine);
}

static void data_of_an_error_beyond_the_output_limit_is_left_out(void) {
    luawait_engine *engine = engine_with("{\"output_bytes\":100}");
    const char *scripts[] = {"error({message = 'm', x = ('x'):rep(50)})", "error({message = 'm', x = ('x'):rep(100)})"};
    for (int i = 0; i < 2; i++) {
        outcome ended = finish(engine, start(engine, scripts[i]));
        CHECK((strstr(ended.json, "\"data\"") != NULL) == (i == 0));
        CHECK_ERROR(ended, "runtime", "m");
    }
    luawait_engine_free(engine);
}

TESTS(TEST(host_calls_are_counted), TEST(callbacks_and_calls_in_coroutines_count_with_the_others),
      TEST(a_script_that_catches_the_limit_still_gets_no_further_call), TEST(a_call_that_fails_counts),
      TEST(evals_of_a_context_have_their_own_calls), TEST(coroutines_are_counted_while_they_live),
      TEST(coroutines_that_are_garbage_do_not_count), TEST(nothing_else_of_their_size_counts),
      TEST(the_coroutines_of_a_context_count_together_without_those_of_the_evals), TEST(scripts_are_limited_in_size),
      TEST(a_printed_line_is_limited), TEST(the_text_of_an_error_is_cut), TEST(the_traceback_of_an_error_is_cut),
      TEST(data_of_an_error_beyond_the_output_limit_is_left_out))
