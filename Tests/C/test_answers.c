/* luawait_provide_result() and luawait_provide_error(): what is an answer, what is not, and that there is one. */
#include "host.h"

/* An engine with one script that waits in f() and reports what became of the call. */
typedef struct parked {
    luawait_engine *engine;
    uint64_t eval;
    uint64_t request;
} parked;

static parked park(void) {
    parked p = {.engine = engine_with(NULL)};
    declare(p.engine, "f");
    p.eval = start(p.engine, "local ok, v = pcall(f) if ok then return 'result', v end "
                             "return 'error', tostring(v), v.type, v.host_type, v.data");
    request taken = wait_for_request(p.engine);
    p.request = taken.id;
    request_free(&taken);
    return p;
}

static void unpark(parked p, const char *expected) {
    CHECK_VALUE(finish(p.engine, p.eval), expected);
    luawait_engine_free(p.engine);
}

static void any_json_value_is_a_result(void) {
    const char *values[] = {"null", "true",   "false", "0",          "-17",      "2.5",          "\"text\"",
                            "\"\"", "[1,[]]", "[]",    "{\"a\":{}}", "  [ 1 ] ", "\n\"white\"\t"};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint64_t eval = start(engine, "return f()");
        request taken = wait_for_request(engine);
        answer(engine, taken.id, values[i]);
        CHECK_VALUE(finish(engine, eval), values[i]);
        request_free(&taken);
    }
    luawait_engine_free(engine);
}

static void the_length_bounds_the_result(void) {
    parked p = park();
    CHECK_STATUS(luawait_provide_result(p.engine, p.request, "[1]]]", 3, NULL), LUAWAIT_OK);
    unpark(p, "[\"result\",[1]]");
    p = park();
    CHECK_STATUS(luawait_provide_result(p.engine, p.request, "[2]", LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
    unpark(p, "[\"result\",[2]]");
}

/* The worker is held while the buffers change, so that the script certainly reads its answer afterwards. */
static void answers_are_copied(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare(engine, "f");
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t good = start(engine, "return f()"), bad = start(engine, "local ok, e = pcall(f) return e.message");
    request first = wait_for_request(engine), second = wait_for_request(engine);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    char result[] = "\"kept\"", failure[] = "\"lost\"";
    uint64_t for_good = first.eval_id == good ? first.id : second.id;
    uint64_t for_bad = first.eval_id == good ? second.id : first.id;
    REQUIRE_OK(luawait_provide_result(engine, for_good, result, sizeof result - 1, NULL));
    REQUIRE_OK(luawait_provide_error(engine, for_bad, failure, sizeof failure - 1, NULL));
    memset(result, '!', sizeof result);
    memset(failure, '!', sizeof failure);
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, good), "\"kept\"");
    CHECK_VALUE(finish(engine, bad), "\"lost\"");
    CHECK_VALUE(finish(engine, holding), "null");
    request_free(&first);
    request_free(&second);
    luawait_engine_free(engine);
}

static void malformed_json_leaves_the_request_open(void) {
    const char *texts[] = {"",
                           " ",
                           "[1,",
                           "{\"a\"",
                           "oops",
                           "1 2",
                           "[1]]",
                           "\"open",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\\u0000\":1}",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "01",
                           "1e400",
                           "[1,]",
                           "\"\\ud800\"",
                           "\"\xff\"",
                           "nan",
                           "'x'",
                           "// x\n1"};
    parked p = park();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        luawait_error error = {.struct_size = sizeof error};
        luawait_status status = luawait_provide_result(p.engine, p.request, texts[i], strlen(texts[i]), &error);
        if (status != LUAWAIT_ERR_JSON || error.status != status || error.message[0] == '\0' || error.line < 1) {
            harness_fail(HERE, "%s: %s \"%s\" line %d", texts[i], luawait_status_name(status), error.message,
                         (int)error.line);
        }
        status = luawait_provide_error(p.engine, p.request, texts[i], strlen(texts[i]), NULL);
        if (status != LUAWAIT_ERR_JSON) harness_fail(HERE, "%s as error: %s", texts[i], luawait_status_name(status));
    }
    CHECK_INT(stat_of(p.engine, "requests", "open"), 1);
    answer(p.engine, p.request, "\"mended\"");
    unpark(p, "[\"result\",\"mended\"]");
}

static void a_mistake_has_its_line_and_column(void) {
    parked p = park();
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_provide_result(p.engine, p.request, "[1,\n 2,\n   x]", LUAWAIT_NUL_TERMINATED, &error),
                 LUAWAIT_ERR_JSON);
    CHECK_INT(error.line, 3);
    CHECK(error.column >= 3 && error.column <= 5);
    answer(p.engine, p.request, "0");
    unpark(p, "[\"result\",0]");
}

static void a_string_is_an_errors_message(void) {
    parked p = park();
    answer_error(p.engine, p.request, "\"no such city\"");
    unpark(p, "[\"error\",\"no such city\",\"host\",null,null]");
}

static void an_object_is_an_error_with_type_and_data(void) {
    parked p = park();
    answer_error(p.engine, p.request, "{\"message\":\"gone\",\"type\":\"HTTPError\",\"data\":{\"status\":410}}");
    unpark(p, "[\"error\",\"gone\",\"host\",\"HTTPError\",{\"status\":410}]");
    p = park();
    answer_error(p.engine, p.request, "{\"message\":\"bare\"}");
    unpark(p, "[\"error\",\"bare\",\"host\",null,null]");
    p = park();
    answer_error(p.engine, p.request, "{\"message\":\"\",\"data\":[1,null]}");
    CHECK_VALUE(finish(p.engine, p.eval), "[\"error\",\"\",\"host\",null,[1,null]]");
    luawait_engine_free(p.engine);
}

static void an_error_of_the_wrong_shape_leaves_the_request_open(void) {
    const struct {
        const char *json;
        luawait_status status;
    } cases[] = {{"{\"message\":\"m\",\"code\":1}", LUAWAIT_ERR_OPTION},
                 {"{\"message\":1}", LUAWAIT_ERR_OPTION},
                 {"{\"message\":null}", LUAWAIT_ERR_OPTION},
                 {"{\"message\":\"m\",\"type\":1}", LUAWAIT_ERR_OPTION},
                 {"{\"message\":\"m\",\"type\":[\"t\"]}", LUAWAIT_ERR_OPTION},
                 {"{\"type\":\"t\"}", LUAWAIT_ERR_OPTION},
                 {"{}", LUAWAIT_ERR_OPTION},
                 {"42", LUAWAIT_ERR_JSON},
                 {"null", LUAWAIT_ERR_JSON},
                 {"true", LUAWAIT_ERR_JSON},
                 {"[\"m\"]", LUAWAIT_ERR_JSON}};
    parked p = park();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        luawait_error error = {.struct_size = sizeof error};
        luawait_status status =
            luawait_provide_error(p.engine, p.request, cases[i].json, LUAWAIT_NUL_TERMINATED, &error);
        if (status != cases[i].status || error.status != status || error.message[0] == '\0') {
            harness_fail(HERE, "%s: %s \"%s\"", cases[i].json, luawait_status_name(status), error.message);
        }
    }
    answer_error(p.engine, p.request, "\"mended\"");
    unpark(p, "[\"error\",\"mended\",\"host\",null,null]");
}

static void check_not_found(harness_place at, luawait_engine *engine, uint64_t request) {
    luawait_error error = {.struct_size = sizeof error};
    harness_check_status(at, luawait_provide_result(engine, request, "1", 1, &error), LUAWAIT_ERR_NOT_FOUND, "result");
    harness_check_int(at, error.status, LUAWAIT_ERR_NOT_FOUND, "error.status");
    harness_check_status(at, luawait_provide_error(engine, request, "\"e\"", 3, &error), LUAWAIT_ERR_NOT_FOUND,
                         "error");
}

#define CHECK_NOT_FOUND(engine, request) check_not_found(HERE, (engine), (request))

static void a_second_answer_is_rejected(void) {
    parked p = park();
    answer(p.engine, p.request, "\"first\"");
    CHECK_NOT_FOUND(p.engine, p.request);
    CHECK_VALUE(finish(p.engine, p.eval), "[\"result\",\"first\"]");
    CHECK_NOT_FOUND(p.engine, p.request);
    luawait_engine_free(p.engine);
    p = park();
    answer_error(p.engine, p.request, "\"first\"");
    CHECK_NOT_FOUND(p.engine, p.request);
    unpark(p, "[\"error\",\"first\",\"host\",null,null]");
}

static void an_answer_after_cancel_is_rejected(void) {
    parked p = park();
    REQUIRE_OK(luawait_cancel(p.engine, p.eval));
    CHECK_NOT_FOUND(p.engine, p.request);
    CHECK_CANCELLED(finish(p.engine, p.eval));
    CHECK_NOT_FOUND(p.engine, p.request);
    luawait_engine_free(p.engine);
}

static void an_answer_to_nothing_is_rejected(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_NOT_FOUND(engine, 0);
    CHECK_NOT_FOUND(engine, 1);
    CHECK_NOT_FOUND(engine, UINT64_MAX);
    luawait_engine_free(engine);
}

static void an_eval_id_is_no_request_id(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (int i = 0; i < 5; i++) {
        CHECK_VALUE(finish(engine, start(engine, "1")), "1");
    }
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    REQUIRE(taken.id != eval);
    CHECK_NOT_FOUND(engine, eval);
    answer(engine, taken.id, "1");
    CHECK_VALUE(finish(engine, eval), "1");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void requests_belong_to_their_engine(void) {
    parked p = park();
    luawait_engine *other = engine_with(NULL);
    CHECK_NOT_FOUND(other, p.request);
    answer(p.engine, p.request, "1");
    unpark(p, "[\"result\",1]");
    luawait_engine_free(other);
}

typedef struct answering {
    luawait_engine *engine;
    uint64_t request;
    luawait_status status;
} answering;

static void *answer_in_thread(void *argument) {
    answering *a = argument;
    a->status = luawait_provide_result(a->engine, a->request, "\"from afar\"", LUAWAIT_NUL_TERMINATED, NULL);
    return NULL;
}

static void another_thread_may_answer(void) {
    parked p = park();
    answering a = {p.engine, p.request, -99};
    pthread_join(run_thread(answer_in_thread, &a), NULL);
    CHECK_STATUS(a.status, LUAWAIT_OK);
    unpark(p, "[\"result\",\"from afar\"]");
}

static void of_many_answers_at_once_one_counts(void) {
    enum { RIVALS = 4 };
    for (size_t round = 0; round < harness_scale(100, 5); round++) {
        parked p = park();
        answering rivals[RIVALS];
        pthread_t threads[RIVALS];
        int accepted = 0;
        for (int i = 0; i < RIVALS; i++) {
            rivals[i] = (answering){p.engine, p.request, -99};
            threads[i] = run_thread(answer_in_thread, &rivals[i]);
        }
        for (int i = 0; i < RIVALS; i++) {
            pthread_join(threads[i], NULL);
            if (rivals[i].status == LUAWAIT_OK) {
                accepted++;
            } else {
                CHECK_STATUS(rivals[i].status, LUAWAIT_ERR_NOT_FOUND);
            }
        }
        CHECK_INT(accepted, 1);
        unpark(p, "[\"result\",\"from afar\"]");
    }
}

TESTS(TEST(any_json_value_is_a_result), TEST(the_length_bounds_the_result), TEST(answers_are_copied),
      TEST(malformed_json_leaves_the_request_open), TEST(a_mistake_has_its_line_and_column),
      TEST(a_string_is_an_errors_message), TEST(an_object_is_an_error_with_type_and_data),
      TEST(an_error_of_the_wrong_shape_leaves_the_request_open), TEST(a_second_answer_is_rejected),
      TEST(an_answer_after_cancel_is_rejected), TEST(an_answer_to_nothing_is_rejected),
      TEST(an_eval_id_is_no_request_id), TEST(requests_belong_to_their_engine), TEST(another_thread_may_answer),
      TEST(of_many_answers_at_once_one_counts))
