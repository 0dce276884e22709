/* luawait_check(): syntax without running. */
#include "host.h"

static luawait_status check(luawait_engine *engine, const char *script, luawait_error *error) {
    return luawait_check(engine, script, strlen(script), NULL, 0, error);
}

static void what_compiles_is_ok(void) {
    const char *scripts[] = {"",
                             "return 1",
                             "1 + 1",
                             "x = 5",
                             "local function f() end",
                             "-- comment",
                             "f()",
                             "...",
                             "while true do end",
                             "error('not now')",
                             "return ..."};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        luawait_error error = {.struct_size = sizeof error};
        if (check(engine, scripts[i], &error) != LUAWAIT_OK) harness_fail(HERE, "%s: %s", scripts[i], error.message);
    }
    luawait_engine_free(engine);
}

static void a_mistake_has_its_line_and_luas_message(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(check(engine, "local a = 1\nlocal b = = 2", &error), LUAWAIT_ERR_SYNTAX);
    CHECK_INT(error.status, LUAWAIT_ERR_SYNTAX);
    CHECK_INT(error.line, 2);
    CHECK_CONTAINS(error.message, "script:2:");
    CHECK_CONTAINS(error.message, "unexpected symbol near '='");
    CHECK_STATUS(check(engine, "for", &error), LUAWAIT_ERR_SYNTAX);
    CHECK_STATUS(check(engine, "return 'open", &error), LUAWAIT_ERR_SYNTAX);
    CHECK_CONTAINS(error.message, "unfinished string");
    CHECK_STATUS(check(engine, "goto nowhere", &error), LUAWAIT_ERR_SYNTAX);
    CHECK_STATUS(check(engine, "break", NULL), LUAWAIT_ERR_SYNTAX);
    luawait_engine_free(engine);
}

static void the_name_is_in_the_message(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_check(engine, "x x", 3, "lib/a.lua", 9, &error), LUAWAIT_ERR_SYNTAX);
    CHECK_CONTAINS(error.message, "lib/a.lua:1:");
    CHECK_STATUS(luawait_check(engine, "x x", 3, "short and more", 5, &error), LUAWAIT_ERR_SYNTAX);
    CHECK_CONTAINS(error.message, "short:1:");
    CHECK_STATUS(luawait_check(engine, "x x", 3, "whole", LUAWAIT_NUL_TERMINATED, &error), LUAWAIT_ERR_SYNTAX);
    CHECK_CONTAINS(error.message, "whole:1:");
    luawait_engine_free(engine);
}

static void nothing_runs(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    declare(engine, "f");
    CHECK_STATUS(check(engine, "while true do f() end", NULL), LUAWAIT_OK);
    CHECK_INT(stat_of(engine, "evals", "started"), 0);
    CHECK_INT(stat_of(engine, "requests", "posted"), 0);
    luawait_engine_free(engine);
}

static void a_binary_chunk_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_check(engine, "\x1bLua\x54\x00\x19\x93\r\n\x1a\n", 12, NULL, 0, &error), LUAWAIT_ERR_SYNTAX);
    CHECK_CONTAINS(error.message, "binary");
    luawait_engine_free(engine);
}

static void memory_is_limited(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":1000000,\"max_script_bytes\":0}");
    char *word = text_of('w', 4000000), *script = text_format("return '%s'", word);
    CHECK_STATUS(check(engine, script, NULL), LUAWAIT_ERR_MEMORY);
    CHECK_STATUS(check(engine, "return 1", NULL), LUAWAIT_OK);
    free(word);
    free(script);
    luawait_engine_free(engine);
}

static void a_null_pointer_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_STATUS(luawait_check(NULL, "return 1", 8, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_check(engine, NULL, 0, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_check(engine, NULL, 8, NULL, 0, NULL), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

static void *check_in_thread(void *argument) {
    luawait_error error = {.struct_size = sizeof error};
    for (size_t i = 0; i < harness_scale(200, 10); i++) {
        CHECK_STATUS(check(argument, "return 1", &error), LUAWAIT_OK);
        CHECK_STATUS(check(argument, "return return", &error), LUAWAIT_ERR_SYNTAX);
    }
    return NULL;
}

static void several_threads_check_at_once(void) {
    luawait_engine *engine = engine_with(NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = run_thread(check_in_thread, engine);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    luawait_engine_free(engine);
}

TESTS(TEST(what_compiles_is_ok), TEST(a_mistake_has_its_line_and_luas_message), TEST(the_name_is_in_the_message),
      TEST(nothing_runs), TEST(a_binary_chunk_is_refused), TEST(memory_is_limited), TEST(a_null_pointer_is_refused),
      TEST(several_threads_check_at_once))
