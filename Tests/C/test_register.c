/* Declaring host functions: names, what they may replace, who sees them, and taking them away. */
#include "host.h"

static luawait_status try_name(luawait_engine *engine, const char *name, size_t length) {
    luawait_error error = {.struct_size = sizeof error};
    return luawait_register(engine, name, length, NULL, 0, &error);
}

static void a_registered_function_is_called_by_its_name(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "fetch");
    uint64_t eval = start(engine, "return fetch('x', 1)");
    request taken = wait_for_request(engine);
    CHECK_TEXT(taken.name, "fetch");
    CHECK_JSON(taken.args, "[\"x\",1]");
    CHECK_INT(taken.eval_id, eval);
    answer(engine, taken.id, "\"done\"");
    CHECK_VALUE(finish(engine, eval), "\"done\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_name_with_dots_makes_nested_tables(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "db.users.find");
    declare(engine, "db.users.list");
    declare(engine, "db.close");
    uint64_t eval = start(engine, "return db.users.find(7)");
    request taken = wait_for_request(engine);
    CHECK_TEXT(taken.name, "db.users.find");
    answer(engine, taken.id, "true");
    CHECK_VALUE(finish(engine, eval), "true");
    request_free(&taken);
    EXPECT_VALUE(engine, "return type(db.users) .. type(db.users.list) .. type(db.close)", "\"tablefunctionfunction\"");
    luawait_engine_free(engine);
}

static void a_name_may_replace_a_standard_function(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "print");
    uint64_t eval = start(engine, "return print('hello')");
    request taken = wait_for_request(engine);
    CHECK_TEXT(taken.name, "print");
    answer(engine, taken.id, "\"printed\"");
    CHECK_VALUE(finish(engine, eval), "\"printed\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_name_may_add_to_a_library(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "string.trim");
    declare(engine, "os.getenv");
    EXPECT_ECHO(engine, "return string.trim('a')", "\"a\"");
    EXPECT_ECHO(engine, "return os.getenv('HOME')", "\"HOME\"");
    EXPECT_VALUE(engine, "return string.upper('a')", "\"A\"");
    luawait_engine_free(engine);
}

static void a_name_may_not_replace_a_library(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *libraries[] = {"string", "table", "math", "utf8", "coroutine", "os", "json"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luawait_status status = try_name(engine, libraries[i], strlen(libraries[i]));
        if (status != LUAWAIT_ERR_ARGUMENT && status != LUAWAIT_ERR_EXISTS) {
            harness_fail(HERE, "%s: %s", libraries[i], luawait_status_name(status));
        }
    }
    EXPECT_VALUE(engine, "return string.upper('a') .. tostring(json.null ~= nil)", "\"Atrue\"");
    luawait_engine_free(engine);
}

static void unusable_names_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *names[] = {"",     " ",    "1a",      ".a",    "a.",   "a..b",   ".",        "a b",  "a-b",
                           "a.1",  "end",  "a.end",   "nil.x", "goto", "a\nb",   "\xc3\xa9", "a:b",  "f()",
                           "a.b ", "true", "while.x", "\xff",  "a\tb", "a.b.c.", "a/b",      "\"a\""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        luawait_error error = {.struct_size = sizeof error};
        luawait_status status = luawait_register(engine, names[i], strlen(names[i]), NULL, 0, &error);
        if (status != LUAWAIT_ERR_ARGUMENT) {
            harness_fail(HERE, "\"%s\": %s", names[i], luawait_status_name(status));
        } else if (error.status != status || error.message[0] == '\0') {
            harness_fail(HERE, "\"%s\": no words about it", names[i]);
        }
    }
    CHECK_STATUS(try_name(engine, "a\0b", 3), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(try_name(engine, NULL, 0), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

static void usable_names_are_accepted(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *names[] = {"a", "_", "_1", "A9", "ends", "x.y", "x.y1._z", "nils"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (try_name(engine, names[i], strlen(names[i])) != LUAWAIT_OK) harness_fail(HERE, "refused: %s", names[i]);
    }
    CHECK_STATUS(try_name(engine, "terminated", LUAWAIT_NUL_TERMINATED), LUAWAIT_OK);
    CHECK_STATUS(try_name(engine, "bounded and more", 7), LUAWAIT_OK);
    EXPECT_VALUE(engine, "return type(terminated) .. type(bounded)", "\"functionfunction\"");
    luawait_engine_free(engine);
}

static void a_name_has_at_most_255_bytes(void) {
    luawait_engine *engine = engine_with(NULL);
    char *longest = text_of('n', 255), *too_long = text_of('n', 256);
    CHECK_STATUS(try_name(engine, longest, 255), LUAWAIT_OK);
    CHECK_STATUS(try_name(engine, too_long, 256), LUAWAIT_ERR_ARGUMENT);
    char *script = text_format("return %s('long')", longest);
    EXPECT_ECHO(engine, script, "\"long\"");
    free(script);
    free(longest);
    free(too_long);
    luawait_engine_free(engine);
}

static void a_taken_name_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    declare(engine, "one");
    declare(engine, "db.find");
    CHECK_STATUS(luawait_register(engine, "one", 3, NULL, 0, &error), LUAWAIT_ERR_EXISTS);
    CHECK_INT(error.status, LUAWAIT_ERR_EXISTS);
    CHECK_CONTAINS(error.message, "one");
    CHECK_STATUS(try_name(engine, "db.find", 7), LUAWAIT_ERR_EXISTS);
    CHECK_STATUS(try_name(engine, "db", 2), LUAWAIT_ERR_EXISTS);
    CHECK_STATUS(try_name(engine, "db.find.one", 11), LUAWAIT_ERR_EXISTS);
    CHECK_STATUS(try_name(engine, "one.more", 8), LUAWAIT_ERR_EXISTS);
    CHECK_STATUS(try_name(engine, "on", 2), LUAWAIT_OK);
    CHECK_STATUS(try_name(engine, "dbs", 3), LUAWAIT_OK);
    luawait_engine_free(engine);
}

static void names_belong_to_their_engine(void) {
    luawait_engine *first = engine_with(NULL), *second = engine_with(NULL);
    declare(first, "f");
    declare(second, "f");
    CHECK_STATUS(luawait_unregister(first, "f", 1), LUAWAIT_OK);
    EXPECT_VALUE(first, "type(f)", "\"nil\"");
    EXPECT_VALUE(second, "type(f)", "\"function\"");
    luawait_engine_free(first);
    luawait_engine_free(second);
}

static void options_are_checked(void) {
    luawait_engine *engine = engine_with(NULL);
    const struct {
        const char *options;
        luawait_status status;
        const char *part;
    } cases[] = {{"{\"timeout\":5}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"timeout_ms\":\"5\"}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"timeout_ms\":-5}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"timeout_ms\":1.5}", LUAWAIT_ERR_OPTION, "timeout_ms"},
                 {"{\"timeout_ms\":5", LUAWAIT_ERR_JSON, ""},
                 {"[]", LUAWAIT_ERR_OPTION, "object"},
                 {"{}x", LUAWAIT_ERR_JSON, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        luawait_error error = {.struct_size = sizeof error};
        CHECK_STATUS(luawait_register(engine, "f", 1, cases[i].options, LUAWAIT_NUL_TERMINATED, &error),
                     cases[i].status);
        CHECK_INT(error.status, cases[i].status);
        CHECK_CONTAINS(error.message, cases[i].part);
    }
    EXPECT_VALUE(engine, "type(f)", "\"nil\"");
    CHECK_STATUS(luawait_register(engine, "f", 1, NULL, 5, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_register(engine, "f", 1, "{}", 2, NULL), LUAWAIT_OK);
    CHECK_STATUS(luawait_register(engine, "g", 1, "{\"timeout_ms\":0}", LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
    luawait_engine_free(engine);
}

static void the_name_and_options_are_copied(void) {
    luawait_engine *engine = engine_with(NULL);
    char name[] = "copied", options[] = "{\"timeout_ms\":60000}";
    REQUIRE_OK(luawait_register(engine, name, 6, options, sizeof options - 1, NULL));
    memset(name, 'x', sizeof name);
    memset(options, 'x', sizeof options);
    EXPECT_ECHO(engine, "return copied(5)", "5");
    luawait_engine_free(engine);
}

static void a_later_function_is_unseen_by_earlier_evals(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "early");
    uint64_t eval = start(engine, "early() return type(late)");
    request taken = wait_for_request(engine);
    declare(engine, "late");
    uint64_t after = start(engine, "return type(late)");
    CHECK_VALUE(finish(engine, after), "\"function\"");
    answer(engine, taken.id, "null");
    CHECK_VALUE(finish(engine, eval), "\"nil\"");
    request_free(&taken);
    luawait_engine_free(engine);
}

/* The registry counts at luawait_start(), not when a worker comes round to the eval. */
static void a_queued_eval_sees_what_was_registered_at_its_start(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t holding = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    declare(engine, "taken_away");
    uint64_t queued = start(engine, "return type(late) .. type(taken_away)");
    declare(engine, "late");
    REQUIRE_OK(luawait_unregister(engine, "taken_away", LUAWAIT_NUL_TERMINATED));
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, queued), "\"nilfunction\"");
    CHECK_VALUE(finish(engine, holding), "null");
    luawait_engine_free(engine);
}

static void an_unregistered_function_is_unseen_by_later_evals(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    declare(engine, "db.find");
    EXPECT_VALUE(engine, "type(f)", "\"function\"");
    CHECK_STATUS(luawait_unregister(engine, "f", 1), LUAWAIT_OK);
    CHECK_STATUS(luawait_unregister(engine, "db.find", LUAWAIT_NUL_TERMINATED), LUAWAIT_OK);
    EXPECT_VALUE(engine, "type(f)", "\"nil\"");
    EXPECT_VALUE(engine, "type(db)", "\"nil\"");
    luawait_engine_free(engine);
}

static void an_unregistered_function_still_serves_evals_that_see_it(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f(1) + f(2)");
    request taken = wait_for_request(engine);
    REQUIRE_OK(luawait_unregister(engine, "f", 1));
    answer(engine, taken.id, "10");
    request_free(&taken);
    CHECK_VALUE(serve_echo(engine, eval), "12");
    luawait_engine_free(engine);
}

static void only_exactly_this_name_is_unregistered(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "db.find");
    CHECK_STATUS(luawait_unregister(engine, "db", 2), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_unregister(engine, "db.fin", 6), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_unregister(engine, "db.find.all", 11), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_unregister(engine, "print", 5), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_unregister(engine, "", 0), LUAWAIT_ERR_NOT_FOUND);
    CHECK_STATUS(luawait_unregister(engine, "db.find", 7), LUAWAIT_OK);
    CHECK_STATUS(luawait_unregister(engine, "db.find", 7), LUAWAIT_ERR_NOT_FOUND);
    luawait_engine_free(engine);
}

static void a_name_taken_away_can_be_given_again(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "db");
    REQUIRE_OK(luawait_unregister(engine, "db", 2));
    declare(engine, "db.find");
    EXPECT_ECHO(engine, "return db.find(3)", "3");
    luawait_engine_free(engine);
}

static void a_replaced_standard_function_comes_back(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "tostring");
    EXPECT_ECHO(engine, "return tostring('mine')", "\"mine\"");
    REQUIRE_OK(luawait_unregister(engine, "tostring", LUAWAIT_NUL_TERMINATED));
    EXPECT_VALUE(engine, "return tostring(12)", "\"12\"");
    luawait_engine_free(engine);
}

TESTS(TEST(a_registered_function_is_called_by_its_name), TEST(a_name_with_dots_makes_nested_tables),
      TEST(a_name_may_replace_a_standard_function), TEST(a_name_may_add_to_a_library),
      TEST(a_name_may_not_replace_a_library), TEST(unusable_names_are_refused), TEST(usable_names_are_accepted),
      TEST(a_name_has_at_most_255_bytes), TEST(a_taken_name_is_refused), TEST(names_belong_to_their_engine),
      TEST(options_are_checked), TEST(the_name_and_options_are_copied),
      TEST(a_later_function_is_unseen_by_earlier_evals), TEST(a_queued_eval_sees_what_was_registered_at_its_start),
      TEST(an_unregistered_function_is_unseen_by_later_evals),
      TEST(an_unregistered_function_still_serves_evals_that_see_it), TEST(only_exactly_this_name_is_unregistered),
      TEST(a_name_taken_away_can_be_given_again), TEST(a_replaced_standard_function_comes_back))
