/* Host functions answered at once by a C callback: the call it sees, and its one answer. */
#include "host.h"
#include "json.h"

static void answer_nothing(void *user_data, luawait_call *call) {
    (void)user_data;
    (void)call;
}

static void a_callback_answers_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "echo", return_first, NULL);
    EXPECT_VALUE(engine, "return echo('x'), echo({1, {a = true}}), echo(nil), echo(2.5)",
                 "[\"x\",[1,{\"a\":true}],null,2.5]");
    CHECK_INT(stat_of(engine, "requests", "posted"), 0);
    luawait_engine_free(engine);
}

typedef struct seen_call {
    uint64_t eval_id;
    uint32_t struct_size;
    char *name;
    size_t name_length;
    char *args;
    size_t args_length;
    void *user_data;
} seen_call;

static void note_call(void *user_data, luawait_call *call) {
    seen_call *seen = user_data;
    *seen = (seen_call){.eval_id = call->eval_id,
                        .struct_size = call->struct_size,
                        .name = text_format("%s", call->name),
                        .name_length = call->name_length,
                        .args = text_format("%s", call->args),
                        .args_length = call->args_length,
                        .user_data = user_data};
}

static void a_callback_sees_its_call(void) {
    luawait_engine *engine = engine_with(NULL);
    seen_call seen = {0};
    declare_callback(engine, "log.write", note_call, &seen);
    uint64_t eval = start(engine, "log.write('warning', {code = 7}, nil)");
    CHECK_VALUE(finish(engine, eval), "null");
    REQUIRE(seen.name != NULL);
    CHECK_INT(seen.eval_id, eval);
    CHECK_INT(seen.struct_size, sizeof(luawait_call));
    CHECK_TEXT(seen.name, "log.write");
    CHECK_INT(seen.name_length, strlen("log.write"));
    CHECK_JSON(seen.args, "[\"warning\",{\"code\":7},null]");
    CHECK_INT(seen.args_length, strlen(seen.args));
    CHECK(seen.user_data == &seen);
    free(seen.name);
    free(seen.args);
    luawait_engine_free(engine);
}

static void without_an_answer_the_script_gets_nil(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "f", answer_nothing, NULL);
    EXPECT_VALUE(engine, "local v = f(1, 2) return v == nil", "true");
    EXPECT_VALUE(engine, "return select('#', f())", "1");
    luawait_engine_free(engine);
}

static void fail_the_call(void *user_data, luawait_call *call) {
    CHECK_STATUS(luawait_call_fail(call, user_data, LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
}

/* Scripts that go on after a call of f if anything lets them; "went on" would be what they then return. */
static const char *const PERSISTENT[] = {
    "f() return 'went on'",
    "pcall(f) return 'went on'",
    "xpcall(f, function() return f() end) return 'went on'",
    "coroutine.wrap(function() pcall(f) end)() return 'went on'",
    "table.sort({2, 1}, function() pcall(f) return false end) return 'went on'",
    "string.gsub('a', 'a', function() pcall(f) end) return 'went on'",
    "local t = setmetatable({}, {__index = f}) pcall(function() return t.x end) return 'went on'",
    "local c <close> = setmetatable({}, {__close = function() f() end}) f() return 'went on'",
    "load(function() pcall(f) end) return 'went on'",
};

/* Runs each of them with luawait_eval() and on a worker, and demands that it is cancelled. */
static void demand_an_end(const char *config, const char *options, luawait_callback fn, gate *calls,
                          const char *message) {
    for (size_t i = 0; i < sizeof PERSISTENT / sizeof *PERSISTENT; i++) {
        luawait_engine *engine = engine_with(config);
        int64_t before = gate_count(calls);
        REQUIRE_OK(luawait_register_callback(engine, "f", 1, options, options == NULL ? 0 : LUAWAIT_NUL_TERMINATED, fn,
                                             calls, NULL, NULL));
        outcome ended = finish(engine, start(engine, PERSISTENT[i]));
        CHECK_CONTAINS(ended.json, message);
        CHECK_CANCELLED(ended);
        outcome direct = {0};
        REQUIRE_OK(luawait_eval(engine, PERSISTENT[i], LUAWAIT_NUL_TERMINATED, NULL, 0, &direct.state, &direct.json,
                                &direct.length, NULL));
        CHECK_CONTAINS(direct.json, message);
        CHECK_CANCELLED(direct);
        CHECK_INT(gate_count(calls), before + 2);
        luawait_engine_free(engine);
    }
}

static void count_and_answer_nothing(void *user_data, luawait_call *call) {
    (void)call;
    gate_open(user_data);
}

static void an_unanswered_call_ends_the_eval_where_an_answer_is_required(void) {
    gate calls = GATE;
    const char *options = "{\"unanswered\":\"cancel\"}", *message = "host function 'f' gave no answer";
    demand_an_end(NULL, options, count_and_answer_nothing, &calls, message);
    demand_an_end("{\"preemption\":\"count\"}", options, count_and_answer_nothing, &calls, message);
}

static void an_answered_call_is_as_ever_where_an_answer_is_required(void) {
    luawait_engine *engine = engine_with(NULL);
    const char options[] = "{\"unanswered\":\"cancel\"}";
    char failure[] = "\"plain\"";
    REQUIRE_OK(luawait_register_callback(engine, "echo", 4, options, strlen(options), return_first, NULL, NULL, NULL));
    REQUIRE_OK(
        luawait_register_callback(engine, "fail", 4, options, strlen(options), fail_the_call, failure, NULL, NULL));
    EXPECT_VALUE(engine, "return echo(1), echo(nil), tostring(select(2, pcall(fail)))", "[1,null,\"plain\"]");
    luawait_engine_free(engine);
}

static void unanswered_is_nil_or_cancel_and_for_callbacks_alone(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    const char unknown[] = "{\"unanswered\":\"fail\"}", nil[] = "{\"unanswered\":\"nil\"}";
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, unknown, strlen(unknown), never_called, NULL, NULL, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "unanswered");
    CHECK_STATUS(luawait_register(engine, "f", 1, nil, strlen(nil), &error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "unanswered");
    REQUIRE_OK(luawait_register_callback(engine, "f", 1, nil, strlen(nil), answer_nothing, NULL, NULL, NULL));
    EXPECT_VALUE(engine, "return f() == nil", "true");
    luawait_engine_free(engine);
}

static void cancel_the_call(void *user_data, luawait_call *call) {
    CHECK_STATUS(luawait_call_cancel(call), LUAWAIT_OK);
    CHECK_STATUS(luawait_call_cancel(call), LUAWAIT_OK);
    gate_open(user_data);
}

static void answer_and_cancel_the_call(void *user_data, luawait_call *call) {
    CHECK_STATUS(luawait_call_return(call, "1", 1, NULL), LUAWAIT_OK);
    cancel_the_call(user_data, call);
}

static void a_callback_may_cancel_the_eval_that_calls_it(void) {
    gate calls = GATE;
    demand_an_end(NULL, NULL, cancel_the_call, &calls, "cancelled");
    demand_an_end(NULL, NULL, answer_and_cancel_the_call, &calls, "cancelled");
    demand_an_end("{\"preemption\":\"count\"}", NULL, answer_and_cancel_the_call, &calls, "cancelled");
    CHECK_STATUS(luawait_call_cancel(NULL), LUAWAIT_ERR_ARGUMENT);
}

static void a_callback_fails_with_an_error_the_script_can_catch(void) {
    luawait_engine *engine = engine_with(NULL);
    char failure[] = "{\"message\":\"denied\",\"type\":\"Permission\",\"data\":[1]}", text[] = "\"plain\"";
    declare_callback(engine, "full", fail_the_call, failure);
    declare_callback(engine, "plain", fail_the_call, text);
    EXPECT_VALUE(engine, "local ok, e = pcall(full) return ok, e.type, e.message, e.host_type, e.data, e['function']",
                 "[false,\"host\",\"denied\",\"Permission\",[1],\"full\"]");
    EXPECT_VALUE(engine, "return tostring(select(2, pcall(plain)))", "\"plain\"");
    outcome ended = finish(engine, start(engine, "local x\nfull()"));
    CHECK_MEMBER(ended.json, "function", "\"full\"");
    CHECK_MEMBER(ended.json, "host_type", "\"Permission\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_ERROR(ended, "host", "denied");
    luawait_engine_free(engine);
}

static void return_then_again(void *user_data, luawait_call *call) {
    luawait_error error = {.struct_size = sizeof error};
    (void)user_data;
    CHECK_STATUS(luawait_call_return(call, "\"first\"", 7, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_call_return(call, "\"second\"", 8, &error), LUAWAIT_ERR_NOT_FOUND);
    CHECK_INT(error.status, LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_call_fail(call, "\"third\"", 7, NULL), LUAWAIT_ERR_NOT_FOUND);
}

static void fail_then_return(void *user_data, luawait_call *call) {
    (void)user_data;
    CHECK_STATUS(luawait_call_fail(call, "\"first\"", 7, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_call_return(call, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_call_fail(call, "\"second\"", 8, NULL), LUAWAIT_ERR_NOT_FOUND);
}

static void a_second_answer_is_rejected(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "f", return_then_again, NULL);
    declare_callback(engine, "g", fail_then_return, NULL);
    EXPECT_VALUE(engine, "return f()", "\"first\"");
    EXPECT_ERROR(engine, "return g()", "host", "first");
    luawait_engine_free(engine);
}

static void answer_badly_first(void *user_data, luawait_call *call) {
    luawait_error error = {.struct_size = sizeof error};
    (void)user_data;
    CHECK_STATUS(luawait_call_return(call, "[1,\n oops]", LUAWAIT_NUL_TERMINATED, &error), LUAWAIT_ERR_JSON);
    CHECK_INT(error.line, 2);
    CHECK(error.column > 0);
    CHECK_STATUS(luawait_call_return(call, "1\0", 2, NULL), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_call_return(call, "", 0, NULL), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_call_fail(call, "{\"message\":\"m\",\"more\":1}", LUAWAIT_NUL_TERMINATED, NULL),
                 LUAWAIT_ERR_OPTION);
    CHECK_STATUS(luawait_call_fail(call, "42", 2, NULL), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_call_return(call, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_call_fail(call, NULL, 3, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_call_return(call, "\"mended\" and more", 8, NULL), LUAWAIT_OK);
}

static void answer_only_badly(void *user_data, luawait_call *call) {
    (void)user_data;
    CHECK_STATUS(luawait_call_return(call, "{", 1, NULL), LUAWAIT_ERR_JSON);
}

static void a_malformed_answer_leaves_the_call_unanswered(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "f", answer_badly_first, NULL);
    declare_callback(engine, "g", answer_only_badly, NULL);
    EXPECT_VALUE(engine, "return f(), g() == nil", "[\"mended\",true]");
    CHECK_STATUS(luawait_call_return(NULL, "1", 1, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_call_fail(NULL, "\"e\"", 3, NULL), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

static void compare_numbers(void *user_data, luawait_call *call) {
    char *left = json_element(call->args, 0), *right = json_element(call->args, 1);
    bool less = left != NULL && right != NULL && strtol(left, NULL, 10) < strtol(right, NULL, 10);
    (void)user_data;
    luawait_call_return(call, less ? "true" : "false", LUAWAIT_NUL_TERMINATED, NULL);
    free(left);
    free(right);
}

/* It does not park, so it works where Lua cannot yield. */
static void a_callback_works_where_lua_cannot_yield(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "less", compare_numbers, NULL);
    declare_callback(engine, "echo", return_first, NULL);
    EXPECT_VALUE(engine, "local t = {3, 1, 2} table.sort(t, less) return t", "[1,2,3]");
    EXPECT_VALUE(engine, "return (string.gsub('abc', '.', function(c) return echo(c) .. '-' end))", "\"a-b-c-\"");
    luawait_engine_free(engine);
}

static void timeout_ms_is_refused_by_name(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, "{\"timeout_ms\":5}", LUAWAIT_NUL_TERMINATED, never_called,
                                           NULL, NULL, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "timeout_ms");
    luawait_engine_free(engine);
}

/* Everything that the header's table allows inside a callback, on the engine that calls it. */
typedef struct inner_world {
    luawait_engine *engine;
    uint64_t started;
    gate dropped;
} inner_world;

static void use_the_engine(void *user_data, luawait_call *call) {
    inner_world *world = user_data;
    luawait_engine *engine = world->engine;
    uint64_t other = 0, none = 0;
    int32_t state = -1;
    int fd = -1;
    char *json = NULL;
    CHECK_STATUS(luawait_poll(engine, call->eval_id, &state, NULL, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_IN_PROGRESS);
    CHECK_STATUS(luawait_stats(engine, &json, NULL), LUAWAIT_OK);
    luawait_free(json);
    CHECK_STATUS(luawait_check(engine, "return 1", 8, NULL, 0, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_event_fd(engine, &fd), LUAWAIT_OK);
    CHECK_STATUS(luawait_get_pending_request(engine, &none, NULL, NULL, NULL, NULL), LUAWAIT_NONE);
    CHECK_STATUS(luawait_provide_result(engine, 4242, "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_register(engine, "later", 5, NULL, 0, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_unregister(engine, "later", 5), LUAWAIT_OK);
    CHECK_STATUS(luawait_unregister(engine, "use", 3), LUAWAIT_OK);
    CHECK_INT(gate_count(&world->dropped), 0);
    CHECK_STATUS(luawait_start(engine, "return 'inner'", LUAWAIT_NUL_TERMINATED, NULL, 0, &world->started, NULL),
                 LUAWAIT_OK);
    CHECK_STATUS(luawait_start(engine, "while true do end", LUAWAIT_NUL_TERMINATED, NULL, 0, &other, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_cancel(engine, other), LUAWAIT_OK);
    CHECK_STATUS(luawait_eval(engine, "1 + 1", 5, NULL, 0, &state, &json, NULL, NULL), LUAWAIT_OK);
    CHECK_JSON(json, "2");
    luawait_free(json);
    luawait_engine *second = NULL;
    CHECK_STATUS(luawait_engine_new(NULL, 0, &second, NULL), LUAWAIT_OK);
    luawait_engine_free(second);
    CHECK_STATUS(luawait_call_return(call, "\"done\"", 6, NULL), LUAWAIT_OK);
}

static void drop_world(void *user_data) {
    gate_open(&((inner_world *)user_data)->dropped);
}

static void a_callback_may_use_the_library(void) {
    inner_world world = {engine_with(NULL), 0, GATE};
    REQUIRE_OK(luawait_register_callback(world.engine, "use", 3, NULL, 0, use_the_engine, &world, drop_world, NULL));
    EXPECT_VALUE(world.engine, "return use()", "\"done\"");
    CHECK_VALUE(finish(world.engine, world.started), "\"inner\"");
    luawait_engine_free(world.engine);
    CHECK_INT(gate_count(&world.dropped), 1);
}

static void wait_for_another(void *user_data, luawait_call *call) {
    luawait_engine *engine = user_data;
    outcome ended = finish(engine, start(engine, "return 'waited for'"));
    luawait_call_return(call, ended.json, ended.length, NULL);
    outcome_free(&ended);
}

static void a_callback_may_wait_on_another_worker(void) {
    luawait_engine *engine = engine_with("{\"workers\":2}");
    declare_callback(engine, "wait", wait_for_another, engine);
    EXPECT_VALUE(engine, "return wait()", "\"waited for\"");
    luawait_engine_free(engine);
}

static void cancel_own_eval(void *user_data, luawait_call *call) {
    CHECK_STATUS(luawait_cancel(user_data, call->eval_id), LUAWAIT_OK);
    luawait_call_return(call, "true", 4, NULL);
}

static void a_callback_may_cancel_its_own_eval(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "quit", cancel_own_eval, engine);
    CHECK_CANCELLED(finish(engine, start(engine, "quit() while true do end")));
    CHECK_CANCELLED(finish(engine, start(engine, "pcall(quit) return 'went on'")));
    luawait_engine_free(engine);
}

static void callbacks_run_on_several_workers_at_once(void) {
    luawait_engine *engine = engine_with("{\"workers\":2}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t one = start(engine, "hold()"), two = start(engine, "hold()");
    gate_wait(&held.entered, 2);
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, one), "null");
    CHECK_VALUE(finish(engine, two), "null");
    luawait_engine_free(engine);
}

TESTS(TEST(a_callback_answers_at_once), TEST(a_callback_sees_its_call), TEST(without_an_answer_the_script_gets_nil),
      TEST(an_unanswered_call_ends_the_eval_where_an_answer_is_required),
      TEST(an_answered_call_is_as_ever_where_an_answer_is_required),
      TEST(unanswered_is_nil_or_cancel_and_for_callbacks_alone), TEST(a_callback_may_cancel_the_eval_that_calls_it),
      TEST(a_callback_fails_with_an_error_the_script_can_catch), TEST(a_second_answer_is_rejected),
      TEST(a_malformed_answer_leaves_the_call_unanswered), TEST(a_callback_works_where_lua_cannot_yield),
      TEST(timeout_ms_is_refused_by_name), TEST(a_callback_may_use_the_library),
      TEST(a_callback_may_wait_on_another_worker), TEST(a_callback_may_cancel_its_own_eval),
      TEST(callbacks_run_on_several_workers_at_once))
