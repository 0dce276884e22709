/* Scripts that no one should write, and bytes that are none: an outcome each time, and no harm. */
#include "host.h"
#include "json.h"

/* 10 MB; where every step is slow, enough to be larger than any buffer. */
#define MEGABYTES_10 harness_scale((size_t)10 * 1024 * 1024, (size_t)256 * 1024)

static void scripts_of_10_mb_are_taken_where_they_are_allowed(void) {
    luawait_engine *engine = engine_with("{\"max_script_bytes\":0}");
    char *word = text_of('x', MEGABYTES_10), *spaces = text_of(' ', MEGABYTES_10);
    char *comment = text_format("--%s\nreturn 'commented'", word), *string = text_format("return #'%s'", word);
    char *empty = text_format("%sreturn 'spaced'", spaces), *broken = text_format("return '%s", word);
    char *length = text_format("%zu", MEGABYTES_10);
    EXPECT_VALUE(engine, comment, "\"commented\"");
    EXPECT_VALUE(engine, string, length);
    EXPECT_VALUE(engine, empty, "\"spaced\"");
    EXPECT_VALUE(engine, spaces, "null");
    EXPECT_ERROR_WITH(engine, broken, "{\"memory_bytes\":0}", "syntax", "unfinished string");
    CHECK_STATUS(luawait_check(engine, comment, strlen(comment), NULL, 0, NULL), LUAWAIT_OK);
    free(word);
    free(spaces);
    free(comment);
    free(string);
    free(empty);
    free(broken);
    free(length);
    luawait_engine_free(engine);
}

static void scripts_nested_without_end_are_syntax_errors(void) {
    luawait_engine *engine = engine_with(NULL);
    char *brackets = text_of('(', 100000), *braces = text_of('{', 100000), *minus = text_of('-', 99999);
    /* Minus signs in pairs would be comments. */
    for (size_t i = 1; i < 99999; i += 2) {
        minus[i] = ' ';
    }
    char *scripts[] = {text_format("return %s", brackets), text_format("return %s", braces),
                       text_format("return %s1", minus)};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        EXPECT_ERROR(engine, scripts[i], "syntax", "");
        CHECK_STATUS(luawait_check(engine, scripts[i], strlen(scripts[i]), NULL, 0, NULL), LUAWAIT_ERR_SYNTAX);
        free(scripts[i]);
    }
    free(brackets);
    free(braces);
    free(minus);
    luawait_engine_free(engine);
}

static outcome run_bytes(luawait_engine *engine, const char *script, size_t length) {
    uint64_t eval = 0;
    REQUIRE_OK(luawait_start(engine, script, length, NULL, 0, &eval, NULL));
    return finish(engine, eval);
}

static void scripts_with_nuls_are_lua_texts_like_others(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_VALUE(run_bytes(engine, "return 'a\0b'", 12), "\"a\\u0000b\"");
    CHECK_ERROR(run_bytes(engine, "return 1\0", 9), "syntax", "");
    CHECK_ERROR(run_bytes(engine, "\0", 1), "syntax", "");
    CHECK_ERROR(run_bytes(engine, "return 1 \0 + 1", 14), "syntax", "");
    CHECK_VALUE(run_bytes(engine, "return 1 -- \0 ", 14), "1");
    CHECK_VALUE(run_bytes(engine, "return 1\0", LUAWAIT_NUL_TERMINATED), "1");
    luawait_engine_free(engine);
}

static void binary_chunks_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    const char header[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08";
    for (size_t length = 1; length < sizeof header; length++) {
        CHECK_ERROR(run_bytes(engine, header, length), "syntax", "binary");
        CHECK_STATUS(luawait_check(engine, header, length, NULL, 0, NULL), LUAWAIT_ERR_SYNTAX);
    }
    /* Lua's own loader skips a first line that begins with #; a chunk must not come in behind it. */
    outcome ended = run_bytes(engine, "#!lua\n\x1bLua\x54", 11);
    CHECK_ERROR(ended, "syntax", "");
    luawait_engine_free(engine);
}

static void random_bytes_do_no_harm(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":200,\"memory_bytes\":4000000}");
    uint32_t state = 12345;
    for (size_t round = 0; round < harness_scale(2000, 100); round++) {
        char bytes[64];
        luawait_engine *none = NULL;
        size_t length = round % sizeof bytes;
        for (size_t i = 0; i < length; i++) {
            state = state * 1664525 + 1013904223;
            bytes[i] = (char)(state >> 24);
        }
        outcome ended = run_bytes(engine, bytes, length);
        CHECK(ended.json != NULL && json_valid(ended.json, ended.length));
        CHECK(ended.state == LUAWAIT_SUCCEEDED || ended.state == LUAWAIT_FAILED);
        outcome_free(&ended);
        luawait_status status = luawait_engine_new(bytes, length, &none, NULL);
        CHECK(status == LUAWAIT_ERR_JSON || status == LUAWAIT_ERR_OPTION);
        luawait_status named = luawait_register(engine, bytes, length, NULL, 0, NULL);
        if (named == LUAWAIT_OK) named = luawait_unregister(engine, bytes, length);
        CHECK(named == LUAWAIT_OK || named == LUAWAIT_ERR_ARGUMENT);
    }
    EXPECT_VALUE(engine, "return 'unharmed'", "\"unharmed\"");
    luawait_engine_free(engine);
}

static void names_of_chunks_may_be_anything(void) {
    luawait_engine *engine = engine_with(NULL);
    char *word = text_of('n', 100000), *options = text_format("{\"name\":\"%s\"}", word);
    const char *names[] = {"{\"name\":\"\"}",
                           "{\"name\":\"=x\"}",
                           "{\"name\":\"@x\"}",
                           "{\"name\":\"a\\nb\"}",
                           "{\"name\":\"%s%n\"}",
                           "{\"name\":\"\\u00e9\\ud83d\\ude00\"}",
                           options};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        outcome ended = finish(engine, start_with(engine, "error('e')", names[i]));
        CHECK(ended.json != NULL && json_valid(ended.json, ended.length));
        CHECK_ERROR(ended, "runtime", ": e");
    }
    free(word);
    free(options);
    luawait_engine_free(engine);
}

/* `count` times `piece`, then `end`. */
static char *repeated(const char *begin, const char *piece, size_t count, const char *end) {
    char *pieces = text_of(' ', count * strlen(piece));
    for (size_t k = 0; k < count; k++)
        memcpy(pieces + k * strlen(piece), piece, strlen(piece));
    char *script = text_format("%s%s%s", begin, pieces, end);
    free(pieces);
    return script;
}

/* What Lua's compiler does at the end of a loop or function takes time that grows with their number, or its square. */
static void too_many_jumps_in_a_function_are_a_syntax_error(void) {
    luawait_engine *engine = engine_with(NULL);
    const struct {
        const char *piece;
        size_t most;
    } cases[] = {{"goto a\n", 2000},
                 {"while x do break end\n", 2000},
                 {"while true do end\n", 20000},
                 {"if x then else end\n", 20000},
                 {"if x then elseif y then end\n", 20000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *allowed = repeated("", cases[i].piece, cases[i].most, "::a::"), *line = NULL;
        char *refused = repeated("", cases[i].piece, cases[i].most + 1, "::a::");
        luawait_error error = {.struct_size = sizeof error};
        CHECK_STATUS(luawait_check(engine, allowed, strlen(allowed), NULL, 0, &error), LUAWAIT_OK);
        CHECK_STATUS(luawait_check(engine, refused, strlen(refused), NULL, 0, &error), LUAWAIT_ERR_SYNTAX);
        CHECK_CONTAINS(error.message, "too many jumps");
        CHECK_INT(error.line, (int)cases[i].most + 1);
        line = text_format("script:%zu: too many jumps", cases[i].most + 1);
        EXPECT_ERROR(engine, refused, "syntax", line);
        free(line);
        free(allowed);
        free(refused);
    }
    EXPECT_VALUE(engine, "return select(2, load(('goto a '):rep(2001)))",
                 "\"load:1: too many jumps (limit is 2000 goto and break in a function)\"");
    EXPECT_VALUE(engine,
                 "local n = 0 return select(2, load(function() n = n + 1 return n % 2 == 1 and 'brea' or 'k ' end)):"
                 "match('too many jumps')",
                 "\"too many jumps\"");
    luawait_engine_free(engine);
}

/* Only where they are jumps of one function: each of these has far more of the words. */
static void words_of_jumps_elsewhere_are_nobodys_affair(void) {
    luawait_engine *engine = engine_with(NULL);
    const struct {
        const char *begin, *piece, *end;
    } cases[] = {
        {"local t = '", "break goto ", "' return #t > 0"},
        {"local t = [==[", "break ]=] goto ", "]==] return #t > 0"},
        {"--[=[", "break ]] goto ", "]=] return true"},
        {"", "-- break goto\n", "return true"},
        {"", "-- [[ break\n", "return true"},
        {"", "--[=break\n", "return true"},
        {"local t = \"", "\\\" break \\\\", "\" return #t > 0"},
        {"local breaks, _goto, go_to, break1 = 1, 2, 3, 4 ", "breaks = _goto go_to = break1 ", "return true"},
        {"", "f = function() while x do break end goto a do end ::a:: end ", "return true"},
        {"", "local function g() if x then for _ = 1, 2 do repeat break until x end else goto a end ::a:: end g = g ",
         "return true"},
        {"local t = {} t[1] = 1 ", "t[t[1]] = 0xA5 .. 'x' t[1] = 1 x = function() goto a ::a:: end ", "return true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = strstr(cases[i].piece, "local function") != NULL ? 150 : 4000;
        char *script = repeated(cases[i].begin, cases[i].piece, count, cases[i].end);
        EXPECT_VALUE(engine, script, "true");
        free(script);
    }
    luawait_engine_free(engine);
}

/* Each `or` of a chain takes Lua's compiler longer than the one before: a megabyte takes it half a minute. */
static char *source_that_takes_long(void) {
    return repeated("return x", " or x", 200000, "");
}

static void compiling_counts_as_processor_time(void) {
    const char *configs[] = {"{\"cpu_ms\":30}", "{\"cpu_ms\":30,\"preemption\":\"count\"}"};
    char *script = source_that_takes_long();
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        luawait_engine *engine = engine_with(configs[i]);
        EXPECT_ERROR(engine, script, "cpu", "cpu_ms");
        EXPECT_ERROR(engine, "while true do load('return x' .. (' or x'):rep(200000)) end", "cpu", "cpu_ms");
        outcome here = {0};
        REQUIRE_OK(luawait_eval(engine, script, strlen(script), NULL, 0, &here.state, &here.json, &here.length, NULL));
        CHECK_ERROR(here, "cpu", "cpu_ms");
        EXPECT_VALUE(engine, "return 1 + 1", "2");
        luawait_engine_free(engine);
    }
    free(script);
}

static void a_cancel_ends_compiling(void) {
    const char *configs[] = {"{\"cpu_ms\":0,\"workers\":1}", "{\"cpu_ms\":0,\"workers\":1,\"preemption\":\"count\"}"};
    char *script = source_that_takes_long();
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        luawait_engine *engine = engine_with(configs[i]);
        uint64_t eval = start(engine, script);
        /* It has left the queue: the only worker has it. */
        while (stat_of(engine, "evals", "queued") != 0)
            sched_yield();
        REQUIRE_OK(luawait_cancel(engine, eval));
        CHECK_CANCELLED(finish(engine, eval));
        EXPECT_VALUE(engine, "return 'free again'", "\"free again\"");
        eval = start_with(engine, script, "{\"timeout_ms\":20}");
        CHECK_ERROR(finish(engine, eval), "timeout", "");
        luawait_engine_free(engine);
    }
    free(script);
}

static void a_check_takes_no_more_than_its_processor_time(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":30}");
    char *script = source_that_takes_long();
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_check(engine, script, strlen(script), NULL, 0, &error), LUAWAIT_ERR_LIMIT);
    CHECK_CONTAINS(error.message, "cpu_ms");
    free(script);
    luawait_engine_free(engine);
}

static void load_takes_sources_up_to_the_size_of_scripts(void) {
    luawait_engine *engine = engine_with("{\"max_script_bytes\":100}");
    EXPECT_VALUE(engine, "return load('return 1' .. (' '):rep(92))()", "1");
    EXPECT_VALUE(engine, "return load(' return 1' .. (' '):rep(92))",
                 "[null,\"load: more than 100 bytes of source (max_script_bytes)\"]");
    EXPECT_VALUE(engine, "return (load(function() return ' ' end))", "null");
    luawait_engine_free(engine);
}

TESTS(TEST(scripts_of_10_mb_are_taken_where_they_are_allowed), TEST(scripts_nested_without_end_are_syntax_errors),
      TEST(scripts_with_nuls_are_lua_texts_like_others), TEST(binary_chunks_are_refused), TEST(random_bytes_do_no_harm),
      TEST(names_of_chunks_may_be_anything), TEST(too_many_jumps_in_a_function_are_a_syntax_error),
      TEST(words_of_jumps_elsewhere_are_nobodys_affair), TEST(compiling_counts_as_processor_time),
      TEST(a_cancel_ends_compiling), TEST(a_check_takes_no_more_than_its_processor_time),
      TEST(load_takes_sources_up_to_the_size_of_scripts))
