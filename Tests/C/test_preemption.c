/* Endless scripts are interrupted wherever they loop, by signal and by counting, and take turns while they run. */
#include "endless.h"
#include <errno.h>
#include <poll.h>

static const char *const endless[] = {
    "mark() while true do end",
    "mark() while true do pcall(function() while true do end end) end",
    "mark() repeat local ok = pcall(error, 'x') until false",
    "mark() for i = 1, math.huge do end",
    "mark() ::again:: goto again",
    "mark() local function f() return f() end f()",
    "mark() coroutine.wrap(function() while true do end end)()",
    "mark() coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()",
    "mark() while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
    "mark() local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
    "mark() xpcall(function() while true do end end, function() while true do end end)",
    "mark() while true do xpcall(error, function() while true do end end) end",
    "mark() while true do local x <close> = setmetatable({}, {__close = function() while true do end end}) error() end",
    "mark() local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
    "mark() while true do pcall(coroutine.wrap(function() while true do end end)) end",
    "mark() while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "mark() table.sort({1, 2, 3}, function() while true do end end)",
    "mark() string.gsub('aaa', '.', function() while true do end end)",
    "mark() load(function() while true do end end)",
    "mark() while true do pcall(table.sort, {1, 2, 3}, function() while true do end end) end",
    "mark() local t = setmetatable({}, {__index = function(t, k) while true do end end}) return t.x",
    ("mark() local mt = {__eq = function() while true do end end} "
     "return setmetatable({}, mt) == setmetatable({}, mt)"),
    "mark() for _ in function() while true do end end do end",
    "mark() while true do string.rep('x', 100) end",
    "mark() local s = 'x' while true do s = (s .. 'y'):sub(-50) end"};

static void cancel_ends_every_loop_by_signal(void) {
    cancel_each(ENDLESS(endless), "signal");
}

static void cancel_ends_every_loop_by_count(void) {
    cancel_each(ENDLESS(endless), "count");
}

static void the_processor_limit_ends_every_loop_by_signal(void) {
    limit_each(ENDLESS(endless), "signal", ",\"cpu_ms\":20", "cpu");
}

static void the_processor_limit_ends_every_loop_by_count(void) {
    limit_each(ENDLESS(endless), "count", ",\"cpu_ms\":20", "cpu");
}

/* Two endless scripts on one worker; a third, started after them, must have its turn and end. */
static void share_one_worker(const char *preemption) {
    luawait_engine *engine = preempting_engine(preemption, ",\"cpu_ms\":0,\"workers\":1,\"slice_us\":1000");
    gate running = GATE;
    declare_callback(engine, "mark", mark_begun, &running);
    declare(engine, "f");
    uint64_t one = start(engine, "mark() while true do end");
    uint64_t two = start(engine, "mark() while true do pcall(function() while true do end end) end");
    gate_wait(&running, 2);
    EXPECT_VALUE(engine, "local s = 0 for i = 1, 1000000 do s = s + i end return s", "500000500000");
    EXPECT_ECHO(engine, "local s = 0 for i = 1, 10 do s = s + f(i) end return s", "55");
    int32_t state = -1;
    CHECK_STATUS(luawait_poll(engine, one, &state, NULL, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_IN_PROGRESS);
    CHECK_STATUS(luawait_poll(engine, two, &state, NULL, NULL), LUAWAIT_OK);
    CHECK_INT(state, LUAWAIT_IN_PROGRESS);
    REQUIRE_OK(luawait_cancel(engine, one));
    REQUIRE_OK(luawait_cancel(engine, two));
    CHECK_CANCELLED(finish(engine, one));
    CHECK_CANCELLED(finish(engine, two));
    luawait_engine_free(engine);
}

static void endless_loops_leave_others_their_turn_by_signal(void) {
    share_one_worker("signal");
}

static void endless_loops_leave_others_their_turn_by_count(void) {
    share_one_worker("count");
}

static void many_loops_share_one_worker(void) {
    luawait_engine *engine = preempting_engine("signal", ",\"cpu_ms\":0,\"workers\":1,\"slice_us\":200");
    enum { LOOPS = 50 };
    uint64_t loops[LOOPS];
    for (int i = 0; i < LOOPS; i++) {
        loops[i] = start(engine, "while true do end");
    }
    EXPECT_VALUE(engine, "return 'had its turn'", "\"had its turn\"");
    for (int i = 0; i < LOOPS; i++) {
        REQUIRE_OK(luawait_cancel(engine, loops[i]));
        CHECK_CANCELLED(finish(engine, loops[i]));
    }
    luawait_engine_free(engine);
}

/* Slices that end in the middle of everything a script does must not change what it computes. */
static void slices_do_not_change_results(const char *preemption) {
    const char *script =
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end "
        "local t = {} for i = 1, 300 do t[i] = (i * 7919) % 1009 end "
        "local co = coroutine.wrap(function() for i = 1, 200 do coroutine.yield(fib(10)) end return 0 end) "
        "local s = 0 for i = 1, 200 do s = s + co() table.sort(t, function(a, b) return (i % 2 == 0) == (a < b) and a "
        "~= b "
        "end) s = s + t[1] end "
        "local words = {} for w in ('the quick brown fox '):rep(50):gmatch('%a+') do words[#words + 1] = w:gsub('o', "
        "function() return '0' end) end "
        "local ok, e = pcall(function() local x <close> = setmetatable({}, {__close = function() s = s + fib(12) end}) "
        "error('caught', 0) end) "
        "return s, fib(20), #words, words[4], ok, e";
    luawait_engine *plain = engine_with("{\"workers\":1,\"slice_us\":1000000,\"cpu_ms\":0}");
    outcome expected = finish(plain, start(plain, script));
    REQUIRE(expected.state == LUAWAIT_SUCCEEDED);
    luawait_engine_free(plain);
    luawait_engine *engine =
        preempting_engine(preemption, harness_scale(1, 0) == 1 ? ",\"cpu_ms\":0,\"workers\":2,\"slice_us\":100"
                                                               : ",\"cpu_ms\":0,\"workers\":2,\"slice_us\":5000");
    uint64_t evals[8];
    size_t count = harness_scale(8, 3);
    for (size_t i = 0; i < count; i++) {
        evals[i] = start(engine, script);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK_VALUE(finish(engine, evals[i]), expected.json);
    }
    outcome_free(&expected);
    luawait_engine_free(engine);
}

static void slices_do_not_change_results_by_signal(void) {
    slices_do_not_change_results("signal");
}

static void slices_do_not_change_results_by_count(void) {
    slices_do_not_change_results("count");
}

static void a_slice_is_no_yield_the_script_can_see(void) {
    luawait_engine *engine = preempting_engine("signal", ",\"workers\":1,\"slice_us\":100,\"cpu_ms\":0");
    uint64_t rival = start(engine, "while true do end");
    EXPECT_VALUE(engine,
                 "local co = coroutine.create(function() for i = 1, 2000000 do end return 'ended' end) "
                 "local ok, v = coroutine.resume(co) return ok, v, coroutine.status(co)",
                 "[true,\"ended\",\"dead\"]");
    EXPECT_VALUE(engine,
                 "local n = 0 for v in coroutine.wrap(function() for i = 1, 500 do for j = 1, 2000 do end "
                 "coroutine.yield(i) end end) do n = n + 1 assert(v == n) end return n",
                 "500");
    REQUIRE_OK(luawait_cancel(engine, rival));
    CHECK_CANCELLED(finish(engine, rival));
    luawait_engine_free(engine);
}

/* The stop signal goes to threads inside Lua alone: a host's own system calls are not interrupted by it. */
static void the_callers_system_calls_are_not_interrupted(void) {
    luawait_engine *engine = preempting_engine("signal", ",\"cpu_ms\":0,\"slice_us\":100");
    uint64_t loops[4];
    for (int i = 0; i < 4; i++) {
        loops[i] = start(engine, "while true do end");
    }
    for (int i = 0; i < 20; i++) {
        int32_t state = 0;
        REQUIRE_OK(luawait_eval(engine, "while true do end", 17, "{\"timeout_ms\":2}", 16, &state, NULL, NULL, NULL));
        CHECK_INT(state, LUAWAIT_FAILED);
        /* A system call that a signal would end with EINTR; the loops are sliced the while. */
        errno = 0;
        CHECK_INT(poll(NULL, 0, 5), 0);
        CHECK_INT(errno, 0);
    }
    for (int i = 0; i < 4; i++) {
        REQUIRE_OK(luawait_cancel(engine, loops[i]));
        CHECK_CANCELLED(finish(engine, loops[i]));
    }
    luawait_engine_free(engine);
}

/* Each slice lets the script nest another 200 calls of pcall, and Lua visits the whole stack for each that catches an
 * error: unwinding this one call by call takes many minutes. The file's guard against hangs is the bound. */
static void stop_a_deep_stack(const char *preemption) {
    luawait_engine *engine = preempting_engine(preemption, ",\"cpu_ms\":500,\"memory_bytes\":0");
    EXPECT_ERROR(engine, "local function f() pcall(f) f() end f()", "cpu", "");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    const char *nested = "local function f() pcall(f) f() end coroutine.wrap(function() pcall(f) end)()";
    CHECK_ERROR(finish(engine, start_with(engine, nested, options)), "cpu", "");
    CHECK_VALUE(finish(engine, start_with(engine, "return 'alive'", options)), "\"alive\"");
    free(options);
    luawait_engine_free(engine);
}

static void a_stop_does_not_unwind_what_slices_let_grow_by_signal(void) {
    stop_a_deep_stack("signal");
}

/* More often: whether the stop meets the script in Lua or in a C function is chance. */
static void a_stop_does_not_unwind_what_slices_let_grow_by_count(void) {
    for (size_t i = 0; i < harness_scale(4, 2); i++) {
        stop_a_deep_stack("count");
    }
}

/* A coroutine of a condemned eval that another has got hold of stays where it is. */
static void nobody_resumes_a_coroutine_of_an_eval_that_was_stopped(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 ",\"globals_shared\":true}", context);
    char *limited = text_format("{\"context\":%" PRIu64 ",\"globals_shared\":true,\"cpu_ms\":50}", context);
    CHECK_ERROR(finish(engine, start_with(engine,
                                          "co = coroutine.create(function() while true do end end) "
                                          "coroutine.resume(co)",
                                          limited)),
                "cpu", "");
    CHECK_VALUE(
        finish(engine,
               start_with(engine, "return (coroutine.resume(co)), (coroutine.status(co) == 'suspended')", options)),
        "[false,false]");
    free(limited);
    free(options);
    luawait_engine_free(engine);
}

/* "No signal interrupts it": a callback in the middle of a system call, long after its eval's slice is over. */
static void poll_for_a_while(void *user_data, luawait_call *call) {
    (void)call;
    errno = 0;
    CHECK_INT(poll(NULL, 0, 50), 0);
    CHECK_INT(errno, 0);
    gate_open(user_data);
}

static void a_callback_is_not_interrupted(void) {
    luawait_engine *engine = preempting_engine("signal", ",\"slice_us\":100,\"workers\":1");
    gate called = GATE;
    declare_callback(engine, "pause", poll_for_a_while, &called);
    uint64_t rival = start_with(engine, "while true do end", "{\"cpu_ms\":0}");
    EXPECT_VALUE(engine, "pause() pause() return 1", "1");
    CHECK_INT(gate_count(&called), 2);
    EXPECT_ERROR_WITH(engine, "pause() while true do end", "{\"timeout_ms\":10}", "timeout", "");
    REQUIRE_OK(luawait_cancel(engine, rival));
    CHECK_CANCELLED(finish(engine, rival));
    luawait_engine_free(engine);
}

TESTS(TEST(a_stop_does_not_unwind_what_slices_let_grow_by_signal),
      TEST(a_stop_does_not_unwind_what_slices_let_grow_by_count),
      TEST(nobody_resumes_a_coroutine_of_an_eval_that_was_stopped), TEST(cancel_ends_every_loop_by_signal),
      TEST(cancel_ends_every_loop_by_count), TEST(the_processor_limit_ends_every_loop_by_signal),
      TEST(the_processor_limit_ends_every_loop_by_count), TEST(endless_loops_leave_others_their_turn_by_signal),
      TEST(endless_loops_leave_others_their_turn_by_count), TEST(many_loops_share_one_worker),
      TEST(slices_do_not_change_results_by_signal), TEST(slices_do_not_change_results_by_count),
      TEST(a_slice_is_no_yield_the_script_can_see), TEST(the_callers_system_calls_are_not_interrupted),
      TEST(a_callback_is_not_interrupted))
