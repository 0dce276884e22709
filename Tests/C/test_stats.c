/* luawait_stats(): the documented figures, all of them, and right at moments when they stand still. */
#include "host.h"
#include "json.h"

static void every_documented_figure_is_there(void) {
    luawait_engine *engine = engine_with("{\"workers\":3}");
    const char *figures[][2] = {{"evals", "started"},     {"evals", "queued"},          {"evals", "running"},
                                {"evals", "parked"},      {"evals", "finished_unread"}, {"evals", "succeeded"},
                                {"evals", "failed"},      {"evals", "cancelled"},       {"requests", "posted"},
                                {"requests", "pending"},  {"requests", "open"},         {"requests", "answered"},
                                {"requests", "withdrawn"}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (stat_of(engine, figures[i][0], figures[i][1]) != 0) {
            harness_fail(HERE, "%s.%s is %ld", figures[i][0], figures[i][1],
                         stat_of(engine, figures[i][0], figures[i][1]));
        }
    }
    CHECK_INT(stat_of(engine, NULL, "workers"), 3);
    CHECK_INT(stat_of(engine, NULL, "timers"), 0);
    CHECK(stat_of(engine, "contexts", "live") >= 0);
    CHECK(stat_of(engine, "contexts", "warm") >= 0);
    luawait_engine_free(engine);
}

static void it_is_json_with_its_length(void) {
    luawait_engine *engine = engine_with(NULL);
    char *json = NULL;
    size_t length = 0;
    REQUIRE_OK(luawait_stats(engine, &json, &length));
    CHECK_INT(length, strlen(json));
    CHECK(json_valid(json, length));
    luawait_free(json);
    REQUIRE_OK(luawait_stats(engine, &json, NULL));
    luawait_free(json);
    luawait_engine_free(engine);
}

static void evals_are_counted_by_what_they_do(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    holder held = HOLDER;
    declare(engine, "f");
    declare_callback(engine, "hold", hold_worker, &held);
    uint64_t parked = start(engine, "return f()");
    request taken = wait_for_request(engine);
    uint64_t running = start(engine, "hold()");
    gate_wait(&held.entered, 1);
    uint64_t queued = start(engine, "return 1");
    CHECK_INT(stat_of(engine, "evals", "started"), 3);
    CHECK_INT(stat_of(engine, "evals", "parked"), 1);
    CHECK_INT(stat_of(engine, "evals", "running"), 1);
    CHECK_INT(stat_of(engine, "evals", "queued"), 1);
    gate_open(&held.leave);
    CHECK_VALUE(finish(engine, running), "null");
    wait_for_stat(engine, "evals", "finished_unread", 1);
    CHECK_VALUE(finish(engine, queued), "1");
    REQUIRE_OK(luawait_cancel(engine, parked));
    CHECK_INT(stat_of(engine, "evals", "finished_unread"), 1);
    CHECK_CANCELLED(finish(engine, parked));
    CHECK_ERROR(finish(engine, start(engine, "error()")), "runtime", "");
    CHECK_INT(stat_of(engine, "evals", "started"), 4);
    CHECK_INT(stat_of(engine, "evals", "succeeded"), 2);
    CHECK_INT(stat_of(engine, "evals", "failed"), 1);
    CHECK_INT(stat_of(engine, "evals", "cancelled"), 1);
    CHECK_INT(stat_of(engine, "evals", "parked"), 0);
    CHECK_INT(stat_of(engine, "evals", "queued"), 0);
    CHECK_INT(stat_of(engine, "evals", "finished_unread"), 0);
    wait_for_stat(engine, "evals", "running", 0);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void requests_are_counted_by_what_became_of_them(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t evals[3];
    for (int i = 0; i < 3; i++) {
        evals[i] = start(engine, "f()");
    }
    wait_for_stat(engine, "requests", "pending", 3);
    CHECK_INT(stat_of(engine, "requests", "open"), 3);
    request taken = wait_for_request(engine);
    CHECK_INT(stat_of(engine, "requests", "pending"), 2);
    CHECK_INT(stat_of(engine, "requests", "open"), 3);
    answer(engine, taken.id, "null");
    CHECK_INT(stat_of(engine, "requests", "open"), 2);
    CHECK_INT(stat_of(engine, "requests", "answered"), 1);
    for (int i = 0; i < 3; i++) {
        if (evals[i] != taken.eval_id) REQUIRE_OK(luawait_cancel(engine, evals[i]));
    }
    CHECK_INT(stat_of(engine, "requests", "pending"), 0);
    CHECK_INT(stat_of(engine, "requests", "open"), 0);
    CHECK_INT(stat_of(engine, "requests", "withdrawn"), 2);
    CHECK_INT(stat_of(engine, "requests", "posted"), 3);
    request_free(&taken);
    luawait_engine_free(engine);
}

static void a_null_pointer_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    char *json = (char *)&json;
    CHECK_STATUS(luawait_stats(NULL, &json, NULL), LUAWAIT_ERR_ARGUMENT);
    CHECK(json == (char *)&json);
    CHECK_STATUS(luawait_stats(engine, NULL, NULL), LUAWAIT_ERR_ARGUMENT);
    luawait_engine_free(engine);
}

TESTS(TEST(every_documented_figure_is_there), TEST(it_is_json_with_its_length), TEST(evals_are_counted_by_what_they_do),
      TEST(requests_are_counted_by_what_became_of_them), TEST(a_null_pointer_is_refused))
