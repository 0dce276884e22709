/* From JSON to Lua: answers, args and globals, each value of the header's rules; and what comes back unchanged. */
#include "host.h"

/* Gives `json` to the script as the answer of f(), and checks what the script makes of it. */
static void check_answer(harness_place at, const char *config, const char *json, const char *script,
                         const char *expected) {
    luawait_engine *engine = host_engine(at, config);
    host_declare(at, engine, "f", NULL);
    uint64_t eval = host_start(at, engine, script, NULL);
    request taken = host_wait_for_request(at, engine);
    host_answer(at, engine, taken.id, json);
    host_check_value(at, host_finish(at, engine, eval), expected);
    request_free(&taken);
    luawait_engine_free(engine);
}

#define CHECK_ANSWER(json, script, expected) check_answer(HERE, NULL, (json), (script), (expected))
#define CHECK_KEPT(json, script, expected) check_answer(HERE, "{\"nulls\":\"keep\"}", (json), (script), (expected))

static void simple_values(void) {
    CHECK_ANSWER("null", "return f() == nil", "true");
    CHECK_ANSWER("true", "return f() == true", "true");
    CHECK_ANSWER("false", "return f() == false", "true");
    CHECK_ANSWER("\"x\"", "return f() == 'x'", "true");
}

static void numbers_are_integers_or_floats_as_written(void) {
    CHECK_ANSWER("[1,1.0,1e2,-0,-0.0,100]", "local t = {} for i, v in ipairs(f()) do t[i] = math.type(v) end return t",
                 "[\"integer\",\"float\",\"float\",\"integer\",\"float\",\"integer\"]");
    CHECK_ANSWER("9223372036854775807", "return f() == math.maxinteger", "true");
    CHECK_ANSWER("-9223372036854775808", "return f() == math.mininteger", "true");
    CHECK_ANSWER("9007199254740993", "return f() == 9007199254740993", "true");
    CHECK_ANSWER("0.1", "return f() == 0.1", "true");
    CHECK_ANSWER("5e-324", "local x = f() return x > 0 and x / 2 == 0", "true");
    CHECK_ANSWER("1.7976931348623157e308", "local x = f() return x < math.huge and x * 2 == math.huge", "true");
    CHECK_ANSWER("-0.0", "return 1 / f() == -math.huge", "true");
    CHECK_ANSWER("1E+2", "return f() == 100.0", "true");
}

static void strings_are_bytes_of_utf8(void) {
    CHECK_ANSWER("\"a\\u0000b\"", "local s = f() return #s, s:byte(2)", "[3,0]");
    CHECK_ANSWER("\"\\u0000\"", "return f() == '\\0'", "true");
    CHECK_ANSWER("\"\\u00e9\\ud83d\\ude00\"", "return f() == '\\u{e9}\\u{1F600}'", "true");
    CHECK_ANSWER("\"\xc3\xa9\"", "return f() == '\\u{e9}'", "true");
    CHECK_ANSWER("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "return f() == '\"\\\\/\\b\\f\\n\\r\\t'", "true");
    CHECK_ANSWER("\"\"", "return f() == ''", "true");
}

static void arrays_are_tables_from_one(void) {
    CHECK_ANSWER("[10,20,30]", "local t = f() return #t, t[1], t[3], t[0] == nil", "[3,10,30,true]");
    CHECK_ANSWER("[[],[[1]]]", "local t = f() return #t[1], t[2][1][1]", "[0,1]");
}

static void objects_are_tables_by_name(void) {
    CHECK_ANSWER("{\"a\":1,\"b c\":{\"d\":[true]},\"\":0,\"1\":\"one\"}",
                 "local t = f() return t.a, t['b c'].d[1], t[''], t['1'], t[1] == nil", "[1,true,0,\"one\",true]");
}

static void null_in_an_array_is_json_null(void) {
    CHECK_ANSWER("[1,null,3]", "local t = f() return #t, t[2] == json.null, t[2] == nil", "[3,true,false]");
    CHECK_ANSWER("[null]", "return f()[1] == json.null", "true");
    CHECK_KEPT("[1,null,3]", "local t = f() return #t, t[2] == json.null", "[3,true]");
}

static void null_in_an_object_is_nil_unless_kept(void) {
    CHECK_ANSWER("{\"a\":null,\"b\":1}", "local t = f() return t.a == nil, next(t)", "[true,\"b\",1]");
    CHECK_ANSWER("[{\"a\":null}]", "return next(f()[1]) == nil", "true");
    CHECK_KEPT("{\"a\":null}", "local t = f() return t.a == json.null, next(t) == 'a'", "[true,true]");
    CHECK_KEPT("[{\"a\":{\"b\":null}}]", "return f()[1].a.b == json.null", "true");
}

static void a_null_result_is_nil_even_if_nulls_are_kept(void) {
    CHECK_KEPT("null", "return f() == nil", "true");
}

static void what_came_from_json_goes_back_the_same(void) {
    const char *values[] = {"null",
                            "[]",
                            "{}",
                            "[[],{},[[]],{\"a\":[]}]",
                            "{\"a\":{},\"b\":[],\"c\":[{}]}",
                            "[null,null]",
                            "[1,1.0,-0.0,0.1,1.5e-10,9223372036854775807,-9223372036854775808]",
                            "\"\\u0000\\u001f\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\"",
                            "{\"\":\"\",\"a b\":true,\"\xc3\xa9\":[false]}",
                            "[[[[[[[[[[1]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        CHECK_ANSWER(values[i], "return f()", values[i]);
    }
    CHECK_KEPT("{\"a\":null,\"b\":[null]}", "return f()", "{\"a\":null,\"b\":[null]}");
    CHECK_ANSWER("{\"a\":null,\"b\":[null]}", "return f()", "{\"b\":[null]}");
}

/* The mark of an array that came empty must not make it refuse what the script does with it. */
static void an_array_from_json_is_an_ordinary_table(void) {
    CHECK_ANSWER("[]", "local t = f() t[1] = 'x' t[2] = 'y' return t", "[\"x\",\"y\"]");
    CHECK_ANSWER("[1,2,3]", "local t = f() table.remove(t) table.remove(t) table.remove(t) return t", "[]");
    CHECK_ANSWER("[3,1,2]", "local t = f() table.sort(t) return t", "[1,2,3]");
    CHECK_ANSWER("[1,2]", "local n = 0 for _ in pairs(f()) do n = n + 1 end return n", "2");
    CHECK_ANSWER("{}", "local t = f() t[1] = 'x' return t", "[\"x\"]");
}

static void json_null_is_one_value(void) {
    CHECK_ANSWER("[null,null]", "local t = f() return t[1] == t[2] and t[1] == json.null and not not t[1]", "true");
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "local t = {[json.null] = 'key'} return t[json.null]", "\"key\"");
    luawait_engine_free(engine);
}

static void json_array_marks_a_table(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "local t = {} return json.array(t) == t or #json.array(t) == 0", "true");
    EXPECT_VALUE(engine, "return {list = json.array{}, map = {}}", "{\"list\":[],\"map\":{}}");
    EXPECT_VALUE(engine, "local t = json.array{} t[1] = 1 return t", "[1]");
    EXPECT_ERROR(engine, "json.array(5)", "runtime", "table expected");
    luawait_engine_free(engine);
}

static void args_and_globals_follow_the_same_rules(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE_WITH(engine, "return select('#', ...), ...", "{\"args\":[null,[],{},1.0,{\"a\":null}]}",
                      "[5,null,[],{},1.0,{}]");
    EXPECT_VALUE_WITH(engine, "local a, b = ... return a == nil, b[1] == json.null", "{\"args\":[null,[null]]}",
                      "[true,true]");
    EXPECT_VALUE_WITH(engine, "return x == nil, y, z", "{\"globals\":{\"x\":null,\"y\":[],\"z\":\"a\\u0000b\"}}",
                      "[true,[],\"a\\u0000b\"]");
    luawait_engine_free(engine);
}

static void a_large_answer_arrives_whole(void) {
    size_t count = harness_scale(100000, 5000), at = 1;
    char *json = text_of(' ', count * 8 + 3), *expected = text_format("[%zu,%zu]", count, count);
    json[0] = '[';
    for (size_t i = 1; i <= count; i++) {
        char *item = text_format("%s%zu", i > 1 ? "," : "", i);
        memcpy(json + at, item, strlen(item));
        at += strlen(item);
        free(item);
    }
    json[at++] = ']';
    json[at] = '\0';
    CHECK_ANSWER(json, "local t = f() return #t, t[#t]", expected);
    free(json);
    free(expected);
}

TESTS(TEST(simple_values), TEST(numbers_are_integers_or_floats_as_written), TEST(strings_are_bytes_of_utf8),
      TEST(arrays_are_tables_from_one), TEST(objects_are_tables_by_name), TEST(null_in_an_array_is_json_null),
      TEST(null_in_an_object_is_nil_unless_kept), TEST(a_null_result_is_nil_even_if_nulls_are_kept),
      TEST(what_came_from_json_goes_back_the_same), TEST(an_array_from_json_is_an_ordinary_table),
      TEST(json_null_is_one_value), TEST(json_array_marks_a_table), TEST(args_and_globals_follow_the_same_rules),
      TEST(a_large_answer_arrives_whole))
