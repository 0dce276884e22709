/* Requests: what they carry, their order, and that each is handed out once. */
#include "host.h"
#include "json.h"

static void nothing_is_written_when_there_is_none(void) {
    luawait_engine *engine = engine_with(NULL);
    request none = {11, 22, (char *)&none, (char *)&none, 33};
    CHECK_STATUS(
        luawait_get_pending_request(engine, &none.id, &none.eval_id, &none.name, &none.args, &none.args_length),
        LUAWAIT_NONE);
    CHECK_INT(none.id, 11);
    CHECK_INT(none.eval_id, 22);
    CHECK(none.name == (char *)&none);
    CHECK(none.args == (char *)&none);
    CHECK_INT(none.args_length, 33);
    luawait_engine_free(engine);
}

static void a_request_carries_name_args_and_eval(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f(1, 2.5, 'x', true, {1, 2}, {k = 'v'}, {})");
    request taken = wait_for_request(engine);
    CHECK(taken.id != 0);
    CHECK_INT(taken.eval_id, eval);
    CHECK_TEXT(taken.name, "f");
    CHECK_JSON(taken.args, "[1,2.5,\"x\",true,[1,2],{\"k\":\"v\"},{}]");
    CHECK_INT(taken.args_length, strlen(taken.args));
    request_free(&taken);
    luawait_engine_free(engine);
}

static void args_keep_their_places(void) {
    const char *cases[][2] = {{"f()", "[]"},
                              {"f(nil)", "[null]"},
                              {"f(nil, 1)", "[null,1]"},
                              {"f(1, nil)", "[1,null]"},
                              {"f(nil, nil, nil)", "[null,null,null]"},
                              {"f(json.null)", "[null]"},
                              {"f(table.unpack({1, nil, 3}, 1, 3))", "[1,null,3]"},
                              {"f({1, 2})", "[[1,2]]"}};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t eval = start(engine, cases[i][0]);
        request taken = wait_for_request(engine);
        CHECK_JSON(taken.args, cases[i][1]);
        answer(engine, taken.id, "null");
        request_free(&taken);
        CHECK_VALUE(finish(engine, eval), "null");
    }
    luawait_engine_free(engine);
}

static void many_args_are_carried(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    start(engine, "local t = {} for i = 1, 200 do t[i] = i end f(table.unpack(t))");
    request taken = wait_for_request(engine);
    CHECK_INT(json_count(taken.args), 200);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void outs_may_be_null(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f('x')"), id = 0;
    CHECK(readable(engine, HANG_GUARD_MS));
    REQUIRE_OK(luawait_get_pending_request(engine, &id, NULL, NULL, NULL, NULL));
    answer(engine, id, "5");
    CHECK_VALUE(finish(engine, eval), "5");
    luawait_engine_free(engine);
}

static void each_request_is_handed_out_once(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    start(engine, "return f()");
    request taken = wait_for_request(engine), again;
    CHECK(!take_request(engine, &again));
    CHECK_INT(stat_of(engine, "requests", "pending"), 0);
    CHECK_INT(stat_of(engine, "requests", "open"), 1);
    request_free(&taken);
    luawait_engine_free(engine);
}

/* Each request is known to be posted before the next eval starts, so that their order is certain. */
static void the_oldest_comes_first(void) {
    enum { COUNT = 10 };
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t evals[COUNT], last = 0;
    for (int i = 0; i < COUNT; i++) {
        evals[i] = start(engine, "f()");
        wait_for_stat(engine, "requests", "pending", i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        request taken;
        REQUIRE(take_request(engine, &taken));
        CHECK_INT(taken.eval_id, evals[i]);
        CHECK(taken.id > last);
        last = taken.id;
        request_free(&taken);
    }
    luawait_engine_free(engine);
}

static void ids_are_never_reused(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "for i = 1, 50 do f() end"), last = 0;
    for (int i = 0; i < 50; i++) {
        request taken = wait_for_request(engine);
        CHECK(taken.id > last);
        last = taken.id;
        answer(engine, taken.id, "null");
        request_free(&taken);
    }
    CHECK_VALUE(finish(engine, eval), "null");
    luawait_engine_free(engine);
}

static void one_eval_has_one_request_at_a_time(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f(f(f(1)))");
    for (int i = 0; i < 3; i++) {
        request taken = wait_for_request(engine), other;
        CHECK(!take_request(engine, &other));
        char *args = text_format("[%d]", i + 1), *next = text_format("%d", i + 2);
        CHECK_JSON(taken.args, args);
        answer(engine, taken.id, next);
        free(args);
        free(next);
        request_free(&taken);
    }
    CHECK_VALUE(finish(engine, eval), "4");
    luawait_engine_free(engine);
}

static void answers_may_come_in_any_order(void) {
    enum { COUNT = 8 };
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t evals[COUNT];
    request taken[COUNT];
    for (int i = 0; i < COUNT; i++) {
        evals[i] = start(engine, "return f()");
    }
    for (int i = 0; i < COUNT; i++) {
        taken[i] = wait_for_request(engine);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        char *result = text_format("%" PRIu64, taken[i].eval_id);
        answer(engine, taken[i].id, result);
        free(result);
        request_free(&taken[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        char *expected = text_format("%" PRIu64, evals[i]);
        CHECK_VALUE(finish(engine, evals[i]), expected);
        free(expected);
    }
    luawait_engine_free(engine);
}

/* The ids are consecutive here because nothing else makes requests, so the second one's can be told in advance. */
static void a_request_may_be_answered_before_it_is_taken(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f('first') .. f('second')");
    request first = wait_for_request(engine), none;
    answer(engine, first.id, "\"a\"");
    wait_for_stat(engine, "requests", "pending", 1);
    answer(engine, first.id + 1, "\"b\"");
    CHECK_VALUE(finish(engine, eval), "\"ab\"");
    CHECK(!take_request(engine, &none));
    CHECK_INT(stat_of(engine, "requests", "pending"), 0);
    request_free(&first);
    luawait_engine_free(engine);
}

static void a_parked_script_holds_no_worker(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    declare(engine, "f");
    uint64_t parked[5];
    for (int i = 0; i < 5; i++) {
        parked[i] = start(engine, "return f()");
    }
    wait_for_stat(engine, "evals", "parked", 5);
    EXPECT_VALUE(engine, "return 'runs'", "\"runs\"");
    for (int i = 0; i < 5; i++) {
        request taken = wait_for_request(engine);
        answer(engine, taken.id, "0");
        request_free(&taken);
    }
    for (int i = 0; i < 5; i++) {
        CHECK_VALUE(finish(engine, parked[i]), "0");
    }
    luawait_engine_free(engine);
}

static void a_host_call_in_a_tail_position_works(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    EXPECT_ECHO(engine, "local function g(n) if n == 0 then return f('end') end return g(n - 1) end return g(1000)",
                "\"end\"");
    EXPECT_ECHO(engine, "return (f('one'))", "\"one\"");
    EXPECT_ECHO(engine, "return select('#', f('one'))", "1");
    luawait_engine_free(engine);
}

TESTS(TEST(nothing_is_written_when_there_is_none), TEST(a_request_carries_name_args_and_eval),
      TEST(args_keep_their_places), TEST(many_args_are_carried), TEST(outs_may_be_null),
      TEST(each_request_is_handed_out_once), TEST(the_oldest_comes_first), TEST(ids_are_never_reused),
      TEST(one_eval_has_one_request_at_a_time), TEST(answers_may_come_in_any_order),
      TEST(a_request_may_be_answered_before_it_is_taken), TEST(a_parked_script_holds_no_worker),
      TEST(a_host_call_in_a_tail_position_works))
