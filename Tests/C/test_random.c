/* Random numbers of scripts: never the same by accident, always the same on purpose. */
#include "host.h"
#include <string.h>

enum { EVALS = 200 };

static void evals_draw_different_numbers(void) {
    luawait_engine *engine = engine_with(NULL);
    outcome drawn[EVALS];
    for (int i = 0; i < EVALS; i++) {
        drawn[i] = finish(engine, start(engine, "return math.random(0)"));
        CHECK_INT(drawn[i].state, LUAWAIT_SUCCEEDED);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(drawn[i].json, drawn[j].json) != 0);
    }
    for (int i = 0; i < EVALS; i++)
        outcome_free(&drawn[i]);
    luawait_engine_free(engine);
}

static void engines_draw_different_numbers(void) {
    luawait_engine *one = engine_with(NULL), *two = engine_with(NULL);
    outcome first = finish(one, start(one, "return math.random(0)"));
    outcome second = finish(two, start(two, "return math.random(0)"));
    CHECK(strcmp(first.json, second.json) != 0);
    outcome_free(&first);
    outcome_free(&second);
    luawait_engine_free(one);
    luawait_engine_free(two);
}

static void the_same_seed_repeats_the_numbers(void) {
    const char *script = "local t = {} for i = 1, 20 do t[i] = math.random(1000000) end return t";
    luawait_engine *one = engine_with("{\"seed\":-7}"), *two = engine_with("{\"seed\":-7}");
    for (int i = 0; i < 5; i++) {
        outcome first = finish(one, start(one, script)), second = finish(two, start(two, script));
        CHECK(strcmp(first.json, second.json) == 0);
        outcome_free(&first);
        outcome_free(&second);
    }
    luawait_engine_free(one);
    luawait_engine_free(two);
}

static void a_script_may_seed_its_own(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "math.randomseed(42) local a = math.random(0) math.randomseed(42) return a == math.random(0)",
                 "true");
    luawait_engine_free(engine);
}

TESTS(TEST(evals_draw_different_numbers), TEST(engines_draw_different_numbers), TEST(the_same_seed_repeats_the_numbers),
      TEST(a_script_may_seed_its_own))
