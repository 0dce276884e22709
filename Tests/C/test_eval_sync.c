/* luawait_eval(): on the calling thread, with callbacks, without requests, under all limits. */
#include "host.h"

static outcome eval_with(luawait_engine *engine, const char *script, const char *options) {
    outcome ended = {.state = -1};
    luawait_error error = {.struct_size = sizeof error};
    luawait_status status = luawait_eval(engine, script, strlen(script), options, options != NULL ? strlen(options) : 0,
                                         &ended.state, &ended.json, &ended.length, &error);
    if (status != LUAWAIT_OK) harness_fail(HERE, "%s: %s %s", script, luawait_status_name(status), error.message);
    return ended;
}

static outcome eval(luawait_engine *engine, const char *script) {
    return eval_with(engine, script, NULL);
}

static void it_gives_values_and_errors(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(eval(engine, "1 + 1"), "2");
    CHECK_VALUE(eval(engine, "return {a = {1, 2}}"), "{\"a\":[1,2]}");
    CHECK_VALUE(eval(engine, ""), "null");
    CHECK_VALUE(eval(engine, "return 1, nil"), "[1,null]");
    CHECK_ERROR(eval(engine, "error('boom')"), "runtime", "script:1: boom");
    CHECK_ERROR(eval(engine, "return ="), "syntax", "near '='");
    CHECK_ERROR(eval(engine, "return {a = print}"), "conversion", "result.a");
    luawait_engine_free(engine);
}

static void it_takes_the_options_of_start(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(eval_with(engine, "return x + ...", "{\"globals\":{\"x\":40},\"args\":[2]}"), "42");
    CHECK_ERROR(eval_with(engine, "error('e')", "{\"name\":\"named\"}"), "runtime", "named:1: e");
    CHECK_ERROR(eval_with(engine, "return string.rep('x', 5000000)", "{\"memory_bytes\":1000000}"), "memory", "");
    CHECK_VALUE(eval_with(engine, "return x.a == json.null", "{\"globals\":{\"x\":{\"a\":null}},\"nulls\":\"keep\"}"),
                "true");
    luawait_engine_free(engine);
}

static void detached_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome none = {.state = -7, .json = (char *)&none, .length = 7};
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_eval(engine, "1", 1, "{\"detached\":true}", LUAWAIT_NUL_TERMINATED, &none.state, &none.json,
                              &none.length, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "detached");
    CHECK_INT(none.state, -7);
    CHECK(none.json == (char *)&none);
    CHECK_INT(none.length, 7);
    luawait_engine_free(engine);
}

static void what_start_refuses_it_refuses(void) {
    luawait_engine *engine = engine_with(NULL);
    int32_t state = -7;
    CHECK_STATUS(luawait_eval(engine, "1", 1, "{\"argz\":[]}", LUAWAIT_NUL_TERMINATED, &state, NULL, NULL, NULL),
                 LUAWAIT_ERR_OPTION);
    CHECK_STATUS(luawait_eval(engine, "1", 1, "{", 1, &state, NULL, NULL, NULL), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_eval(engine, "1", 1, NULL, 3, &state, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_eval(engine, NULL, 0, NULL, 0, &state, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_eval(engine, "1", 1, NULL, 0, NULL, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_eval(NULL, "1", 1, NULL, 0, &state, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(state, -7);
    CHECK_STATUS(luawait_eval(engine, "1", 1, NULL, 0, &state, NULL, NULL, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    luawait_engine_free(engine);
}

typedef struct seen_thread {
    pthread_t thread;
    uint64_t eval_id;
    int calls;
} seen_thread;

static void note_thread(void *user_data, luawait_call *call) {
    seen_thread *seen = user_data;
    seen->thread = pthread_self();
    seen->eval_id = call->eval_id;
    seen->calls++;
    luawait_call_return(call, "\"served\"", 8, NULL);
}

static void callbacks_are_served_on_the_calling_thread(void) {
    luawait_engine *engine = engine_with(NULL);
    seen_thread seen = {.eval_id = 99};
    declare_callback(engine, "f", note_thread, &seen);
    CHECK_VALUE(eval(engine, "f() return coroutine.wrap(function() return f() end)()"), "\"served\"");
    CHECK_INT(seen.calls, 2);
    CHECK(pthread_equal(seen.thread, pthread_self()));
    CHECK_INT(seen.eval_id, 0);
    luawait_engine_free(engine);
}

/* With all workers held, whatever runs can run on the caller's thread alone. */
static void it_needs_no_worker(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    CHECK_VALUE(eval(engine, "return 'here'"), "\"here\"");
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, holding), "null");
    luawait_engine_free(engine);
}

static void a_call_that_needs_a_request_fails_and_says_what_to_use(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "fetch");
    outcome ended = eval(engine, "local x\nfetch('x')");
    CHECK_INT(ended.state, LUAWAIT_FAILED);
    CHECK_MEMBER_CONTAINS(ended.json, "message", "fetch");
    CHECK_MEMBER_CONTAINS(ended.json, "message", "luawait_start");
    outcome_free(&ended);
    CHECK_VALUE(eval(engine, "return (pcall(fetch))"), "false");
    CHECK_VALUE(eval(engine, "return (coroutine.resume(coroutine.create(fetch)))"), "false");
    CHECK_INT(stat_of(engine, "requests", "posted"), 0);
    luawait_engine_free(engine);
}

static void all_limits_hold(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *loops[] = {"while true do end", "while true do pcall(function() while true do end end) end",
                           "coroutine.wrap(function() while true do end end)()"};
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        CHECK_ERROR(eval_with(engine, loops[i], "{\"timeout_ms\":30}"), "timeout", "");
        CHECK_ERROR(eval_with(engine, loops[i], "{\"cpu_ms\":30}"), "cpu", "");
    }
    CHECK_ERROR(eval(engine, "return string.rep('x', 20000000)"), "limit", "");
    CHECK_ERROR(eval(engine, "return string.rep('x', 100000000)"), "memory", "");
    luawait_engine_free(engine);
}

static void limits_hold_with_counted_preemption(void) {
    luawait_engine *engine = engine_with("{\"preemption\":\"count\"}");
    CHECK_ERROR(eval_with(engine, "while true do pcall(error) end", "{\"timeout_ms\":30}"), "timeout", "");
    CHECK_ERROR(eval_with(engine, "while true do end", "{\"cpu_ms\":30}"), "cpu", "");
    luawait_engine_free(engine);
}

static void coroutines_behave(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(eval(engine, "local t = {} for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end "
                             "end) do t[#t + 1] = v end return t"),
                "[1,2,3]");
    CHECK_ERROR(eval(engine, "coroutine.yield(1)"), "runtime", "outside a coroutine");
    luawait_engine_free(engine);
}

static void evals_are_isolated_from_each_other(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(eval(engine, "leak = 1 string.upper = nil return 1"), "1");
    CHECK_VALUE(eval(engine, "return leak == nil, string.upper ~= nil"), "[true,true]");
    EXPECT_VALUE(engine, "return leak == nil", "true");
    luawait_engine_free(engine);
}

static void it_leaves_nothing_to_take(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(eval(engine, "return 1"), "1");
    CHECK_INT(stat_of(engine, "evals", "finished_unread"), 0);
    CHECK(becomes_quiet(engine));
    luawait_engine_free(engine);
}

static void eval_inside(void *user_data, luawait_call *call) {
    outcome ended = eval(user_data, "return depth and 'unexpected' or 'inner'");
    luawait_call_return(call, ended.json, ended.length, NULL);
    outcome_free(&ended);
}

static void a_callback_may_eval_in_turn(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "inner", eval_inside, engine);
    CHECK_VALUE(eval(engine, "depth = 1 return inner(), depth"), "[\"inner\",1]");
    CHECK_VALUE(finish(engine, start(engine, "return inner()")), "\"inner\"");
    /* The stop of the outer script must still find it after the inner one is gone. */
    CHECK_ERROR(eval_with(engine, "inner() while true do end", "{\"timeout_ms\":30}"), "timeout", "");
    luawait_engine_free(engine);
}

typedef struct evaluating {
    luawait_engine *engine;
    int number;
} evaluating;

static void *eval_in_thread(void *argument) {
    evaluating *e = argument;
    for (size_t i = 0; i < harness_scale(200, 5); i++) {
        char *script = text_format("local s = 0 for i = 1, 1000 do s = s + i end return %d + s", e->number);
        char *expected = text_format("%d", e->number + 500500);
        CHECK_VALUE(eval(e->engine, script), expected);
        CHECK_ERROR(eval_with(e->engine, "while true do end", "{\"timeout_ms\":2}"), "timeout", "");
        free(script);
        free(expected);
    }
    return NULL;
}

static void several_threads_eval_at_once(void) {
    enum { THREADS = 4 };
    luawait_engine *engine = engine_with(NULL);
    evaluating work[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        work[i] = (evaluating){engine, i * 1000000};
        threads[i] = run_thread(eval_in_thread, &work[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    luawait_engine_free(engine);
}

TESTS(TEST(it_gives_values_and_errors), TEST(it_takes_the_options_of_start), TEST(detached_is_refused),
      TEST(what_start_refuses_it_refuses), TEST(callbacks_are_served_on_the_calling_thread), TEST(it_needs_no_worker),
      TEST(a_call_that_needs_a_request_fails_and_says_what_to_use), TEST(all_limits_hold),
      TEST(limits_hold_with_counted_preemption), TEST(coroutines_behave), TEST(evals_are_isolated_from_each_other),
      TEST(it_leaves_nothing_to_take), TEST(a_callback_may_eval_in_turn), TEST(several_threads_eval_at_once))
