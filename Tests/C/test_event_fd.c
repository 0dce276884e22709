/* The descriptor on which a host hears that there is something to take: level-triggered, the engine's own. */
#include "host.h"
#include <fcntl.h>

static void the_descriptor_is_always_the_same(void) {
    luawait_engine *engine = engine_with(NULL), *other = engine_with(NULL);
    int first = -1, second = -1, third = -1;
    REQUIRE_OK(luawait_event_fd(engine, &first));
    EXPECT_VALUE(engine, "1", "1");
    REQUIRE_OK(luawait_event_fd(engine, &second));
    REQUIRE_OK(luawait_event_fd(other, &third));
    CHECK(first >= 0);
    CHECK_INT(first, second);
    CHECK(third != first);
    luawait_engine_free(other);
    luawait_engine_free(engine);
}

static void the_descriptor_is_closed_with_the_engine(void) {
    long before = descriptor_count();
    luawait_engine *engine = engine_with(NULL);
    int fd = -1;
    REQUIRE_OK(luawait_event_fd(engine, &fd));
    CHECK(fcntl(fd, F_GETFD) >= 0);
    luawait_engine_free(engine);
    CHECK_INT(descriptor_count(), before);
}

static void null_pointers_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    int fd = -5;
    CHECK_STATUS(luawait_event_fd(NULL, &fd), LUAWAIT_ERR_ARGUMENT);
    CHECK_INT(fd, -5);
    CHECK_STATUS(luawait_event_fd(engine, NULL), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

static void a_new_engine_is_quiet(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK(!readable(engine, 0));
    luawait_engine_free(engine);
}

static void it_is_readable_while_a_request_is_pending(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    for (int i = 0; i < 5; i++) {
        CHECK(readable(engine, HANG_GUARD_MS));
    }
    request taken;
    REQUIRE(take_request(engine, &taken));
    CHECK(becomes_quiet(engine));
    answer(engine, taken.id, "1");
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK(becomes_quiet(engine));
    request_free(&taken);
    luawait_engine_free(engine);
}

/* "Found nothing" must not quieten it while an outcome is still there. */
static void it_is_readable_while_an_outcome_is_unread(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    CHECK(readable(engine, HANG_GUARD_MS));
    for (int i = 0; i < 5; i++) {
        request none;
        CHECK(!take_request(engine, &none));
        CHECK(readable(engine, HANG_GUARD_MS));
    }
    CHECK_VALUE(finish(engine, eval), "1");
    CHECK(becomes_quiet(engine));
    luawait_engine_free(engine);
}

static void it_stays_readable_until_the_last_thing_is_taken(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t evals[3];
    for (int i = 0; i < 3; i++) {
        evals[i] = start(engine, "return f()");
    }
    wait_for_stat(engine, "requests", "pending", 3);
    request taken[3];
    for (int i = 0; i < 3; i++) {
        CHECK(readable(engine, HANG_GUARD_MS));
        REQUIRE(take_request(engine, &taken[i]));
    }
    CHECK(becomes_quiet(engine));
    for (int i = 0; i < 3; i++) {
        answer(engine, taken[i].id, "1");
        request_free(&taken[i]);
    }
    wait_for_stat(engine, "evals", "finished_unread", 3);
    for (int i = 0; i < 3; i++) {
        CHECK(readable(engine, HANG_GUARD_MS));
        CHECK_VALUE(finish(engine, evals[i]), "1");
    }
    CHECK(becomes_quiet(engine));
    luawait_engine_free(engine);
}

static void what_was_there_before_the_first_call_is_seen(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t eval = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    CHECK(readable(engine, 0));
    CHECK_VALUE(finish(engine, eval), "1");
    luawait_engine_free(engine);
}

static void a_withdrawn_request_leaves_nothing_but_the_outcome(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t eval = start(engine, "return f()");
    wait_for_stat(engine, "requests", "pending", 1);
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_CANCELLED(finish(engine, eval));
    CHECK(becomes_quiet(engine));
    luawait_engine_free(engine);
}

static void an_unread_outcome_does_not_hide_a_new_request(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t unread = start(engine, "return 1");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    uint64_t eval = start(engine, "return f()");
    request taken = wait_for_request(engine);
    answer(engine, taken.id, "2");
    CHECK_VALUE(finish(engine, eval), "2");
    CHECK(readable(engine, HANG_GUARD_MS));
    CHECK_VALUE(finish(engine, unread), "1");
    request_free(&taken);
    luawait_engine_free(engine);
}

TESTS(TEST(the_descriptor_is_always_the_same), TEST(the_descriptor_is_closed_with_the_engine),
      TEST(null_pointers_are_refused), TEST(a_new_engine_is_quiet), TEST(it_is_readable_while_a_request_is_pending),
      TEST(it_is_readable_while_an_outcome_is_unread), TEST(it_stays_readable_until_the_last_thing_is_taken),
      TEST(what_was_there_before_the_first_call_is_seen), TEST(a_withdrawn_request_leaves_nothing_but_the_outcome),
      TEST(an_unread_outcome_does_not_hide_a_new_request))
