/* From Lua to JSON: results and arguments, each value of the header's rules, and errors that name the path. */
#include "host.h"
#include "json.h"
#include <math.h>
#include <stdio.h>

typedef struct pair {
    const char *lua;
    const char *json;
} pair;

static void check_pairs(harness_place at, luawait_engine *engine, const pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *script = text_format("return %s", pairs[i].lua);
        host_expect_value(at, engine, script, NULL, pairs[i].json);
        free(script);
    }
}

#define CHECK_PAIRS(engine, pairs) check_pairs(HERE, (engine), (pairs), sizeof(pairs) / sizeof *(pairs))

static void simple_values(void) {
    const pair pairs[] = {{"nil", "null"},       {"true", "true"}, {"false", "false"},
                          {"json.null", "null"}, {"''", "\"\""},   {"'x'", "\"x\""}};
    luawait_engine *engine = engine_with(NULL);
    CHECK_PAIRS(engine, pairs);
    luawait_engine_free(engine);
}

static void integers_have_64_bits(void) {
    const pair pairs[] = {{"0", "0"},
                          {"-1", "-1"},
                          {"math.maxinteger", "9223372036854775807"},
                          {"math.mininteger", "-9223372036854775808"},
                          {"9007199254740993", "9007199254740993"},
                          {"0x10", "16"},
                          {"7 // 2", "3"},
                          {"math.maxinteger + 1", "-9223372036854775808"}};
    luawait_engine *engine = engine_with(NULL);
    CHECK_PAIRS(engine, pairs);
    luawait_engine_free(engine);
}

/* A float stays one: with a point or an exponent, so that it reads back as a float. */
static void floats_have_the_shortest_digits(void) {
    const pair pairs[] = {{"0.1", "0.1"},
                          {"1.0", "1.0"},
                          {"100.0", "100.0"},
                          {"-0.0", "-0.0"},
                          {"0.0", "0.0"},
                          {"0.1 + 0.2", "0.30000000000000004"},
                          {"1 / 3", "0.3333333333333333"},
                          {"2^53", "9007199254740992.0"},
                          {"123456.789", "123456.789"},
                          {"-2.5", "-2.5"},
                          {"6 / 2", "3.0"},
                          {"3.14", "3.14"}};
    luawait_engine *engine = engine_with(NULL);
    CHECK_PAIRS(engine, pairs);
    luawait_engine_free(engine);
}

/* The fewest characters with which printf and strtod give the same number back, without a float's ".0". */
static size_t characters_needed(double value) {
    size_t fewest = SIZE_MAX;
    for (int digits = 1; digits <= 17; digits++) {
        char texts[3][400];
        snprintf(texts[0], sizeof texts[0], "%.*e", digits - 1, value);
        snprintf(texts[1], sizeof texts[1], "%.*g", digits, value);
        snprintf(texts[2], sizeof texts[2], "%.*f", digits - 1, value);
        for (int i = 0; i < 3; i++) {
            if (strtod(texts[i], NULL) == value && strlen(texts[i]) < fewest) fewest = strlen(texts[i]);
        }
    }
    return fewest;
}

static void floats_of_any_size_read_back_the_same(void) {
    const char *values[] = {"1e300",
                            "1e22",
                            "1e23",
                            "5e-324",
                            "2.2250738585072014e-308",
                            "1.7976931348623157e308",
                            "-1e-7",
                            "1e15",
                            "1e16",
                            "1e17",
                            "123456789012345680000.0",
                            "9007199254740993.0",
                            "4.35",
                            "1e-5",
                            "0.0001",
                            "1e21",
                            "2^63",
                            "-2^63",
                            "1.5e-10",
                            "3e-320",
                            "65536.0",
                            "0.5",
                            "8.41e21",
                            "9.5e-3"};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *script = text_format("return %s", values[i]);
        outcome ended = finish(engine, start(engine, script));
        double expected = strncmp(values[i], "2^63", 4) == 0    ? ldexp(1, 63)
                          : strncmp(values[i], "-2^63", 5) == 0 ? -ldexp(1, 63)
                                                                : strtod(values[i], NULL);
        if (ended.state != LUAWAIT_SUCCEEDED || !json_valid(ended.json, ended.length)) {
            harness_fail(HERE, "%s: state %d: %s", values[i], (int)ended.state, ended.json);
        } else if (strtod(ended.json, NULL) != expected) {
            harness_fail(HERE, "%s reads back differently: %s", values[i], ended.json);
        } else if (ended.length > characters_needed(expected) + strlen(".0")) {
            harness_fail(HERE, "%s is not the shortest: %s", values[i], ended.json);
        } else if (strpbrk(ended.json, ".eE") == NULL) {
            harness_fail(HERE, "%s would read back as an integer: %s", values[i], ended.json);
        }
        outcome_free(&ended);
        free(script);
    }
    luawait_engine_free(engine);
}

static void nan_and_infinity_are_conversion_errors(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "return 0/0", "conversion", "result");
    EXPECT_ERROR(engine, "return math.huge", "conversion", "result");
    EXPECT_ERROR(engine, "return -math.huge", "conversion", "result");
    EXPECT_ERROR(engine, "return {speed = {1, 0/0}}", "conversion", "result.speed[2]");
    EXPECT_ERROR(engine, "return {a = {b = 1/0}}", "conversion", "result.a.b");
    luawait_engine_free(engine);
}

static void strings_are_utf8_with_escapes(void) {
    const pair pairs[] = {{"'a\\0b'", "\"a\\u0000b\""},
                          {"'\\0'", "\"\\u0000\""},
                          {"'\"\\\\/'", "\"\\\"\\\\/\""},
                          {"'\\n\\r\\t\\b\\f\\1\\31'", "\"\\n\\r\\t\\b\\f\\u0001\\u001f\""},
                          {"'\\u{e9}\\u{20ac}\\u{1F600}'", "\"\\u00e9\\u20ac\\ud83d\\ude00\""},
                          {"'\\u{7f}\\u{80}\\u{7ff}\\u{800}\\u{d7ff}\\u{e000}\\u{ffff}\\u{10000}\\u{10ffff}'",
                           "\"\x7f\\u0080\\u07ff\\u0800\\ud7ff\\ue000\\uffff\\ud800\\udc00\\udbff\\udfff\""}};
    luawait_engine *engine = engine_with(NULL);
    CHECK_PAIRS(engine, pairs);
    luawait_engine_free(engine);
}

static void every_control_character_is_escaped(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "local s = {} for i = 0, 127 do s[#s + 1] = string.char(i) end "
                                                 "return table.concat(s)"));
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    CHECK(json_valid(ended.json, ended.length));
    size_t length = 0;
    char *decoded = json_string(ended.json, &length);
    CHECK_INT(length, 128);
    for (size_t i = 0; decoded != NULL && i < length; i++) {
        CHECK_INT(decoded[i], i);
    }
    free(decoded);
    outcome_free(&ended);
    luawait_engine_free(engine);
}

static void strings_that_are_not_utf8_are_conversion_errors(void) {
    const char *strings[] = {"\\xff",
                             "\\x80",
                             "\\xc3",
                             "\\xc0\\x80",
                             "\\xe0\\x80\\x80",
                             "\\xed\\xa0\\x80",
                             "\\xf4\\x90\\x80\\x80",
                             "\\xf8\\x88\\x80\\x80\\x80",
                             "ok\\xe2\\x82",
                             "\\xfe"};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char *plain = text_format("return '%s'", strings[i]),
             *inside = text_format("return {list = {'%s'}}", strings[i]);
        char *key = text_format("return {outer = {['%s'] = 1}}", strings[i]);
        EXPECT_ERROR(engine, plain, "conversion", "result");
        EXPECT_ERROR(engine, inside, "conversion", "result.list[1]");
        EXPECT_ERROR(engine, key, "conversion", "result.outer");
        free(plain);
        free(inside);
        free(key);
    }
    luawait_engine_free(engine);
}

static void fail(void *user_data, luawait_call *call) {
    (void)user_data;
    CHECK_STATUS(luawait_call_fail(call, "\"no\"", LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
}

static void tables_are_arrays_or_objects(void) {
    const pair pairs[] = {{"{}", "{}"},
                          {"json.array{}", "[]"},
                          {"json.array{1, 2}", "[1,2]"},
                          {"{1, 'two', {3}}", "[1,\"two\",[3]]"},
                          {"{[1] = 'a', [2] = 'b'}", "[\"a\",\"b\"]"},
                          {"{[2] = 'b', [1] = 'a'}", "[\"a\",\"b\"]"},
                          {"{a = 1, b = {c = json.array{}}}", "{\"a\":1,\"b\":{\"c\":[]}}"},
                          {"{['1'] = 'x', ['2'] = 'y'}", "{\"1\":\"x\",\"2\":\"y\"}"},
                          {"{[''] = 0}", "{\"\":0}"},
                          {"{['two words'] = 1, ['\\\"'] = 2}", "{\"two words\":1,\"\\\"\":2}"},
                          {"{[1.0] = 'float key'}", "[\"float key\"]"},
                          {"{a = nil}", "{}"},
                          {"{json.null, json.null}", "[null,null]"},
                          {"{a = json.null}", "{\"a\":null}"},
                          {"{{}, {}}", "[{},{}]"},
                          {"{false}", "[false]"},
                          {"table.pack(1, 2).n", "2"}};
    luawait_engine *engine = engine_with(NULL);
    CHECK_PAIRS(engine, pairs);
    luawait_engine_free(engine);
}

static void marking_an_array_changes_no_protected_metatable(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "fail", fail, NULL);
    const char *refused = "[false,\"cannot change a protected metatable\"]";
    EXPECT_VALUE(engine,
                 "local t = setmetatable({}, {__metatable = 'mine', __index = {a = 1}})\n"
                 "local ok, message = pcall(json.array, t)\n"
                 "return {ok, message, getmetatable(t), t.a}",
                 "[false,\"cannot change a protected metatable\",\"mine\",1]");
    EXPECT_VALUE(engine, "return {pcall(json.array, setmetatable({}, {__metatable = false}))}", refused);
    EXPECT_VALUE(engine, "local _, e = pcall(fail) return {pcall(json.array, e)}", refused);
    // One that is not protected gives way, as with setmetatable; one array is marked as often as one likes.
    EXPECT_VALUE(engine,
                 "local t = json.array(setmetatable({}, {__index = {a = 1}}))\n"
                 "return {json.array(t) == t, t, t.a == nil, setmetatable(t, nil)}",
                 "[true,{},true,{}]");
    EXPECT_VALUE(engine, "return {{}, json.array(json.array(setmetatable({}, {})))}", "[{},[]]");
    luawait_engine_free(engine);
}

static void a_table_that_is_neither_is_a_conversion_error(void) {
    const pair cases[] = {{"{1, 2, x = 3}", "result"},
                          {"{1, nil, 3}", "result"},
                          {"{[0] = 'zero'}", "result"},
                          {"{[2] = 'two'}", "result"},
                          {"{[1.5] = 'half'}", "result"},
                          {"{[true] = 1}", "result"},
                          {"{[-1] = 1, 'one'}", "result"},
                          {"{[print] = 1}", "result"},
                          {"{[{}] = 1}", "result"},
                          {"{rows = {1, x = 2}}", "result.rows"},
                          {"{{}, {a = {[3] = 1}}}", "result[2].a"},
                          {"json.array{x = 1}", "result"},
                          {"table.pack(1, 2)", "result"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *script = text_format("return %s", cases[i].lua);
        outcome ended = finish(engine, start(engine, script));
        if (ended.state != LUAWAIT_FAILED) harness_fail(HERE, "%s: %s", cases[i].lua, ended.json);
        CHECK_ERROR(ended, "conversion", cases[i].json);
        free(script);
    }
    luawait_engine_free(engine);
}

static void functions_and_their_like_are_conversion_errors(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "return print", "conversion", "result");
    EXPECT_ERROR(engine, "return {callback = function() end}", "conversion", "result.callback");
    EXPECT_ERROR(engine, "return coroutine.create(print)", "conversion", "result");
    EXPECT_ERROR(engine, "return {1, 2, {three = coroutine.running()}}", "conversion", "result[3].three");
    EXPECT_ERROR(engine, "return {items = {{}, {}, {owner = print}}}", "conversion", "result.items[3].owner");
    luawait_engine_free(engine);
}

static void cycles_are_conversion_errors(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "local t = {} t.self = t return t", "conversion", "result.self");
    EXPECT_ERROR(engine, "local a, b = {}, {} a[1] = b b.back = a return {a}", "conversion", "result[1][1].back");
    EXPECT_VALUE(engine, "local t = {1} return {t, t, {t}}", "[[1],[1],[[1]]]");
    luawait_engine_free(engine);
}

static void a_path_shows_keys_that_are_no_identifiers(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "return {['a b'] = {print}}", "conversion", "a b");
    EXPECT_ERROR(engine, "return {['1'] = {print}}", "conversion", "1");
    EXPECT_ERROR(engine, "return {['\\u{e9}'] = print}", "conversion", "\xc3\xa9");
    luawait_engine_free(engine);
}

static void several_values_are_an_array_and_a_path_says_which(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return 1, {}, nil, 'x'", "[1,{},null,\"x\"]");
    EXPECT_ERROR(engine, "return 1, {a = print}", "conversion", "[2].a");
    luawait_engine_free(engine);
}

/* Values are read as they are: metamethods would run the script's code in the middle of the conversion. */
static void metamethods_play_no_part(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return setmetatable({1, 2}, {__len = function() return 99 end, __index = error})", "[1,2]");
    EXPECT_VALUE(engine, "return setmetatable({a = 1}, {__pairs = function() error('no') end})", "{\"a\":1}");
    EXPECT_VALUE(engine, "return setmetatable({}, {__tostring = function() return 'x' end})", "{}");
    luawait_engine_free(engine);
}

static void arguments_follow_the_same_rules(void) {
    const pair pairs[] = {{"math.mininteger", "[-9223372036854775808]"},
                          {"-0.0", "[-0.0]"},
                          {"'a\\0b'", "[\"a\\u0000b\"]"},
                          {"{}, json.array{}, {1}, {a = 1}", "[{},[],[1],{\"a\":1}]"},
                          {"json.null, {json.null}, {a = json.null}", "[null,[null],{\"a\":null}]"}};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *script = text_format("f(%s)", pairs[i].lua);
        uint64_t eval = start(engine, script);
        request taken = wait_for_request(engine);
        CHECK_JSON(taken.args, pairs[i].json);
        answer(engine, taken.id, "null");
        CHECK_VALUE(finish(engine, eval), "null");
        request_free(&taken);
        free(script);
    }
    luawait_engine_free(engine);
}

static void arguments_that_do_not_convert_are_errors_at_the_call(void) {
    const pair cases[] = {{"{a = {print}}", ".a[1]"}, {"0/0", ""},       {"'\\xff'", ""},
                          {"{1, x = 2}", ""},         {"{[3] = 3}", ""}, {"1, {deep = {math.huge}}", ".deep[1]"}};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "send");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *script = text_format("local x\nsend(%s)", cases[i].lua);
        outcome ended = finish(engine, start(engine, script));
        CHECK_MEMBER(ended.json, "function", "\"send\"");
        CHECK_MEMBER(ended.json, "line", "2");
        CHECK_ERROR(ended, "conversion", cases[i].json);
        free(script);
        script = text_format("local ok, e = pcall(send, %s) return ok, e.type, e['function'], tostring(e) == e.message",
                             cases[i].lua);
        EXPECT_VALUE(engine, script, "[false,\"conversion\",\"send\",true]");
        free(script);
    }
    CHECK_INT(stat_of(engine, "requests", "posted"), 0);
    luawait_engine_free(engine);
}

static void a_large_table_is_carried_whole(void) {
    luawait_engine *engine = engine_with(NULL);
    size_t count = harness_scale(100000, 5000);
    char *script = text_format("local t = {} for i = 1, %zu do t[i] = {id = i, name = 'n' .. i} end return t", count);
    outcome ended = finish(engine, start(engine, script));
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    CHECK(json_valid(ended.json, ended.length));
    CHECK_INT(json_count(ended.json), count);
    char *last = json_element(ended.json, count - 1),
         *expected = text_format("{\"id\":%zu,\"name\":\"n%zu\"}", count, count);
    CHECK_JSON(last, expected);
    free(last);
    free(expected);
    free(script);
    outcome_free(&ended);
    luawait_engine_free(engine);
}

TESTS(TEST(simple_values), TEST(integers_have_64_bits), TEST(floats_have_the_shortest_digits),
      TEST(floats_of_any_size_read_back_the_same), TEST(nan_and_infinity_are_conversion_errors),
      TEST(strings_are_utf8_with_escapes), TEST(every_control_character_is_escaped),
      TEST(strings_that_are_not_utf8_are_conversion_errors), TEST(tables_are_arrays_or_objects),
      TEST(marking_an_array_changes_no_protected_metatable), TEST(a_table_that_is_neither_is_a_conversion_error),
      TEST(functions_and_their_like_are_conversion_errors), TEST(cycles_are_conversion_errors),
      TEST(a_path_shows_keys_that_are_no_identifiers), TEST(several_values_are_an_array_and_a_path_says_which),
      TEST(metamethods_play_no_part), TEST(arguments_follow_the_same_rules),
      TEST(arguments_that_do_not_convert_are_errors_at_the_call), TEST(a_large_table_is_carried_whole))
