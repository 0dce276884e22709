/* What the library says about itself, and the one table of statuses. */
#include "harness.h"

static void version_is_that_of_the_header(void) {
    CHECK_TEXT(luawait_version(), LUAWAIT_VERSION);
}

static void abi_version_is_that_of_the_header(void) {
    CHECK_INT(luawait_abi_version(), LUAWAIT_ABI_VERSION);
}

static void every_status_of_the_table_has_its_name(void) {
#define CHECK_NAME(name, value, meaning) CHECK_TEXT(luawait_status_name(name), #name);
    LUAWAIT_STATUS_MAP(CHECK_NAME)
#undef CHECK_NAME
}

static bool is_status(int64_t value) {
#define IS_VALUE(name, number, meaning)                                                                                \
    if (value == (number)) return true;
    LUAWAIT_STATUS_MAP(IS_VALUE)
#undef IS_VALUE
    return false;
}

static void any_other_integer_is_unknown(void) {
    const int32_t far_away[] = {INT32_MIN, INT32_MIN + 1, -65536, 65536, INT32_MAX - 1, INT32_MAX};
    for (int32_t value = -300; value <= 300; value++) {
        if (!is_status(value)) CHECK_TEXT(luawait_status_name(value), "LUAWAIT_ERR_UNKNOWN");
    }
    for (size_t i = 0; i < sizeof far_away / sizeof *far_away; i++) {
        CHECK_TEXT(luawait_status_name(far_away[i]), "LUAWAIT_ERR_UNKNOWN");
    }
}

static void status_names_are_static_text(void) {
    CHECK(luawait_status_name(LUAWAIT_ERR_JSON) == luawait_status_name(LUAWAIT_ERR_JSON));
    CHECK(luawait_status_name(12345) == luawait_status_name(54321));
}

/* Programs compiled today run against the library of tomorrow: these numbers are in them. */
static void values_never_change(void) {
    CHECK_INT(LUAWAIT_OK, 0);
    CHECK_INT(LUAWAIT_NONE, 1);
    CHECK_INT(LUAWAIT_ERR_ARGUMENT, -1);
    CHECK_INT(LUAWAIT_ERR_MEMORY, -2);
    CHECK_INT(LUAWAIT_ERR_JSON, -3);
    CHECK_INT(LUAWAIT_ERR_OPTION, -4);
    CHECK_INT(LUAWAIT_ERR_NOT_FOUND, -5);
    CHECK_INT(LUAWAIT_ERR_EXISTS, -6);
    CHECK_INT(LUAWAIT_ERR_SYNTAX, -7);
    CHECK_INT(LUAWAIT_ERR_SYSTEM, -8);
    CHECK_INT(LUAWAIT_IN_PROGRESS, 0);
    CHECK_INT(LUAWAIT_SUCCEEDED, 1);
    CHECK_INT(LUAWAIT_FAILED, 2);
    CHECK_INT(LUAWAIT_CANCELLED, 3);
}

static void the_error_struct_has_its_layout(void) {
    CHECK_INT(offsetof(luawait_error, struct_size), 0);
    CHECK_INT(offsetof(luawait_error, status), 4);
    CHECK_INT(offsetof(luawait_error, line), 8);
    CHECK_INT(offsetof(luawait_error, column), 12);
    CHECK_INT(offsetof(luawait_error, message), 16);
    CHECK_INT(sizeof(luawait_error), 272);
}

static void freeing_null_does_nothing(void) {
    luawait_free(NULL);
    luawait_engine_free(NULL);
    CHECK_TEXT(luawait_version(), LUAWAIT_VERSION);
}

TESTS(TEST(version_is_that_of_the_header), TEST(abi_version_is_that_of_the_header),
      TEST(every_status_of_the_table_has_its_name), TEST(any_other_integer_is_unknown),
      TEST(status_names_are_static_text), TEST(values_never_change), TEST(the_error_struct_has_its_layout),
      TEST(freeing_null_does_nothing))
