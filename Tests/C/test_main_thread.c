/* Main-thread functions: their requests go to the thread that was bound, and no other thread sees them. */
#include "events.h"
#include <poll.h>

static luawait_engine *engine_with_functions(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_with(engine, "draw", "{\"thread\":\"main\"}");
    declare_with(engine, "load", "{\"thread\":\"any\"}");
    return engine;
}

/** What another thread finds. */
typedef struct look {
    luawait_engine *engine;
    luawait_status request, event, wait;
    int fd;
    bool is_readable;
    uint64_t request_id;
} look;

static void *look_around(void *argument) {
    look *at = argument;
    luawait_event event = {.struct_size = sizeof event};
    size_t count;
    at->wait = luawait_wait_any(at->engine, 0);
    luawait_event_fd(at->engine, &at->fd);
    at->is_readable = readable(at->engine, 0);
    at->event = luawait_next_events(at->engine, &event, 1, &count);
    if (at->event == LUAWAIT_OK) {
        at->request_id = event.request_id;
        luawait_release_events(&event, 1);
    }
    at->request = luawait_get_pending_request(at->engine, &at->request_id, NULL, NULL, NULL, NULL);
    return NULL;
}

static look elsewhere(luawait_engine *engine) {
    look found = {.engine = engine};
    pthread_join(run_thread(look_around, &found), NULL);
    return found;
}

static void only_the_bound_thread_sees_them(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    uint64_t eval = start(engine, "return draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    look found = elsewhere(engine);
    CHECK_INT(found.request, LUAWAIT_NONE);
    CHECK_INT(found.event, LUAWAIT_NONE);
    CHECK_INT(found.wait, LUAWAIT_NONE);
    CHECK(!found.is_readable);
    CHECK_STATUS(luawait_wait_any(engine, HANG_GUARD_MS), LUAWAIT_OK);
    request taken = wait_for_request(engine);
    CHECK_TEXT(taken.name, "draw");
    answer(engine, taken.id, "1");
    request_free(&taken);
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void unbound_nobody_sees_them(void) {
    luawait_engine *engine = engine_with_functions();
    request taken;
    luawait_event event;
    start(engine, "draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    CHECK(!take_request(engine, &taken));
    CHECK_INT(take_events(engine, &event, 1), 0);
    CHECK(!readable(engine, 0));
    REQUIRE_OK(luawait_bind_main_thread(engine));
    CHECK(readable(engine, 0));
    CHECK(take_request(engine, &taken));
    request_free(&taken);
    luawait_engine_free(engine);
}

static void the_bound_thread_gets_everything_in_order(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    const char *scripts[] = {"load(1)", "draw(2)", "load(3)", "draw(4)", "draw(5)", "load(6)"};
    enum { COUNT = sizeof scripts / sizeof *scripts };
    for (long i = 0; i < COUNT; i++) {
        start(engine, scripts[i]);
        wait_for_stat(engine, "requests", "pending", i + 1);
    }
    luawait_event events[COUNT + 1];
    CHECK_INT(take_events(engine, events, COUNT + 1), COUNT);
    for (int i = 0; i < COUNT; i++) {
        char expected[8] = {'[', (char)('1' + i), ']'};
        CHECK_TEXT(events[i].text, expected);
    }
    luawait_release_events(events, COUNT);
    luawait_engine_free(engine);
}

static void one_by_one_they_come_in_order_too(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    const char *scripts[] = {"draw(1)", "load(2)", "draw(3)"};
    for (long i = 0; i < 3; i++) {
        start(engine, scripts[i]);
        wait_for_stat(engine, "requests", "pending", i + 1);
    }
    for (int i = 0; i < 3; i++) {
        char expected[8] = {'[', (char)('1' + i), ']'};
        request taken;
        REQUIRE(take_request(engine, &taken));
        CHECK_TEXT(taken.args, expected);
        request_free(&taken);
    }
    luawait_engine_free(engine);
}

static void other_threads_take_the_rest(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    start(engine, "draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    start(engine, "load()");
    wait_for_stat(engine, "requests", "pending", 2);
    look found = elsewhere(engine);
    CHECK(found.is_readable);
    CHECK_INT(found.wait, LUAWAIT_OK);
    CHECK_INT(found.event, LUAWAIT_OK);
    CHECK_INT(found.request_id, 2);
    CHECK_INT(found.request, LUAWAIT_NONE);
    CHECK_INT(elsewhere(engine).event, LUAWAIT_NONE);
    luawait_engine_free(engine);
}

static void the_main_threads_descriptor_shows_everything(void) {
    luawait_engine *engine = engine_with_functions();
    int common, main_fd, again;
    REQUIRE_OK(luawait_event_fd(engine, &common));
    REQUIRE_OK(luawait_bind_main_thread(engine));
    REQUIRE_OK(luawait_event_fd(engine, &main_fd));
    CHECK(main_fd != common);
    REQUIRE_OK(luawait_event_fd(engine, &again));
    CHECK_INT(again, main_fd);
    CHECK_INT(elsewhere(engine).fd, common);
    struct pollfd both[] = {{.fd = common, .events = POLLIN}, {.fd = main_fd, .events = POLLIN}};
    CHECK_INT(poll(both, 2, 0), 0);
    uint64_t draws = start(engine, "draw()");
    CHECK_INT(poll(&both[1], 1, HANG_GUARD_MS), 1);
    CHECK_INT(poll(&both[0], 1, 0), 0);
    request taken = wait_for_request(engine);
    CHECK(becomes_quiet(engine));
    request_free(&taken);
    start(engine, "load()");
    CHECK_INT(poll(both, 1, HANG_GUARD_MS), 1);
    CHECK_INT(poll(both, 2, HANG_GUARD_MS), 2);
    REQUIRE_OK(luawait_cancel(engine, draws));
    luawait_engine_free(engine);
}

static void a_withdrawn_one_is_told_to_the_main_thread(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    uint64_t eval = start_with(engine, "draw()", "{\"detached\":true}");
    luawait_event event = expect_event(engine, LUAWAIT_EVENT_REQUEST, eval);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_INT(elsewhere(engine).event, LUAWAIT_NONE);
    luawait_event withdrawn = expect_event(engine, LUAWAIT_EVENT_WITHDRAWN, eval);
    CHECK_INT(withdrawn.request_id, event.request_id);
    release_event(&withdrawn);
    release_event(&event);
    luawait_engine_free(engine);
}

static void *bind_and_take(void *argument) {
    look *at = argument;
    luawait_bind_main_thread(at->engine);
    at->request = luawait_get_pending_request(at->engine, &at->request_id, NULL, NULL, NULL, NULL);
    return NULL;
}

static void binding_another_thread_takes_it_from_the_first(void) {
    luawait_engine *engine = engine_with_functions();
    REQUIRE_OK(luawait_bind_main_thread(engine));
    start(engine, "draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    look other = {.engine = engine};
    pthread_join(run_thread(bind_and_take, &other), NULL);
    CHECK_INT(other.request, LUAWAIT_OK);
    start(engine, "draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    request taken;
    CHECK(!take_request(engine, &taken));
    luawait_engine_free(engine);
}

static void that_scripts_are_ready_is_told_to_the_main_thread_alone(void) {
    for (int config = 0; config < CONFIGS; config++) {
        luawait_engine *engine = host_engine_of(config, "");
        uint64_t early = start(engine, "return 1");
        CHECK_INT(elsewhere(engine).wait, LUAWAIT_OK);
        REQUIRE_OK(luawait_bind_main_thread(engine));
        look found = elsewhere(engine);
        CHECK_INT(found.wait, LUAWAIT_NONE);
        CHECK(!found.is_readable);
        CHECK(readable(engine, 0));
        CHECK_STATUS(luawait_wait_any(engine, 0), LUAWAIT_OK);
        CHECK_VALUE(run_to_end(engine, early), "1");
        CHECK(becomes_quiet(engine));
        uint64_t late = start(engine, "return 2");
        CHECK_INT(elsewhere(engine).wait, LUAWAIT_NONE);
        CHECK(readable(engine, 0));
        CHECK_VALUE(run_to_end(engine, late), "2");
        luawait_engine_free(engine);
    }
}

static void any_thread_may_answer(void) {
    luawait_engine *engine = engine_with_functions();
    uint64_t eval = start(engine, "return draw()");
    wait_for_stat(engine, "requests", "pending", 1);
    answer(engine, 1, "8");
    CHECK_VALUE(finish(engine, eval), "8");
    luawait_engine_free(engine);
}

static void options_are_checked(void) {
    luawait_engine *engine = engine_with(NULL);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_register(engine, "f", 1, "{\"thread\":\"ui\"}", LUAWAIT_NUL_TERMINATED, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_TEXT(error.message, "options.thread: expected \"any\" or \"main\", got \"ui\"");
    CHECK_STATUS(luawait_register_callback(engine, "f", 1, "{\"thread\":\"main\"}", LUAWAIT_NUL_TERMINATED, hold_worker,
                                           NULL, NULL, &error),
                 LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "options.thread");
    CHECK_STATUS(luawait_bind_main_thread(NULL), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

TESTS(TEST(only_the_bound_thread_sees_them), TEST(unbound_nobody_sees_them),
      TEST(the_bound_thread_gets_everything_in_order), TEST(one_by_one_they_come_in_order_too),
      TEST(other_threads_take_the_rest), TEST(the_main_threads_descriptor_shows_everything),
      TEST(a_withdrawn_one_is_told_to_the_main_thread), TEST(binding_another_thread_takes_it_from_the_first),
      TEST(that_scripts_are_ready_is_told_to_the_main_thread_alone), TEST(any_thread_may_answer),
      TEST(options_are_checked))
