/* The tests' own JSON reader: what it accepts decides what the other tests can see. */
#include "harness.h"
#include "json.h"

static bool valid(const char *text) {
    return json_valid(text, strlen(text));
}

static void reader_accepts_json(void) {
    const char *texts[] = {"null",  "true", " false ", "0",   "-0",        "-1.5e+10",           "\"\\u0000\"",
                           "[]",    "{}",   "[1, 2]",  "[ ]", "{\"a\":1}", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"",
                           "1e-300"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!valid(texts[i])) harness_fail(HERE, "refused: %s", texts[i]);
    }
}

static void reader_refuses_what_is_not_json(void) {
    const char *texts[] = {"",
                           "nul",
                           "01",
                           "1.",
                           "+1",
                           "[1,]",
                           "{\"a\"}",
                           "{a:1}",
                           "'a'",
                           "\"a",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "1 2",
                           "[1 2]",
                           "{\"a\":1,}",
                           "\"\n\"",
                           "\"\xed\xa0\x80\"",
                           "nan",
                           "."};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (valid(texts[i])) harness_fail(HERE, "accepted: %s", texts[i]);
    }
    CHECK(!json_valid("1\0", 2));
}

static void equality_is_structural(void) {
    CHECK(json_equal("{\"a\":1,\"b\":[true,null]}", "{ \"b\" : [true, null], \"\\u0061\":1}"));
    CHECK(json_equal("\"\\u00e9\"", "\"\xc3\xa9\""));
    CHECK(!json_equal("1", "1.0"));
    CHECK(!json_equal("[1,2]", "[2,1]"));
    CHECK(!json_equal("[1]", "[1,2]"));
    CHECK(!json_equal("[]", "{}"));
    CHECK(!json_equal("{\"a\":1}", "{\"a\":1,\"b\":2}"));
    CHECK(!json_equal("{\"a\":1,\"b\":2}", "{\"a\":1}"));
    CHECK(!json_equal("\"a\"", "\"a\\u0000\""));
    CHECK(!json_equal("nonsense", "nonsense"));
}

static void members_and_elements_are_found(void) {
    char *member = json_member("{\"x\":{\"y\":1},\"y\":[2]}", "y");
    CHECK_TEXT(member, "[2]");
    free(member);
    CHECK(json_member("{\"x\":1}", "y") == NULL);
    CHECK(json_member("[]", "y") == NULL);
    char *element = json_element("[1,\"two\",[3]]", 2);
    CHECK_TEXT(element, "[3]");
    free(element);
    CHECK(json_element("[1]", 1) == NULL);
    CHECK_INT(json_count("[1,[2,3],4]"), 3);
    CHECK_INT(json_count("[]"), 0);
    CHECK_INT(json_count("{}"), -1);
}

TESTS(TEST(reader_accepts_json), TEST(reader_refuses_what_is_not_json), TEST(equality_is_structural),
      TEST(members_and_elements_are_found))
