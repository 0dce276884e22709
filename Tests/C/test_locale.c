/*
 * Scripts run in the C locale, and the host's code in the host's. The script that runs these tests compiles
 * Tests/C/comma.locale for them, in which nothing is as in C.
 */
#include "host.h"
#include <locale.h>
#include <string.h>
#include <unistd.h>

static bool is_comma(void) {
    return strcmp(localeconv()->decimal_point, ",") == 0 && strcoll("a", "b") > 0;
}

static void make_it_the_process_locale(void) {
    REQUIRE(setlocale(LC_ALL, "comma") != NULL);
    REQUIRE(is_comma());
}

/* Not by newlocale(), which leaks where it looks for locales in LOCPATH. */
static locale_t comma_of_a_thread(void) {
    make_it_the_process_locale();
    locale_t comma = duplocale(LC_GLOBAL_LOCALE);
    setlocale(LC_ALL, "C");
    return comma;
}

/* What Lua asks the C library, and its answers in C. */
static const struct {
    const char *script, *json;
} cases[] = {
    {"return 'a' < 'b', 'a' <= 'b', 'b' > 'a'", "[true,true,true]"},
    {"local t = {'b', 'a', 'c'} table.sort(t) return t", "[\"a\",\"b\",\"c\"]"},
    {"return tostring(0.5), 0.5 .. '', string.format('%.1f %g %s', 0.5, 0.5, 0.5)",
     "[\"0.5\",\"0.5\",\"0.5 0.5 0.5\"]"},
    {"return tonumber('0.5'), tonumber('0,5') == nil, '0.5' + 0, load('return 0.5')(), load('return 0,5')()",
     "[0.5,true,0.5,0.5,0,5]"},
    {"return ('\\xE9'):find('%a') == nil, ('\\xE9'):find('[%w]') == nil, ('\\xE9'):upper() == '\\xE9'",
     "[true,true,true]"},
    {"return (('\\xE9b'):gsub('%l', 'x')) == '\\xE9x'", "true"},
    {"return os.date('!%A %a', 0)", "\"Thursday Thu\""},
    {"local x <const> = 1.5 return x, 1e300, -2.25", "[1.5,1e+300,-2.25]"},
};

enum { CASES = sizeof cases / sizeof *cases };

static void check_eval_here(luawait_engine *engine, const char *script, const char *json) {
    int32_t state = 0;
    char *outcome = NULL;
    REQUIRE_OK(luawait_eval(engine, script, strlen(script), NULL, 0, &state, &outcome, NULL, NULL));
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_JSON(outcome, json);
    luawait_free(outcome);
}

static void results_do_not_depend_on_the_locale(void) {
    make_it_the_process_locale();
    static const char *const configs[] = {"{\"workers\":1}", "{\"workers\":1,\"preemption\":\"count\"}"};
    for (size_t i = 0; i < 2; i++) {
        luawait_engine *engine = engine_with(configs[i]);
        uint64_t context = 0;
        REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
        char *options = text_format("{\"context\":%" PRIu64 "}", context);
        for (size_t j = 0; j < CASES; j++) {
            EXPECT_VALUE(engine, cases[j].script, cases[j].json);
            EXPECT_VALUE_WITH(engine, cases[j].script, options, cases[j].json);
            check_eval_here(engine, cases[j].script, cases[j].json);
            CHECK(is_comma());
        }
        CHECK_STATUS(luawait_check(engine, "return 0.5", LUAWAIT_NUL_TERMINATED, NULL, 0, NULL), LUAWAIT_OK);
        free(options);
        luawait_engine_free(engine);
    }
    setlocale(LC_ALL, "C");
}

static void numbers_cross_in_any_locale(void) {
    make_it_the_process_locale();
    luawait_engine *engine = engine_with("{\"slice_us\":5000}");
    declare(engine, "f");
    EXPECT_ECHO(engine, "local x = f(0.5) return x, x * 3, 1e300, -2.25", "[0.5,1.5,1e+300,-2.25]");
    EXPECT_VALUE_WITH(engine, "return ..., x", "{\"args\":[1.5],\"globals\":{\"x\":2.5}}", "[1.5,2.5]");
    setlocale(LC_ALL, "C");
    luawait_engine_free(engine);
}

/* A callback that notes whether it was called in the comma locale. */
typedef struct witness {
    luawait_engine *engine;
    int calls, in_comma;
} witness;

static void note_locale(witness *seen) {
    seen->calls++;
    seen->in_comma += is_comma();
}

static void witness_call(void *user_data, luawait_call *call) {
    (void)call;
    note_locale(user_data);
}

static void witness_notification(void *user_data) {
    note_locale(user_data);
}

static void host_code_runs_in_the_hosts_locale(void) {
    make_it_the_process_locale();
    luawait_engine *engine = engine_with("{\"workers\":1,\"print\":\"event\"}");
    witness called = {.engine = engine}, notified = {.engine = engine};
    declare_callback(engine, "see", witness_call, &called);
    REQUIRE_OK(luawait_set_notifier(engine, witness_notification, &notified, NULL));
    check_eval_here(engine, "see() print('a line') return 'a' < 'b'", "true");
    CHECK_INT(called.calls, 1);
    CHECK_INT(notified.calls, 1);
    EXPECT_VALUE(engine, "see() return 'a' < 'b'", "true");
    CHECK_INT(called.calls, 2);
    CHECK_INT(called.in_comma, called.calls);
    REQUIRE_OK(luawait_set_notifier(engine, NULL, NULL, NULL));
    CHECK_INT(notified.in_comma, notified.calls);
    luawait_engine_free(engine);
    setlocale(LC_ALL, "C");
}

static void a_threads_own_locale_is_there_in_callbacks_and_afterwards(void) {
    locale_t comma = comma_of_a_thread();
    REQUIRE(comma != (locale_t)0);
    luawait_engine *engine = engine_with("{\"workers\":1}");
    witness called = {.engine = engine};
    declare_callback(engine, "see", witness_call, &called);
    uselocale(comma);
    check_eval_here(engine, "see() return 'a' < 'b', 0.5", "[true,0.5]");
    CHECK(uselocale((locale_t)0) == comma);
    CHECK_INT(called.in_comma, 1);
    /* The process's is C still: the worker's callback sees that. */
    EXPECT_VALUE(engine, "see() return 1", "1");
    CHECK_INT(called.calls, 2);
    CHECK_INT(called.in_comma, 1);
    uselocale(LC_GLOBAL_LOCALE);
    luawait_engine_free(engine);
    freelocale(comma);
}

static locale_t chosen;

static void choose_locale(void *user_data, luawait_call *call) {
    (void)user_data;
    (void)call;
    uselocale(chosen);
}

static void a_locale_that_a_callback_chooses_stays(void) {
    chosen = comma_of_a_thread();
    REQUIRE(chosen != (locale_t)0);
    luawait_engine *engine = engine_with("{\"workers\":1}");
    witness called = {.engine = engine};
    declare_callback(engine, "choose", choose_locale, NULL);
    declare_callback(engine, "see", witness_call, &called);
    check_eval_here(engine, "choose() see() return 'a' < 'b'", "true");
    CHECK_INT(called.in_comma, 1);
    CHECK(uselocale((locale_t)0) == chosen);
    uselocale(LC_GLOBAL_LOCALE);
    luawait_engine_free(engine);
    freelocale(chosen);
}

static void evaluate_inside(void *user_data, luawait_call *call) {
    witness *seen = user_data;
    (void)call;
    note_locale(seen);
    check_eval_here(seen->engine, "return 'a' < 'b'", "true");
    note_locale(seen);
}

static void a_script_inside_a_callback_leaves_the_locale_as_it_was(void) {
    make_it_the_process_locale();
    luawait_engine *engine = engine_with("{\"workers\":1}");
    witness called = {.engine = engine};
    declare_callback(engine, "inside", evaluate_inside, &called);
    check_eval_here(engine, "inside() return 'a' < 'b'", "true");
    CHECK_INT(called.in_comma, 2);
    luawait_engine_free(engine);
    setlocale(LC_ALL, "C");
}

static void setlocale_of_trusted_scripts_knows_c_alone(void) {
    make_it_the_process_locale();
    luawait_engine *engine = engine_with("{\"libraries\":[\"os\"]}");
    EXPECT_VALUE(engine,
                 "return os.setlocale(), os.setlocale(nil, 'collate'), os.setlocale('C'), os.setlocale('POSIX')",
                 "[\"C\",\"C\",\"C\",\"C\"]");
    EXPECT_VALUE(engine, "return os.setlocale('comma') == nil, os.setlocale('') == nil, 'a' < 'b'", "[true,true,true]");
    EXPECT_ERROR(engine, "os.setlocale('C', 'nothing')", "runtime", "invalid option 'nothing'");
    CHECK(is_comma());
    luawait_engine_free(engine);
    setlocale(LC_ALL, "C");
}

TESTS(TEST(results_do_not_depend_on_the_locale), TEST(numbers_cross_in_any_locale),
      TEST(host_code_runs_in_the_hosts_locale), TEST(a_threads_own_locale_is_there_in_callbacks_and_afterwards),
      TEST(a_locale_that_a_callback_chooses_stays), TEST(a_script_inside_a_callback_leaves_the_locale_as_it_was),
      TEST(setlocale_of_trusted_scripts_knows_c_alone))
