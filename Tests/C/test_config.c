/* luawait_engine_new(): every key, its bounds and types, and what is refused with which words. */
#include "host.h"

/* Makes an engine of a config and, if that works, sees that it runs scripts. */
static luawait_status try_config(const char *config, luawait_error *error) {
    luawait_engine *engine = NULL;
    luawait_status status = luawait_engine_new(config, strlen(config), &engine, error);
    if (status == LUAWAIT_OK) {
        EXPECT_VALUE(engine, "1 + 1", "2");
    } else if (engine != NULL) {
        harness_fail(HERE, "an engine came with %s for %s", luawait_status_name(status), config);
    }
    luawait_engine_free(engine);
    return status;
}

static void check_config(harness_place at, const char *config, luawait_status expected, const char *part) {
    luawait_error error = {.struct_size = sizeof error};
    luawait_status status = try_config(config, &error);
    if (status != expected) {
        harness_fail(at, "%s: expected %s, got %s %s", config, luawait_status_name(expected),
                     luawait_status_name(status), error.message);
    } else if (expected != LUAWAIT_OK) {
        if (error.status != expected) harness_fail(at, "%s: error.status is %d", config, (int)error.status);
        if (strstr(error.message, part) == NULL) {
            harness_fail(at, "%s: message lacks %s: %s", config, part, error.message);
        }
    }
}

#define ACCEPTED(config) check_config(HERE, (config), LUAWAIT_OK, "")
#define REFUSED(config, part) check_config(HERE, (config), LUAWAIT_ERR_OPTION, (part))
#define MALFORMED(config) check_config(HERE, (config), LUAWAIT_ERR_JSON, "")

static void without_a_config_the_defaults_hold(void) {
    luawait_engine *engine = NULL;
    REQUIRE_OK(luawait_engine_new(NULL, 0, &engine, NULL));
    CHECK(stat_of(engine, NULL, "workers") >= 1);
    CHECK(stat_of(engine, NULL, "workers") <= 4);
    EXPECT_VALUE(engine, "return 'runs'", "\"runs\"");
    luawait_engine_free(engine);
}

static void an_empty_object_is_the_defaults(void) {
    ACCEPTED("{}");
}

static void every_key_is_known(void) {
    ACCEPTED("{\"executor\":\"threads\",\"workers\":2,\"timeout_ms\":60000,\"cpu_ms\":60000,\"call_timeout_ms\":60000,"
             "\"memory_bytes\":67108864,\"output_bytes\":1048576,\"max_depth\":64,\"slice_us\":5000,"
             "\"warm_contexts\":2,\"nulls\":\"keep\",\"print\":\"none\",\"preemption\":\"signal\",\"signal\":0}");
}

static void numbers_are_accepted_within_their_bounds(void) {
    ACCEPTED("{\"workers\":1}");
    if (harness_scale(256, 1) == 256) ACCEPTED("{\"workers\":256}");
    ACCEPTED("{\"max_depth\":1}");
    ACCEPTED("{\"max_depth\":1000}");
    ACCEPTED("{\"slice_us\":100}");
    ACCEPTED("{\"slice_us\":1000000}");
    ACCEPTED("{\"warm_contexts\":0}");
    ACCEPTED("{\"warm_contexts\":4096}");
    ACCEPTED("{\"timeout_ms\":0,\"cpu_ms\":0,\"call_timeout_ms\":0,\"memory_bytes\":0,\"output_bytes\":0}");
    ACCEPTED("{\"signal\":0}");
}

static void numbers_are_refused_beyond_their_bounds(void) {
    REFUSED("{\"workers\":0}", "workers");
    REFUSED("{\"workers\":257}", "workers");
    REFUSED("{\"workers\":-1}", "workers");
    REFUSED("{\"max_depth\":0}", "max_depth");
    REFUSED("{\"max_depth\":1001}", "max_depth");
    REFUSED("{\"slice_us\":99}", "slice_us");
    REFUSED("{\"slice_us\":1000001}", "slice_us");
    REFUSED("{\"warm_contexts\":-1}", "warm_contexts");
    REFUSED("{\"warm_contexts\":4097}", "warm_contexts");
    REFUSED("{\"timeout_ms\":-1}", "timeout_ms");
    REFUSED("{\"cpu_ms\":-1}", "cpu_ms");
    REFUSED("{\"call_timeout_ms\":-1}", "call_timeout_ms");
    REFUSED("{\"memory_bytes\":-1}", "memory_bytes");
    REFUSED("{\"output_bytes\":-1}", "output_bytes");
}

static void a_signal_that_is_not_real_time_is_refused(void) {
    REFUSED("{\"signal\":-1}", "signal");
    REFUSED("{\"signal\":9}", "signal");
    REFUSED("{\"signal\":1000}", "signal");
}

static void words_outside_their_choices_are_refused(void) {
    REFUSED("{\"executor\":\"nobody\"}", "executor");
    REFUSED("{\"nulls\":\"lose\"}", "nulls");
    REFUSED("{\"print\":\"paper\"}", "print");
    REFUSED("{\"preemption\":\"luck\"}", "preemption");
    REFUSED("{\"nulls\":\"\"}", "nulls");
    REFUSED("{\"nulls\":\"drop\\u0000\"}", "nulls");
}

static void wrong_types_are_refused_by_name(void) {
    const char *numbers[] = {"workers",      "timeout_ms", "cpu_ms",   "call_timeout_ms", "memory_bytes",
                             "output_bytes", "max_depth",  "slice_us", "warm_contexts",   "signal"};
    const char *not_numbers[] = {"\"2\"", "true", "[2]", "{}", "2.5", "null"};
    const char *words[] = {"executor", "nulls", "print", "preemption"};
    const char *not_words[] = {"1", "false", "[\"drop\"]", "{}", "null"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        for (size_t j = 0; j < sizeof not_numbers / sizeof *not_numbers; j++) {
            char *config = text_format("{\"%s\":%s}", numbers[i], not_numbers[j]);
            REFUSED(config, numbers[i]);
            free(config);
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        for (size_t j = 0; j < sizeof not_words / sizeof *not_words; j++) {
            char *config = text_format("{\"%s\":%s}", words[i], not_words[j]);
            REFUSED(config, words[i]);
            free(config);
        }
    }
}

static void an_unknown_key_is_named_with_the_nearest_known_one(void) {
    const char *pairs[][2] = {{"worker", "workers"},           {"timeout", "timeout_ms"},
                              {"memory_byte", "memory_bytes"}, {"Workers", "workers"},
                              {"maxdepth", "max_depth"},       {"call_timeout", "call_timeout_ms"},
                              {"pre_emption", "preemption"},   {"prnt", "print"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *config = text_format("{\"%s\":1}", pairs[i][0]);
        REFUSED(config, pairs[i][0]);
        REFUSED(config, pairs[i][1]);
        free(config);
    }
}

static void an_unknown_key_without_a_near_one_is_still_named(void) {
    REFUSED("{\"zzzzqqqqxxxx\":1}", "zzzzqqqqxxxx");
    REFUSED("{\"\":1}", "");
}

static void one_bad_key_among_good_ones_is_found(void) {
    REFUSED("{\"workers\":1,\"nulls\":\"keep\",\"slice\":10}", "slice_us");
}

static void large_numbers_are_safe(void) {
    const char *keys[] = {"timeout_ms", "cpu_ms", "call_timeout_ms", "memory_bytes", "output_bytes"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        /* Whether the library takes or refuses it is its choice; an overflow inside would end the script at once. */
        char *config = text_format("{\"%s\":9223372036854775807}", keys[i]);
        luawait_error error = {.struct_size = sizeof error};
        luawait_status status = try_config(config, &error);
        CHECK(status == LUAWAIT_OK || status == LUAWAIT_ERR_OPTION);
        free(config);
    }
    MALFORMED("{\"timeout_ms\":9223372036854775808}");
}

static void what_is_not_json_is_refused(void) {
    MALFORMED("");
    MALFORMED(" ");
    MALFORMED("{");
    MALFORMED("{\"workers\":1");
    MALFORMED("{\"workers\"}");
    MALFORMED("{workers:1}");
    MALFORMED("{} {}");
    MALFORMED("{},");
    MALFORMED("{\"print\":\"\xff\"}");
    MALFORMED("{\"workers\":1,\"workers\":2}");
}

static void json_that_is_no_object_is_a_wrong_type(void) {
    REFUSED("5", "object");
    REFUSED("[]", "object");
    REFUSED("null", "object");
    REFUSED("\"workers\"", "object");
}

static void a_mistake_in_the_json_has_its_line_and_column(void) {
    luawait_engine *engine = NULL;
    luawait_error error = {.struct_size = sizeof error};
    const char *config = "{\n  \"workers\": 1,\n  \"print\": oops\n}";
    CHECK_STATUS(luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, &error), LUAWAIT_ERR_JSON);
    CHECK_INT(error.line, 3);
    CHECK(error.column > 0);
    CHECK(error.message[0] != '\0');
}

static void the_length_bounds_the_config(void) {
    luawait_engine *engine = NULL;
    CHECK_STATUS(luawait_engine_new("{} and more", 2, &engine, NULL), LUAWAIT_OK);
    luawait_engine_free(engine);
    CHECK_STATUS(luawait_engine_new("{}", LUAWAIT_NUL_TERMINATED, &engine, NULL), LUAWAIT_OK);
    luawait_engine_free(engine);
    CHECK_STATUS(luawait_engine_new("{}\0", 3, &engine, NULL), LUAWAIT_ERR_JSON);
    CHECK_STATUS(luawait_engine_new("{\"workers\":1}", 12, &engine, NULL), LUAWAIT_ERR_JSON);
}

static void null_pointers_are_refused(void) {
    luawait_engine *engine = (luawait_engine *)&engine;
    CHECK_STATUS(luawait_engine_new("{}", 2, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_engine_new(NULL, 2, &engine, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK(engine == NULL);
}

static void the_engine_is_null_on_failure(void) {
    luawait_engine *engine = (luawait_engine *)&engine;
    CHECK_STATUS(luawait_engine_new("{\"no\":1}", LUAWAIT_NUL_TERMINATED, &engine, NULL), LUAWAIT_ERR_OPTION);
    CHECK(engine == NULL);
}

static void the_config_is_copied(void) {
    luawait_engine *engine = NULL;
    char config[] = "{\"nulls\":\"keep\"}";
    REQUIRE_OK(luawait_engine_new(config, sizeof config - 1, &engine, NULL));
    memset(config, 'x', sizeof config);
    declare(engine, "f");
    CHECK_VALUE(serve_echo(engine, start(engine, "local v = f({a = json.null}) return v.a == json.null")), "true");
    luawait_engine_free(engine);
}

TESTS(TEST(without_a_config_the_defaults_hold), TEST(an_empty_object_is_the_defaults), TEST(every_key_is_known),
      TEST(numbers_are_accepted_within_their_bounds), TEST(numbers_are_refused_beyond_their_bounds),
      TEST(a_signal_that_is_not_real_time_is_refused), TEST(words_outside_their_choices_are_refused),
      TEST(wrong_types_are_refused_by_name), TEST(an_unknown_key_is_named_with_the_nearest_known_one),
      TEST(an_unknown_key_without_a_near_one_is_still_named), TEST(one_bad_key_among_good_ones_is_found),
      TEST(large_numbers_are_safe), TEST(what_is_not_json_is_refused), TEST(json_that_is_no_object_is_a_wrong_type),
      TEST(a_mistake_in_the_json_has_its_line_and_column), TEST(the_length_bounds_the_config),
      TEST(null_pointers_are_refused), TEST(the_engine_is_null_on_failure), TEST(the_config_is_copied))
