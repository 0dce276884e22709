/* The whole life of the smallest eval against the raw calls that any embedding of Lua needs for the same. */
#include "host.h"
#include "plain_lua.h"

enum { EVALS = 2000 };

static const char script[] = "return 1";

/** A world of its own for each run, as an eval has. */
static double measure_world(void) {
    double begin = bench_now();
    for (int i = 0; i < EVALS; i++) {
        lua_State *lua = plain_new();
        plain_expect(lua, script, 1);
        lua_close(lua);
    }
    return (bench_now() - begin) / EVALS;
}

/** A coroutine for each run in one shared world: the least that a run can cost. */
static double measure_coroutine(void) {
    lua_State *lua = plain_new();
    double begin = bench_now(), each;
    for (int i = 0; i < EVALS; i++) {
        lua_State *coroutine = lua_newthread(lua);
        int results = 0;
        BENCH_CHECK(luaL_loadstring(coroutine, script) == LUA_OK);
        BENCH_CHECK(lua_resume(coroutine, lua, 0, &results) == LUA_OK && results == 1);
        BENCH_CHECK(lua_tointeger(coroutine, -1) == 1);
        lua_pop(lua, 1);
    }
    each = (bench_now() - begin) / EVALS;
    lua_close(lua);
    return each;
}

static double measure_latency(luawait_engine *engine) {
    double begin = bench_now();
    for (int i = 0; i < EVALS; i++)
        host_expect(engine, host_start(engine, script, NULL), "1");
    return (bench_now() - begin) / EVALS;
}

static double measure_throughput(luawait_engine *engine) {
    static uint64_t evals[EVALS];
    double begin = bench_now();
    for (int i = 0; i < EVALS; i++)
        evals[i] = host_start(engine, script, NULL);
    for (int i = 0; i < EVALS; i++)
        host_expect(engine, evals[i], "1");
    return (bench_now() - begin) / EVALS;
}

static double measure_eval(luawait_engine *engine) {
    double begin = bench_now();
    for (int i = 0; i < EVALS; i++) {
        int32_t state = LUAWAIT_IN_PROGRESS;
        char *outcome = NULL;
        BENCH_CHECK(luawait_eval(engine, TEXT(script), NULL, 0, &state, &outcome, NULL, NULL) == LUAWAIT_OK);
        BENCH_CHECK(state == LUAWAIT_SUCCEEDED && strcmp(outcome, "1") == 0);
        luawait_free(outcome);
    }
    return (bench_now() - begin) / EVALS;
}

int main(void) {
    double world[BENCH_ROUNDS], coroutine[BENCH_ROUNDS], latency[BENCH_ROUNDS], many[BENCH_ROUNDS], eval[BENCH_ROUNDS];
    double yardstick;
    luawait_engine *engine = host_engine(NULL);
    measure_latency(engine); /* warms up */

    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        world[round] = measure_world();
        latency[round] = measure_latency(engine);
        coroutine[round] = measure_coroutine();
        many[round] = measure_throughput(engine);
        eval[round] = measure_eval(engine);
    }
    luawait_engine_free(engine);

    yardstick = bench_median(world, BENCH_ROUNDS);
    bench_title("Start to outcome: the script `return 1` in a Lua state of its own");
    bench_line("yardstick: newstate, openlibs, load, pcall, close", yardstick, "ns");
    bench_ratio("plain newthread, load, resume in one shared state", bench_median(coroutine, BENCH_ROUNDS), "ns",
                yardstick);
    bench_ratio("luawait_start, then luawait_wait", bench_median(latency, BENCH_ROUNDS), "ns", yardstick);
    bench_ratio("luawait_start of 2,000 at once, time per eval", bench_median(many, BENCH_ROUNDS), "ns", yardstick);
    bench_ratio("luawait_eval on the calling thread", bench_median(eval, BENCH_ROUNDS), "ns", yardstick);
    return 0;
}
