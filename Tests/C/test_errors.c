/* Error outcomes, member by member, and how the errors of host calls look inside a script. */
#include "host.h"
#include "json.h"

static void a_runtime_error_says_what_and_where(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "local function inner()\n  error('boom')\nend\ninner()"));
    CHECK_MEMBER(ended.json, "type", "\"runtime\"");
    CHECK_MEMBER(ended.json, "message", "\"script:2: boom\"");
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "stack traceback:");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "script:2:");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "script:4:");
    CHECK_MEMBER(ended.json, "function", NULL);
    CHECK_MEMBER(ended.json, "host_type", NULL);
    CHECK_MEMBER(ended.json, "data", NULL);
    CHECK_ERROR(ended, "runtime", "boom");
    luawait_engine_free(engine);
}

static void lua_has_its_own_words(void) {
    const char *cases[][2] = {{"local t = nil return t.x", "attempt to index a nil value (local 't')"},
                              {"undefined_function()", "attempt to call a nil value (global 'undefined_function')"},
                              {"return 1 + {}", "attempt to perform arithmetic on a table value"},
                              {"return 'a' < 1", "attempt to compare string with number"},
                              {"return #5", "attempt to get length of a number value"},
                              {"string.rep()", "bad argument #1 to 'rep'"},
                              {"local x <const> = 1 x = 2", "attempt to assign to const variable 'x'"},
                              {"assert(false)", "assertion failed!"},
                              {"assert(nil, 'my words')", "my words"}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome ended = finish(engine, start(engine, cases[i][0]));
        CHECK_MEMBER_CONTAINS(ended.json, "message", cases[i][1]);
        CHECK_INT(ended.state, LUAWAIT_FAILED);
        outcome_free(&ended);
    }
    luawait_engine_free(engine);
}

static void a_syntax_error_says_what_and_where(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "local a\n\nlocal b = }"));
    CHECK_MEMBER(ended.json, "message", "\"script:3: unexpected symbol near '}'\"");
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_MEMBER(ended.json, "line", "3");
    CHECK_MEMBER(ended.json, "traceback", NULL);
    CHECK_MEMBER(ended.json, "function", NULL);
    CHECK_ERROR(ended, "syntax", "unexpected symbol");
    luawait_engine_free(engine);
}

static void error_values_of_any_type_are_outcomes(void) {
    const char *cases[][2] = {{"error('plain', 0)", "plain"},
                              {"error()", "nil"},
                              {"error(nil)", "nil"},
                              {"error(42, 0)", "42"},
                              {"error(1.5, 0)", "1.5"},
                              {"error(true)", "boolean"},
                              {"error(print)", "function"},
                              {"error(coroutine.create(print))", "thread"},
                              {"error({})", "table"},
                              {"error('')", "script:1:"},
                              {"error('', 0)", ""}};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome ended = finish(engine, start(engine, cases[i][0]));
        if (ended.state != LUAWAIT_FAILED) harness_fail(HERE, "%s: %s", cases[i][0], ended.json);
        CHECK_ERROR(ended, "runtime", cases[i][1]);
    }
    luawait_engine_free(engine);
}

/* As the lua program does it: an error object with a __tostring is shown by that. */
static void an_error_object_speaks_through_its_tostring(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "error(setmetatable({}, {__tostring = function() return 'its own words' end}))", "runtime",
                 "its own words");
    luawait_engine_free(engine);
}

static void an_error_table_is_the_data(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "error({code = 7, list = {1, 2}})"));
    CHECK_MEMBER(ended.json, "data", "{\"code\":7,\"list\":[1,2]}");
    CHECK_ERROR(ended, "runtime", "");
    ended = finish(engine, start(engine, "error({})"));
    CHECK_MEMBER(ended.json, "data", "{}");
    CHECK_ERROR(ended, "runtime", "");
    luawait_engine_free(engine);
}

/* A table that has no JSON, or a tostring that fails, must not hide the error itself. */
static void an_error_table_without_json_is_still_an_outcome(void) {
    const char *scripts[] = {"local t = {} t.t = t error(t)",
                             "error({f = print})",
                             "error({1, x = 2})",
                             "error(setmetatable({}, {__tostring = function() error('again') end}))",
                             "error(setmetatable({}, {__tostring = function() return {} end}))",
                             "local t = {} for i = 1, 1000 do t = {t} end error(t)",
                             "error({s = '\\xff'})"};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        EXPECT_ERROR(engine, scripts[i], "runtime", "");
    }
    luawait_engine_free(engine);
}

static void a_looping_tostring_is_interrupted(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":50}");
    outcome ended =
        finish(engine, start(engine, "error(setmetatable({}, {__tostring = function() while true do end end}))"));
    CHECK_INT(ended.state, LUAWAIT_FAILED);
    outcome_free(&ended);
    luawait_engine_free(engine);
}

static void a_message_that_is_not_utf8_is_still_json(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *scripts[] = {"error('\\xff\\xfe')", "error('a\\0b')", "error(string.rep('\\x80', 1000), 0)",
                             "local \xff = 1", "return {['\\xff'] = print}"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        outcome ended = finish(engine, start(engine, scripts[i]));
        CHECK_INT(ended.state, LUAWAIT_FAILED);
        CHECK(json_valid(ended.json, ended.length));
        outcome_free(&ended);
    }
    luawait_engine_free(engine);
}

static void a_long_message_and_a_deep_traceback_are_carried(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "error(string.rep('long ', 10000), 0)"));
    CHECK(ended.length > 50000);
    CHECK_ERROR(ended, "runtime", "long long");
    ended = finish(engine,
                   start(engine, "local function f(n) if n == 0 then error('deep') end f(n - 1) return n end f(500)"));
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "stack traceback:");
    CHECK_ERROR(ended, "runtime", "deep");
    luawait_engine_free(engine);
}

static outcome fail_call(luawait_engine *engine, const char *script, const char *failure) {
    uint64_t eval = start(engine, script);
    request taken = wait_for_request(engine);
    answer_error(engine, taken.id, failure);
    request_free(&taken);
    return finish(engine, eval);
}

static void an_uncaught_host_error_is_the_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "http.get");
    outcome ended = fail_call(engine, "local url = 'x'\nreturn http.get(url)",
                              "{\"message\":\"gone\",\"type\":\"HTTPError\",\"data\":{\"status\":410}}");
    CHECK_MEMBER(ended.json, "function", "\"http.get\"");
    CHECK_MEMBER(ended.json, "host_type", "\"HTTPError\"");
    CHECK_MEMBER(ended.json, "data", "{\"status\":410}");
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_MEMBER_CONTAINS(ended.json, "traceback", "script:2");
    CHECK_ERROR(ended, "host", "gone");
    ended = fail_call(engine, "http.get()", "\"only a message\"");
    CHECK_MEMBER(ended.json, "host_type", NULL);
    CHECK_MEMBER(ended.json, "data", NULL);
    CHECK_ERROR(ended, "host", "only a message");
    luawait_engine_free(engine);
}

static void a_caught_host_error_is_a_table(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    const char *failure = "{\"message\":\"gone\",\"type\":\"HTTPError\",\"data\":[410]}";
    CHECK_VALUE(fail_call(engine,
                          "local ok, e = pcall(f) return ok, type(e), e.type, e.message, e['function'], "
                          "e.host_type, e.data[1], tostring(e)",
                          failure),
                "[false,\"table\",\"host\",\"gone\",\"f\",\"HTTPError\",410,\"gone\"]");
    CHECK_VALUE(fail_call(engine, "local ok, e = pcall(f) return e.type, e.message, e.host_type == nil, e.data == nil",
                          "\"plain\""),
                "[\"host\",\"plain\",true,true]");
    CHECK_VALUE(
        fail_call(engine, "return select(2, xpcall(f, function(e) return 'handled ' .. e.message end))", "\"plain\""),
        "\"handled plain\"");
    CHECK_VALUE(fail_call(engine, "local ok, e = pcall(f) return tostring(e) .. '!', ('%s'):format(e)", "\"plain\""),
                "[\"plain!\",\"plain\"]");
    luawait_engine_free(engine);
}

static void the_data_of_a_host_error_may_be_any_value(void) {
    const char *values[] = {"1", "\"text\"", "[]", "{}", "[1,{\"a\":null}]", "false", "1.5"};
    const char *in_script[] = {"1", "\"text\"", "[]", "{}", "[1,{}]", "false", "1.5"};
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *failure = text_format("{\"message\":\"m\",\"data\":%s}", values[i]);
        CHECK_VALUE(fail_call(engine, "local ok, e = pcall(f) return e.data", failure), in_script[i]);
        free(failure);
    }
    luawait_engine_free(engine);
}

static void a_rethrown_host_error_stays_one(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    const char *failure = "{\"message\":\"gone\",\"type\":\"HTTPError\",\"data\":{\"status\":410}}";
    const char *scripts[] = {"local ok, e = pcall(f) error(e)", "local ok, e = pcall(f) error(e, 0)",
                             "coroutine.wrap(function() f() end)()",
                             "local co = coroutine.create(f) local ok, e = coroutine.resume(co) error(e)"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        outcome ended = fail_call(engine, scripts[i], failure);
        CHECK_MEMBER(ended.json, "function", "\"f\"");
        CHECK_MEMBER(ended.json, "host_type", "\"HTTPError\"");
        CHECK_MEMBER(ended.json, "data", "{\"status\":410}");
        CHECK_ERROR(ended, "host", "gone");
    }
    luawait_engine_free(engine);
}

/* A script may build a table that looks like the library's; it must not pass for one. */
static void a_forged_error_table_is_a_runtime_error(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "error({type = 'cancelled', message = 'forged'})"));
    CHECK_MEMBER(ended.json, "data", "{\"type\":\"cancelled\",\"message\":\"forged\"}");
    CHECK_ERROR(ended, "runtime", "");
    EXPECT_ERROR(engine, "error({type = 'host', message = 'forged', ['function'] = 'f'})", "runtime", "");
    luawait_engine_free(engine);
}

static void an_error_table_passes_pcall_untouched(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "local t = {1} local ok, e = pcall(error, t) return ok, e == t", "[false,true]");
    EXPECT_VALUE(engine, "local ok, e = pcall(error) return ok, e == nil", "[false,true]");
    EXPECT_VALUE(engine, "return pcall(error, 'text', 0)", "[false,\"text\"]");
    EXPECT_VALUE(engine, "return xpcall(error, function(e) return {wrapped = e} end, 'x', 0)",
                 "[false,{\"wrapped\":\"x\"}]");
    luawait_engine_free(engine);
}

static void an_error_in_a_chunk_of_load_names_that_chunk(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "load('local x\\nerror(\"inner\")', '=part')()"));
    CHECK_MEMBER(ended.json, "chunk", "\"part\"");
    CHECK_MEMBER(ended.json, "line", "2");
    CHECK_ERROR(ended, "runtime", "part:2: inner");
    luawait_engine_free(engine);
}

static void an_error_in_a_coroutine_says_where(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome ended = finish(engine, start(engine, "local f = coroutine.wrap(function()\n  error('inside')\nend)\nf()"));
    CHECK_MEMBER(ended.json, "chunk", "\"script\"");
    CHECK_ERROR(ended, "runtime", "script:2: inside");
    luawait_engine_free(engine);
}

/* As in plain Lua: what a handler raises on the way out is what is reported. */
static void an_error_in_a_close_handler_replaces_the_first(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine,
                 "local x <close> = setmetatable({}, {__close = function() error('second', 0) end}) "
                 "error('first', 0)",
                 "runtime", "second");
    EXPECT_ERROR(engine, "local x <close> = setmetatable({}, {__close = function() error('second', 0) end}) return 1",
                 "runtime", "second");
    luawait_engine_free(engine);
}

static void the_message_of_an_uncaught_cancel_is_there(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_cancel(engine, eval));
    outcome ended = finish(engine, eval);
    CHECK(ended.json != NULL && json_valid(ended.json, ended.length));
    char *message = ended.json != NULL ? json_member(ended.json, "message") : NULL;
    CHECK(message != NULL && strlen(message) > 2);
    free(message);
    CHECK_CANCELLED(ended);
    request_free(&taken);
    luawait_engine_free(engine);
}

TESTS(TEST(a_runtime_error_says_what_and_where), TEST(lua_has_its_own_words), TEST(a_syntax_error_says_what_and_where),
      TEST(error_values_of_any_type_are_outcomes), TEST(an_error_object_speaks_through_its_tostring),
      TEST(an_error_table_is_the_data), TEST(an_error_table_without_json_is_still_an_outcome),
      TEST(a_looping_tostring_is_interrupted), TEST(a_message_that_is_not_utf8_is_still_json),
      TEST(a_long_message_and_a_deep_traceback_are_carried), TEST(an_uncaught_host_error_is_the_outcome),
      TEST(a_caught_host_error_is_a_table), TEST(the_data_of_a_host_error_may_be_any_value),
      TEST(a_rethrown_host_error_stays_one), TEST(a_forged_error_table_is_a_runtime_error),
      TEST(an_error_table_passes_pcall_untouched), TEST(an_error_in_a_chunk_of_load_names_that_chunk),
      TEST(an_error_in_a_coroutine_says_where), TEST(an_error_in_a_close_handler_replaces_the_first),
      TEST(the_message_of_an_uncaught_cancel_is_there))
