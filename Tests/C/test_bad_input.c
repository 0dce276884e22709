/* What no host should send: a status each time, and no harm. */
#include "host.h"

/* 10 MB; where every step is slow, enough to be larger than any buffer. */
#define MEGABYTES_10 harness_scale((size_t)10 * 1024 * 1024, (size_t)256 * 1024)

static void a_null_engine_is_refused_by_every_function(void) {
    luawait_error error = {.struct_size = sizeof error};
    uint64_t id = 7;
    int32_t state = -7;
    int fd = -7;
    char *text = (char *)&text;
    size_t length = 7;
    CHECK_STATUS(luawait_register(NULL, "f", 1, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(error.status, LUAWAIT_ERR_ARGUMENT);
    CHECK(error.message[0] != '\0');
    CHECK_STATUS(luawait_register_callback(NULL, "f", 1, NULL, 0, NULL, NULL, NULL, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_unregister(NULL, "f", 1), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_check(NULL, "1", 1, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(NULL, "1", 1, NULL, 0, &id, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_poll(NULL, 1, &state, &text, &length), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_wait(NULL, 1, -1, &state, &text, &length), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_cancel(NULL, 1), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_eval(NULL, "1", 1, NULL, 0, &state, &text, &length, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_get_pending_request(NULL, &id, &id, &text, &text, &length), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_provide_result(NULL, 1, "1", 1, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_provide_error(NULL, 1, "\"e\"", 3, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_event_fd(NULL, &fd), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_set_notifier(NULL, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_stats(NULL, &text, &length), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(id, 7);
    CHECK_INT(state, -7);
    CHECK_INT(fd, -7);
    CHECK(text == (char *)&text);
    CHECK_INT(length, 7);
}

static void a_required_null_is_refused_by_every_function(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    uint64_t id = 7;
    CHECK_STATUS(luawait_register(engine, NULL, 0, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register(engine, NULL, 3, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register(engine, NULL, LUAWAIT_NUL_TERMINATED, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register(engine, "f", 1, NULL, 3, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, NULL, 0, NULL, NULL, NULL, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_unregister(engine, NULL, 0), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_check(engine, NULL, 1, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(engine, NULL, 0, NULL, 0, &id, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(engine, NULL, 5, NULL, 0, &id, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(engine, "1", 1, NULL, 5, &id, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_start(engine, "1", 1, NULL, 0, NULL, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_poll(engine, 1, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_wait(engine, 1, -1, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_get_pending_request(engine, NULL, NULL, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_provide_result(engine, 1, NULL, 0, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_provide_error(engine, 1, NULL, 5, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_event_fd(engine, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_stats(engine, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_engine_new(NULL, 0, NULL, &error), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(id, 7);
    EXPECT_VALUE(engine, "return 'unharmed'", "\"unharmed\"");
    luawait_engine_free(engine);
}

static void an_impossible_length_is_refused_by_every_function(void) {
    static const size_t lengths[] = {SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 60, (size_t)1 << 47};
    luawait_engine *engine = engine_with(NULL), *other = NULL;
    uint64_t id = 7;
    int32_t state = -7;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t length = lengths[i];
        CHECK_STATUS(luawait_engine_new("{}", length, &other, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_register(engine, "f", length, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_unregister(engine, "f", length), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_check(engine, "1", length, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_start(engine, "1", length, NULL, 0, &id, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_start(engine, "1", 1, "{}", length, &id, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_eval(engine, "1", length, NULL, 0, &state, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_context_new(engine, "{}", length, &id, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_provide_result(engine, 1, "1", length, NULL), LUAWAIT_ERR_ARGUMENT);
        CHECK_STATUS(luawait_provide_error(engine, 1, "1", length, NULL), LUAWAIT_ERR_ARGUMENT);
    }
    CHECK_INT(id, 7);
    luawait_engine_free(engine);
}

static void a_null_state_does_not_lose_the_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    CHECK_STATUS(luawait_poll(engine, eval, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_wait(engine, eval, 0, NULL, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void ids_of_nothing_are_not_found(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    answer(engine, taken.id, "1");
    CHECK_VALUE(finish(engine, eval), "1");
    const uint64_t ids[] = {0, eval, eval + 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        int32_t state = -7;
        CHECK_STATUS(luawait_poll(engine, ids[i], &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
        CHECK_STATUS(luawait_wait(engine, ids[i], -1, &state, NULL, NULL), LUAWAIT_ERR_NOT_FOUND);
        CHECK_STATUS(luawait_cancel(engine, ids[i]), LUAWAIT_ERR_NOT_FOUND);
        CHECK_INT(state, -7);
    }
    const uint64_t requests[] = {0, taken.id, taken.id + 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        CHECK_STATUS(luawait_provide_result(engine, requests[i], "1", 1, NULL), LUAWAIT_ERR_NOT_FOUND);
        CHECK_STATUS(luawait_provide_error(engine, requests[i], "\"e\"", 3, NULL), LUAWAIT_ERR_NOT_FOUND);
    }
    request_free(&taken);
    luawait_engine_free(engine);
}

/* Gives every door that takes JSON the same bad text; each must refuse it as JSON and nothing must have happened. */
static void offer_everywhere(harness_place at, const char *json, size_t length) {
    luawait_engine *engine = host_engine(at, "{\"call_timeout_ms\":0}"), *none = NULL;
    luawait_error error = {.struct_size = sizeof error};
    host_declare(at, engine, "f", NULL);
    uint64_t eval = host_start(at, engine, "return f()", NULL), id = 7;
    int32_t state = -7;
    request taken = host_wait_for_request(at, engine);
#define OFFER(call) harness_check_status(at, (call), LUAWAIT_ERR_JSON, #call)
    OFFER(luawait_engine_new(json, length, &none, &error));
    OFFER(luawait_register(engine, "g", 1, json, length, &error));
    OFFER(luawait_start(engine, "return 1", 8, json, length, &id, &error));
    OFFER(luawait_eval(engine, "return 1", 8, json, length, &state, NULL, NULL, &error));
    OFFER(luawait_provide_error(engine, taken.id, json, length, &error));
    OFFER(luawait_provide_result(engine, taken.id, json, length, &error));
#undef OFFER
    harness_check(at, error.line >= 1 && error.message[0] != '\0', "the error has its line and words");
    harness_check(at, none == NULL && id == 7 && state == -7, "nothing was written");
    host_answer(at, engine, taken.id, "\"still open\"");
    host_check_value(at, host_finish(at, engine, eval), "\"still open\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

#define OFFER_EVERYWHERE(json, length) offer_everywhere(HERE, (json), (length))

static void malformed_json_is_refused_everywhere(void) {
    const char *texts[] = {"{", "}", "{\"a\":}", "{\"a\" 1}", "{'a':1}", "tru", "[1 2]", "{}{}", "{\"a\":01}", "\x01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OFFER_EVERYWHERE(texts[i], strlen(texts[i]));
    }
}

/* Every beginning of a JSON text that is not the whole of it. */
static void truncated_json_is_refused_everywhere(void) {
    const char *whole = "{\"globals\":{\"a\":[1,2.5,null,\"\\u00e9\"],\"b\":true}}";
    size_t step = harness_scale(1, 6);
    for (size_t length = 0; length < strlen(whole); length += step) {
        OFFER_EVERYWHERE(whole, length);
    }
}

static void json_that_is_not_utf8_is_refused_everywhere(void) {
    const char *texts[] = {"{\"a\":\"\xff\"}",
                           "{\"\xc3\":1}",
                           "{\"a\":\"\xc0\xaf\"}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "{\"a\":\"\xf4\x90\x80\x80\"}",
                           "\xef\xbb\xbf{}",
                           "\xff\xfe{",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\udc00\\ud800\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OFFER_EVERYWHERE(texts[i], strlen(texts[i]));
    }
}

static void what_follows_the_json_is_refused_everywhere(void) {
    OFFER_EVERYWHERE("{}\0", 3);
    OFFER_EVERYWHERE("{}\0{}", 5);
    OFFER_EVERYWHERE("\0{}", 3);
    OFFER_EVERYWHERE("{} \0", 4);
    OFFER_EVERYWHERE("{} x", 4);
    OFFER_EVERYWHERE("{\0}", 3);
    OFFER_EVERYWHERE("\"a\0b\"", 5);
}

static void what_the_header_excludes_is_refused_everywhere(void) {
    const char *texts[] = {"{\"a\":9223372036854775808}",
                           "{\"a\":-9223372036854775809}",
                           "{\"a\":123456789012345678901234567890}",
                           "{\"a\\u0000\":1}",
                           "{\"\\u0000\":1}",
                           "{\"a\":1,\"a\":1}",
                           "{\"a\":{\"b\":1,\"\\u0062\":2}}",
                           "{\"a\":1e999}",
                           "{\"a\":NaN}",
                           "{\"a\":Infinity}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        OFFER_EVERYWHERE(texts[i], strlen(texts[i]));
    }
}

static char *nested(const char *prefix, size_t depth, bool objects, const char *suffix) {
    size_t unit = objects ? 5 : 1, at = strlen(prefix);
    char *text = text_of(' ', at + depth * (unit + 1) + 1 + strlen(suffix));
    memcpy(text, prefix, at);
    for (size_t i = 0; i < depth; i++, at += unit) {
        memcpy(text + at, objects ? "{\"a\":" : "[", unit);
    }
    text[at++] = '1';
    memset(text + at, objects ? '}' : ']', depth);
    memcpy(text + at + depth, suffix, strlen(suffix) + 1);
    return text;
}

static void json_nested_2000_deep_is_refused_everywhere(void) {
    const size_t depths[] = {2000, 100000};
    for (size_t i = 0; i < 2; i++) {
        char *arrays = nested("{\"args\":", depths[i], false, "}"), *objects = nested("", depths[i], true, "");
        char *open = text_of('[', depths[i]);
        OFFER_EVERYWHERE(arrays, strlen(arrays));
        OFFER_EVERYWHERE(objects, strlen(objects));
        OFFER_EVERYWHERE(open, strlen(open));
        free(arrays);
        free(objects);
        free(open);
    }
}

static void malformed_json_of_10_mb_is_refused_everywhere(void) {
    char *word = text_of('x', MEGABYTES_10);
    char *open = text_format("{\"a\":\"%s", word), *after = text_format("{\"a\":\"%s\"}]", word);
    OFFER_EVERYWHERE(word, MEGABYTES_10);
    OFFER_EVERYWHERE(open, strlen(open));
    OFFER_EVERYWHERE(after, strlen(after));
    free(word);
    free(open);
    free(after);
}

static void good_json_of_10_mb_is_taken_everywhere(void) {
    char *word = text_of('x', MEGABYTES_10), *spaces = text_of(' ', MEGABYTES_10);
    char *config = text_format("{%s\"output_bytes\":100000000,\"memory_bytes\":0}", spaces);
    char *string = text_format("\"%s\"", word), *globals = text_format("{\"globals\":{\"word\":\"%s\"}}", word);
    char *failure = text_format("{\"message\":\"m\",\"data\":%s}", string), *length = text_format("%zu", MEGABYTES_10);
    char *script = text_format("local ok, e = pcall(f, ('y'):rep(%zu)) return #e.data", MEGABYTES_10);
    luawait_engine *engine = engine_with(config);
    declare(engine, "f");
    EXPECT_VALUE_WITH(engine, "return #word", globals, length);
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    answer(engine, taken.id, string);
    CHECK_VALUE(finish(engine, eval), string);
    request_free(&taken);
    eval = start(engine, script);
    taken = wait_for_request(engine);
    CHECK_INT(taken.args_length, MEGABYTES_10 + 4);
    answer_error(engine, taken.id, failure);
    CHECK_VALUE(finish(engine, eval), length);
    request_free(&taken);
    free(word);
    free(spaces);
    free(config);
    free(length);
    free(script);
    free(string);
    free(globals);
    free(failure);
    luawait_engine_free(engine);
}

static void a_key_of_10_mb_is_named_as_far_as_there_is_room(void) {
    char *word = text_of('k', MEGABYTES_10), *config = text_format("{\"%s\":1}", word);
    luawait_engine *engine = NULL;
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_engine_new(config, strlen(config), &engine, &error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "kkkkkkkk");
    CHECK(memchr(error.message, '\0', sizeof error.message) != NULL);
    free(word);
    free(config);
}

static void an_errors_message_of_10_mb_arrives(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    char *word = text_of('m', MEGABYTES_10), *string = text_format("\"%s\"", word);
    char *length = text_format("%zu", MEGABYTES_10);
    uint64_t eval = start(engine, "local ok, e = pcall(f) return #e.message");
    request taken = wait_for_request(engine);
    answer_error(engine, taken.id, string);
    CHECK_VALUE(finish(engine, eval), length);
    request_free(&taken);
    free(word);
    free(string);
    free(length);
    luawait_engine_free(engine);
}

TESTS(TEST(a_null_engine_is_refused_by_every_function), TEST(a_required_null_is_refused_by_every_function),
      TEST(an_impossible_length_is_refused_by_every_function), TEST(a_null_state_does_not_lose_the_outcome),
      TEST(ids_of_nothing_are_not_found), TEST(malformed_json_is_refused_everywhere),
      TEST(truncated_json_is_refused_everywhere), TEST(json_that_is_not_utf8_is_refused_everywhere),
      TEST(what_follows_the_json_is_refused_everywhere), TEST(what_the_header_excludes_is_refused_everywhere),
      TEST(json_nested_2000_deep_is_refused_everywhere), TEST(malformed_json_of_10_mb_is_refused_everywhere),
      TEST(good_json_of_10_mb_is_taken_everywhere), TEST(a_key_of_10_mb_is_named_as_far_as_there_is_room),
      TEST(an_errors_message_of_10_mb_arrives))
