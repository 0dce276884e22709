/* Scripts that no one should write, and bytes that are none: an outcome each time, and no harm. */
#include "host.h"
#include "json.h"

/* 10 MB; where every step is slow, enough to be larger than any buffer. */
#define MEGABYTES_10 harness_scale((size_t)10 * 1024 * 1024, (size_t)256 * 1024)

static void scripts_of_10_mb_are_taken(void) {
    luawait_engine *engine = engine_with(NULL);
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

/* Lua's compiler takes time that grows with the square of their number, and cannot be stopped. */
static void too_many_jumps_are_refused_before_they_are_compiled(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *words[] = {"goto a ", "::a:: ", "if x then elseif y then end ", "while x do break end "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *source = text_of(' ', 10001 * strlen(words[i]));
        for (size_t k = 0; k <= 10000; k++)
            memcpy(source + k * strlen(words[i]), words[i], strlen(words[i]));
        luawait_error error = {.struct_size = sizeof error};
        CHECK_STATUS(luawait_check(engine, source, strlen(source), NULL, 0, &error), LUAWAIT_ERR_SYNTAX);
        CHECK_CONTAINS(error.message, "too many jumps");
        free(source);
    }
    EXPECT_VALUE(engine, "return select(2, load(('goto a '):rep(10001))):match('too many jumps')",
                 "\"too many jumps\"");
    EXPECT_VALUE(engine,
                 "local n = 0 return select(2, load(function() n = n + 1 return n % 2 == 1 and 'brea' or 'k ' end)):"
                 "match('too many jumps')",
                 "\"too many jumps\"");
    EXPECT_VALUE(engine, "return load(('if x then elseif y then end '):rep(9000) .. 'return 7')()", "7");
    luawait_engine_free(engine);
}

TESTS(TEST(scripts_of_10_mb_are_taken), TEST(scripts_nested_without_end_are_syntax_errors),
      TEST(scripts_with_nuls_are_lua_texts_like_others), TEST(binary_chunks_are_refused), TEST(random_bytes_do_no_harm),
      TEST(names_of_chunks_may_be_anything), TEST(too_many_jumps_are_refused_before_they_are_compiled))
