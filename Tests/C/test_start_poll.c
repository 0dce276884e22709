/* luawait_start() and luawait_poll(): ids, options, expressions, and one outcome that is handed over once. */
#include "host.h"
#include <stdio.h>

static outcome poll_now(luawait_engine *engine, uint64_t eval) {
    outcome seen = {.state = -1};
    REQUIRE_OK(luawait_poll(engine, eval, &seen.state, &seen.json, &seen.length));
    return seen;
}

static void ids_are_never_zero_and_never_reused(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t last = 0;
    for (size_t i = 0; i < harness_scale(500, 50); i++) {
        uint64_t eval = start(engine, "return 1");
        CHECK(eval > last);
        last = eval;
        CHECK_VALUE(finish(engine, eval), "1");
    }
    luawait_engine_free(engine);
}

static void an_eval_is_in_progress_until_it_ends(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    outcome seen = {.json = (char *)"left over", .length = 99, .state = -1};
    CHECK_STATUS(luawait_poll(engine, eval, &seen.state, &seen.json, &seen.length), LUAWAIT_OK);
    CHECK_INT(seen.state, LUAWAIT_IN_PROGRESS);
    CHECK(seen.json == NULL);
    answer(engine, taken.id, "[1,2]");
    CHECK_VALUE(finish(engine, eval), "[1,2]");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void the_poll_that_sees_the_end_forgets_the_id(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 'once'");
    CHECK(readable(engine, HANG_GUARD_MS));
    outcome seen = poll_now(engine, eval);
    while (seen.state == LUAWAIT_IN_PROGRESS && readable(engine, HANG_GUARD_MS)) {
        seen = poll_now(engine, eval);
    }
    CHECK_VALUE(seen, "\"once\"");
    outcome later = {.state = -7, .json = (char *)&later, .length = 77};
    CHECK_STATUS(luawait_poll(engine, eval, &later.state, &later.json, &later.length), LUAWAIT_ERR_NOT_FOUND);
    CHECK_INT(later.state, -7);
    CHECK(later.json == (char *)&later);
    CHECK_INT(later.length, 77);
    luawait_engine_free(engine);
}

static void the_outcome_has_its_length_and_ends_with_a_nul(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 'a\\0b'");
    outcome ended = finish(engine, eval);
    REQUIRE(ended.json != NULL);
    CHECK_INT(strlen(ended.json), ended.length);
    CHECK_VALUE(ended, "\"a\\u0000b\"");
    luawait_engine_free(engine);
}

static void the_outcome_may_be_dropped(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    int32_t state = LUAWAIT_IN_PROGRESS;
    while (state == LUAWAIT_IN_PROGRESS && readable(engine, HANG_GUARD_MS)) {
        REQUIRE_OK(luawait_poll(engine, eval, &state, NULL, NULL));
    }
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_STATUS(luawait_poll(engine, eval, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

static void results_are_the_values_returned(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "", "null");
    EXPECT_VALUE(engine, "return", "null");
    EXPECT_VALUE(engine, "return nil", "null");
    EXPECT_VALUE(engine, "local x = 1", "null");
    EXPECT_VALUE(engine, "-- a comment", "null");
    EXPECT_VALUE(engine, "return 1, 'two', {3}", "[1,\"two\",[3]]");
    EXPECT_VALUE(engine, "return 1, nil", "[1,null]");
    EXPECT_VALUE(engine, "return nil, nil", "[null,null]");
    EXPECT_VALUE(engine, "return nil, 'not found'", "[null,\"not found\"]");
    luawait_engine_free(engine);
}

static void an_expression_gives_its_value(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "1 + 1", "2");
    EXPECT_VALUE(engine, "'a' .. 'b'", "\"ab\"");
    EXPECT_VALUE(engine, "{1, 2}", "[1,2]");
    EXPECT_VALUE(engine, "math.max(1, 5)", "5");
    EXPECT_VALUE(engine, "(function() return 3 end)()", "3");
    EXPECT_VALUE(engine, "  7  -- with a comment", "7");
    EXPECT_VALUE(engine, "x = 5", "null");
    EXPECT_VALUE(engine, "x = 5 return x", "5");
    luawait_engine_free(engine);
}

/* Tried as an expression first, a script must not run twice. */
static void a_call_statement_runs_once(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "f(1)");
    CHECK_VALUE(serve_echo(engine, eval), "1");
    CHECK_INT(stat_of(engine, "requests", "posted"), 1);
    luawait_engine_free(engine);
}

static void a_syntax_error_is_an_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "local x = 1\nlocal y = = 2\n");
    outcome ended = finish(engine, eval);
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_ERROR(ended, "syntax", "near '='");
    EXPECT_ERROR(engine, "return 1 +", "syntax", "near <eof>");
    luawait_engine_free(engine);
}

static void args_arrive_in_the_dots(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE_WITH(engine, "return ...", "{\"args\":[1,\"two\",{\"three\":3}]}", "[1,\"two\",{\"three\":3}]");
    EXPECT_VALUE_WITH(engine, "return select('#', ...)", "{\"args\":[]}", "0");
    EXPECT_VALUE_WITH(engine, "return select('#', ...)", "{}", "0");
    EXPECT_VALUE_WITH(engine, "local a, b = ... return a * b", "{\"args\":[6,7]}", "42");
    EXPECT_VALUE_WITH(engine, "...", "{\"args\":[9]}", "9");
    luawait_engine_free(engine);
}

static char *many_args(size_t count) {
    char *options = text_of(' ', count * 2 + 32);
    size_t at = (size_t)snprintf(options, 32, "{\"args\":[");
    for (size_t i = 0; i < count; i++) {
        options[at++] = '1';
        if (i + 1 < count) options[at++] = ',';
    }
    memcpy(options + at, "]}", 3);
    return options;
}

static void at_most_200_args_are_taken(void) {
    luawait_engine *engine = engine_with(NULL);
    char *most = many_args(200), *too_many = many_args(201);
    uint64_t eval = 0;
    luawait_error error = {.struct_size = sizeof error};
    EXPECT_VALUE_WITH(engine, "return select('#', ...)", most, "200");
    CHECK_STATUS(luawait_start(engine, "return 1", 8, too_many, LUAWAIT_NUL_TERMINATED, &eval, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "args");
    free(most);
    free(too_many);
    luawait_engine_free(engine);
}

static void globals_become_variables(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE_WITH(engine, "return city .. population", "{\"globals\":{\"city\":\"Kyoto\",\"population\":1463723}}",
                      "\"Kyoto1463723\"");
    EXPECT_VALUE_WITH(engine, "return _G['not an identifier'][2]", "{\"globals\":{\"not an identifier\":[1,true]}}",
                      "true");
    EXPECT_VALUE_WITH(engine, "return print", "{\"globals\":{\"print\":\"replaced\"}}", "\"replaced\"");
    EXPECT_VALUE(engine, "return city", "null");
    luawait_engine_free(engine);
}

static void the_name_is_that_of_the_chunk(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start_with(engine, "local x\nerror('boom')", "{\"name\":\"jobs/nightly.lua\"}");
    outcome ended = finish(engine, eval);
    CHECK_MEMBER(ended.json, "chunk", "\"jobs/nightly.lua\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "jobs/nightly.lua:2");
    CHECK_ERROR(ended, "runtime", "jobs/nightly.lua:2: boom");
    EXPECT_ERROR(engine, "error('boom')", "runtime", "script:1: boom");
    EXPECT_ERROR_WITH(engine, "x x", "{\"name\":\"a b\"}", "syntax", "a b:1:");
    luawait_engine_free(engine);
}

static void options_that_are_not_usable_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    const struct {
        const char *options;
        luawait_status status;
        const char *part;
    } cases[] = {{"{\"argz\":[]}", LUAWAIT_ERR_OPTION, "args"},
                 {"{\"global\":{}}", LUAWAIT_ERR_OPTION, "globals"},
                 {"{\"timeout\":1}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"workers\":1}", LUAWAIT_ERR_OPTION, "workers"},
                 {"{\"args\":{}}", LUAWAIT_ERR_OPTION, "args"},
                 {"{\"args\":1}", LUAWAIT_ERR_OPTION, "args"},
                 {"{\"globals\":[]}", LUAWAIT_ERR_OPTION, "globals"},
                 {"{\"name\":1}", LUAWAIT_ERR_OPTION, "name"},
                 {"{\"detached\":1}", LUAWAIT_ERR_OPTION, "detached"},
                 {"{\"timeout_ms\":\"1\"}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"cpu_ms\":-1}", LUAWAIT_ERR_OPTION, "cpu_ms"},
                 {"{\"call_timeout_ms\":1.5}", LUAWAIT_ERR_OPTION, "call_timeout_ms"},
                 {"{\"memory_bytes\":true}", LUAWAIT_ERR_OPTION, "memory_bytes"},
                 {"{\"nulls\":\"lose\"}", LUAWAIT_ERR_OPTION, "nulls"},
                 {"{\"args\":[1}", LUAWAIT_ERR_JSON, ""},
                 {"[]", LUAWAIT_ERR_OPTION, "object"},
                 {"", LUAWAIT_ERR_JSON, ""},
                 {"{} {}", LUAWAIT_ERR_JSON, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t eval = 4242;
        luawait_error error = {.struct_size = sizeof error};
        luawait_status status =
            luawait_start(engine, "return 1", 8, cases[i].options, strlen(cases[i].options), &eval, &error);
        if (status != cases[i].status || strstr(error.message, cases[i].part) == NULL || error.status != status) {
            harness_fail(HERE, "%s: %s \"%s\"", cases[i].options, luawait_status_name(status), error.message);
        }
        CHECK_INT(eval, 4242);
    }
    CHECK_INT(stat_of(engine, "evals", "started"), 0);
    luawait_engine_free(engine);
}

static void every_option_is_known(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE_WITH(engine, "return 1",
                      "{\"name\":\"n\",\"globals\":{},\"args\":[],\"timeout_ms\":60000,\"cpu_ms\":60000,"
                      "\"call_timeout_ms\":60000,\"memory_bytes\":10000000,\"nulls\":\"keep\",\"detached\":false}",
                      "1");
    luawait_engine_free(engine);
}

static void an_evals_nulls_differ_from_its_engines(void) {
    luawait_engine *engine = engine_with("{\"nulls\":\"keep\"}");
    const char *script = "return x.a == nil, x.a == json.null";
    EXPECT_VALUE_WITH(engine, script, "{\"globals\":{\"x\":{\"a\":null}}}", "[false,true]");
    EXPECT_VALUE_WITH(engine, script, "{\"globals\":{\"x\":{\"a\":null}},\"nulls\":\"drop\"}", "[true,false]");
    luawait_engine_free(engine);
}

/* The worker is held, so that the eval is certainly still queued when its text is overwritten. */
static void script_and_options_are_copied(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    char script[] = "return word", options[] = "{\"globals\":{\"word\":\"kept\"}}";
    uint64_t eval = 0;
    REQUIRE_OK(luawait_start(engine, script, sizeof script - 1, options, sizeof options - 1, &eval, NULL));
    memset(script, '!', sizeof script);
    memset(options, '!', sizeof options);
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, eval), "\"kept\"");
    CHECK_VALUE(finish(engine, holding), "null");
    luawait_engine_free(engine);
}

static void the_length_bounds_the_script(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = 0;
    REQUIRE_OK(luawait_start(engine, "return 12345", 9, NULL, 0, &eval, NULL));
    CHECK_VALUE(finish(engine, eval), "12");
    REQUIRE_OK(luawait_start(engine, "return 12345", LUAWAIT_NUL_TERMINATED, NULL, 0, &eval, NULL));
    CHECK_VALUE(finish(engine, eval), "12345");
    luawait_engine_free(engine);
}

static void a_detached_eval_leaves_nothing_to_take(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = 0;
    int32_t state = 0;
    REQUIRE_OK(luawait_start(engine, "f()", 3, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, NULL, NULL));
    REQUIRE_OK(luawait_start(engine, "f()", 3, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, &eval, NULL));
    CHECK(eval != 0);
    CHECK_STATUS(luawait_poll(engine, eval, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_wait(engine, eval, HANG_GUARD_MS, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "null");
        request_free(&taken);
    }
    wait_for_stat(engine, "evals", "succeeded", 2);
    CHECK_INT(stat_of(engine, "evals", "finished_unread"), 0);
    CHECK(becomes_quiet(engine));
    CHECK_STATUS(luawait_poll(engine, eval, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

static void without_detached_the_id_is_required(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_STATUS(luawait_start(engine, "return 1", 8, NULL, 0, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(engine, "return 1", 8, "{\"detached\":false}", 18, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(stat_of(engine, "evals", "started"), 0);
    luawait_engine_free(engine);
}

static void ids_belong_to_their_engine(void) {
    luawait_engine *first = engine_with(NULL), *second = engine_with(NULL);
    uint64_t eval = start(first, "return 'first'");
    int32_t state = 0;
    CHECK_STATUS(luawait_poll(second, eval, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_VALUE(finish(first, eval), "\"first\"");
    luawait_engine_free(first);
    luawait_engine_free(second);
}

TESTS(TEST(ids_are_never_zero_and_never_reused), TEST(an_eval_is_in_progress_until_it_ends),
      TEST(the_poll_that_sees_the_end_forgets_the_id), TEST(the_outcome_has_its_length_and_ends_with_a_nul),
      TEST(the_outcome_may_be_dropped), TEST(results_are_the_values_returned), TEST(an_expression_gives_its_value),
      TEST(a_call_statement_runs_once), TEST(a_syntax_error_is_an_outcome), TEST(args_arrive_in_the_dots),
      TEST(at_most_200_args_are_taken), TEST(globals_become_variables), TEST(the_name_is_that_of_the_chunk),
      TEST(options_that_are_not_usable_are_refused), TEST(every_option_is_known),
      TEST(an_evals_nulls_differ_from_its_engines), TEST(script_and_options_are_copied),
      TEST(the_length_bounds_the_script), TEST(a_detached_eval_leaves_nothing_to_take),
      TEST(without_detached_the_id_is_required), TEST(ids_belong_to_their_engine))
