/* luawait_error: the caller's, filled on failure, left alone otherwise, never written beyond its size. */
#include "host.h"

#define BAD_CONFIG "{\"wrokers\":1}"

static luawait_status fail_with(luawait_error *error) {
    luawait_engine *engine = NULL;
    return luawait_engine_new(BAD_CONFIG, LUAWAIT_NUL_TERMINATED, &engine, error);
}

static bool all_bytes_are(const void *begin, size_t count, unsigned char value) {
    const unsigned char *bytes = begin;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != value) return false;
    }
    return true;
}

static void a_failure_fills_it(void) {
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(fail_with(&error), LUAWAIT_ERR_OPTION);
    CHECK_INT(error.struct_size, sizeof error);
    CHECK_INT(error.status, LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "wrokers");
    CHECK_CONTAINS(error.message, "workers");
}

static void a_success_leaves_it_alone(void) {
    luawait_engine *engine = NULL;
    luawait_error error, before;
    memset(&error, 0x5A, sizeof error);
    error.struct_size = sizeof error;
    memcpy(&before, &error, sizeof error);
    REQUIRE_OK(luawait_engine_new(NULL, 0, &engine, &error));
    REQUIRE_OK(luawait_register(engine, "f", 1, NULL, 0, &error));
    REQUIRE_OK(luawait_check(engine, "return 1", 8, NULL, 0, &error));
    CHECK(memcmp(&error, &before, sizeof error) == 0);
    luawait_engine_free(engine);
}

static void fields_beyond_its_size_are_not_written(void) {
    luawait_error error;
    memset(&error, 0x5A, sizeof error);
    error.struct_size = offsetof(luawait_error, message);
    CHECK_STATUS(fail_with(&error), LUAWAIT_ERR_OPTION);
    CHECK_INT(error.status, LUAWAIT_ERR_OPTION);
    CHECK(all_bytes_are(error.message, sizeof error.message, 0x5A));

    memset(&error, 0x5A, sizeof error);
    error.struct_size = offsetof(luawait_error, line);
    CHECK_STATUS(fail_with(&error), LUAWAIT_ERR_OPTION);
    CHECK_INT(error.status, LUAWAIT_ERR_OPTION);
    CHECK(all_bytes_are(&error.line, sizeof error - offsetof(luawait_error, line), 0x5A));
}

static void a_size_of_zero_writes_nothing(void) {
    luawait_error error;
    memset(&error, 0x5A, sizeof error);
    error.struct_size = 0;
    CHECK_STATUS(fail_with(&error), LUAWAIT_ERR_OPTION);
    CHECK(all_bytes_are(&error.status, sizeof error - offsetof(luawait_error, status), 0x5A));
}

/* A program built against a later header has a larger struct; this library fills what it knows. */
static void a_larger_size_is_fine(void) {
    struct {
        luawait_error error;
        char more[64];
    } later;
    memset(&later, 0x5A, sizeof later);
    later.error.struct_size = sizeof later;
    CHECK_STATUS(fail_with(&later.error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(later.error.message, "wrokers");
    CHECK(all_bytes_are(later.more, sizeof later.more, 0x5A));
}

static void it_may_be_null(void) {
    CHECK_STATUS(fail_with(NULL), LUAWAIT_ERR_OPTION);
}

/* Two-byte characters at either parity: whichever way the words around them fall, the cut must not split one. */
static void a_long_message_is_cut_at_a_characters_end(void) {
    for (size_t shift = 0; shift < 4; shift++) {
        char config[900] = "{\"";
        luawait_engine *engine = NULL;
        luawait_error error = {.struct_size = sizeof error};
        memset(config + 2, 'a', shift);
        for (size_t i = 0; i < 200; i++) {
            strcat(config, "\xf0\x9f\x98\x80");
        }
        strcat(config, "\":1}");
        CHECK_STATUS(luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, &error), LUAWAIT_ERR_OPTION);
        size_t length = strlen(error.message);
        CHECK(length < sizeof error.message);
        CHECK(length > 200);
        const char *at = error.message;
        while ((unsigned char)*at >= 0x01 && (unsigned char)*at < 0x80) {
            at++;
        }
        while (strncmp(at, "\xf0\x9f\x98\x80", 4) == 0) {
            at += 4;
        }
        for (; *at != '\0'; at++) {
            if ((unsigned char)*at >= 0x80) harness_fail(HERE, "a character is cut: %s", error.message);
        }
    }
}

TESTS(TEST(a_failure_fills_it), TEST(a_success_leaves_it_alone), TEST(fields_beyond_its_size_are_not_written),
      TEST(a_size_of_zero_writes_nothing), TEST(a_larger_size_is_fine), TEST(it_may_be_null),
      TEST(a_long_message_is_cut_at_a_characters_end))
