/* Where a script's print goes. */
#include "host.h"
#include <stdio.h>
#include <unistd.h>

/* Points standard output at a file while a script runs, and gives what was written: free() it. */
static char *printed_by(luawait_engine *engine, const char *script) {
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    REQUIRE(saved >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    outcome ended = finish(engine, start(engine, script));
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    outcome_free(&ended);
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    char *text = text_of('\0', (size_t)length);
    CHECK_INT(fread(text, 1, (size_t)length, file), length);
    fclose(file);
    return text;
}

static void print_goes_to_standard_output(void) {
    luawait_engine *engine = engine_with(NULL);
    char *text = printed_by(engine, "print('one', 2, nil, true, 1.5) print() "
                                    "print(setmetatable({}, {__tostring = function() return 'own' end}))");
    CHECK_TEXT(text, "one\t2\tnil\ttrue\t1.5\n\nown\n");
    free(text);
    luawait_engine_free(engine);
}

static void print_can_be_silenced(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\"}");
    char *text = printed_by(engine, "print('unheard') return 1");
    CHECK_TEXT(text, "");
    free(text);
    luawait_engine_free(engine);
}

static void a_long_text_is_printed_whole(void) {
    luawait_engine *engine = engine_with(NULL);
    char *text = printed_by(engine, "for i = 1, 1000 do print(('x'):rep(100)) end");
    CHECK_INT(strlen(text), 101000);
    free(text);
    luawait_engine_free(engine);
}

static void print_fails_as_luas_does(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "print(setmetatable({}, {__tostring = function() return {} end}))", "runtime",
                 "'__tostring' must return a string");
    luawait_engine_free(engine);
}

TESTS(TEST(print_goes_to_standard_output), TEST(print_can_be_silenced), TEST(a_long_text_is_printed_whole),
      TEST(print_fails_as_luas_does))
