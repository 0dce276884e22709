/* What luawait_next_events() fills in, how long it stays, and luawait_release_events(). */
#include "events.h"

#define EVENT_CONFIG "{\"workers\":1,\"print\":\"event\"}"

static void expect_output(luawait_engine *engine, const char *script, const char *bytes, size_t length) {
    uint64_t eval = start(engine, script);
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_OUTPUT, eval);
    if (event.text_length != length || memcmp(event.text, bytes, length + 1) != 0) {
        harness_fail(HERE, "%s gives %zu bytes: %.100s", script, event.text_length, event.text);
    }
    release_event(&event);
    CHECK_VALUE(finish(engine, eval), "null");
}

static void output_is_utf8_whatever_was_printed(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    expect_output(engine, "print()", "", 0);
    expect_output(engine, "print('')", "", 0);
    expect_output(engine, "print('one\\ntwo\\n')", "one\ntwo\n", 8);
    expect_output(engine, "print('a\\0b', '\\0')", "a\0b\t\0", 5);
    expect_output(engine, "print('\\u{e4}\\u{1f600}')", "\xc3\xa4\xf0\x9f\x98\x80", 6);
    expect_output(engine, "print('<\\xff>')", "<\xef\xbf\xbd>", 5);
    expect_output(engine, "print('\\x80|\\xe4')", "\xef\xbf\xbd|\xef\xbf\xbd", 7);
    luawait_engine_free(engine);
}

static void texts_stay_until_released_even_after_the_engine(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    luawait_event events[4];
    declare(engine, "some.name");
    uint64_t eval = start(engine, "print(('x'):rep(1000)) some.name('argument')");
    wait_for_stat(engine, "requests", "pending", 1);
    REQUIRE(take_events(engine, events, 4) == 2);
    REQUIRE_OK(luawait_unregister(engine, "some.name", LUAWAIT_NUL_TERMINATED));
    REQUIRE_OK(luawait_cancel(engine, eval));
    REQUIRE(take_events(engine, events + 2, 2) == 2);
    EXPECT_VALUE(engine, "return ('y'):rep(1000):len()", "1000");
    luawait_engine_free(engine);
    char *expected = text_of('x', 1000);
    CHECK_TEXT(events[0].text, expected);
    CHECK_TEXT(events[1].name, "some.name");
    CHECK_JSON(events[1].text, "[\"argument\"]");
    CHECK_TEXT(events[2].name, "some.name");
    CHECK_MEMBER(events[3].text, "type", "\"cancelled\"");
    free(expected);
    luawait_release_events(events + 2, 2);
    luawait_release_events(events, 2);
}

static void releasing_nothing_or_twice_does_nothing(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    luawait_event event, copies[2];
    luawait_release_events(NULL, 0);
    luawait_release_events(NULL, 5);
    uint64_t one = start(engine, "return 1");
    event = expect_event(engine, LUAWAIT_EVENT_FINISHED, one);
    luawait_release_events(&event, 0);
    CHECK(event.owner != NULL);
    CHECK_JSON(event.text, "1");
    luawait_release_events(&event, 1);
    CHECK(event.owner == NULL);
    luawait_release_events(&event, 1);
    start(engine, "return 2");
    start(engine, "return 3");
    wait_for_stat(engine, "evals", "finished_unread", 2);
    REQUIRE(take_events(engine, copies, 2) == 2);
    luawait_release_events(&copies[1], 1);
    luawait_release_events(copies, 2);
    luawait_release_events(copies, 2);
    luawait_engine_free(engine);
}

static void unusable_arguments_are_refused_and_take_nothing(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    luawait_event event = {.struct_size = sizeof event};
    size_t count = 77;
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    CHECK_STATUS(luawait_next_events(NULL, &event, 1, &count), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_next_events(engine, NULL, 1, &count), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_next_events(engine, &event, 1, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK_STATUS(luawait_next_events(engine, &event, 0, &count), LUAWAIT_ERR_ARGUMENT);
    event.struct_size = 0;
    CHECK_STATUS(luawait_next_events(engine, &event, 1, &count), LUAWAIT_ERR_ARGUMENT);
    event.struct_size = sizeof event - 1;
    CHECK_STATUS(luawait_next_events(engine, &event, 1, &count), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(count, 77);
    CHECK(event.owner == NULL);
    CHECK_VALUE(finish(engine, eval), "1");
    event.struct_size = sizeof event;
    CHECK_STATUS(luawait_next_events(engine, &event, 1, &count), LUAWAIT_NONE);
    CHECK_INT(count, 0);
    luawait_engine_free(engine);
}

/* As a program sees it that was compiled with a later header. */
typedef struct later_event {
    luawait_event known;
    uint64_t unknown[3];
} later_event;

static void a_larger_struct_is_the_stride(void) {
    luawait_engine *engine = engine_with(EVENT_CONFIG);
    later_event events[5];
    size_t count = 0;
    uint64_t eval = start(engine, "print('one') print('two') print('three')");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    memset(events, 0x5a, sizeof events);
    events[0].known.struct_size = sizeof *events;
    REQUIRE_OK(luawait_next_events(engine, &events[0].known, 5, &count));
    REQUIRE(count == 4);
    const char *texts[] = {"one", "two", "three", "null"};
    for (int i = 0; i < 4; i++) {
        CHECK_TEXT(events[i].known.text, texts[i]);
        CHECK_INT(events[i].known.eval_id, eval);
        CHECK_INT(events[i].known.struct_size, sizeof *events);
        CHECK_INT(events[i].unknown[0], 0x5a5a5a5a5a5a5a5a);
        CHECK_INT(events[i].unknown[2], 0x5a5a5a5a5a5a5a5a);
    }
    luawait_release_events(&events[0].known, 4);
    for (int i = 0; i < 4; i++) {
        CHECK(events[i].known.owner == NULL);
    }
    luawait_engine_free(engine);
}

TESTS(TEST(output_is_utf8_whatever_was_printed), TEST(texts_stay_until_released_even_after_the_engine),
      TEST(releasing_nothing_or_twice_does_nothing), TEST(unusable_arguments_are_refused_and_take_nothing),
      TEST(a_larger_struct_is_the_stride))
