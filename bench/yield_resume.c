/*
 * One yield and one resume: what parking a script costs before any thread is woken. Raw, from C; and between two
 * coroutines of a script, in plain Lua and in Luawait, whose `coroutine` library is its own.
 */
#include "host.h"
#include "plain_lua.h"

enum { PAIRS = 1000000, SCRIPT_PAIRS = 500000 };

static const char script[] = "local step = coroutine.wrap(function()\n"
                             "    for i = 1, math.huge do coroutine.yield(i) end\n"
                             "end)\n"
                             "local last\n"
                             "for _ = 1, 500000 do last = step() end\n"
                             "return last";

static int yield_forever(lua_State *lua, int status, lua_KContext context) {
    (void)status;
    lua_settop(lua, 0);
    return lua_yieldk(lua, 0, context, yield_forever);
}

static int begin_yielding(lua_State *lua) {
    return yield_forever(lua, LUA_OK, 0);
}

static double measure_raw(void) {
    lua_State *lua = plain_new(), *coroutine = lua_newthread(lua);
    int results = 0;
    double begin;
    lua_pushcfunction(coroutine, begin_yielding);
    begin = bench_now();
    for (int i = 0; i < PAIRS; i++)
        BENCH_CHECK(lua_resume(coroutine, lua, 0, &results) == LUA_YIELD && results == 0);
    begin = (bench_now() - begin) / PAIRS;
    lua_close(lua);
    return begin;
}

static double measure_plain(void) {
    lua_State *lua = plain_new();
    double begin = bench_now();
    plain_expect(lua, script, SCRIPT_PAIRS);
    begin = (bench_now() - begin) / SCRIPT_PAIRS;
    lua_close(lua);
    return begin;
}

static double measure_luawait(luawait_engine *engine) {
    double begin = bench_now();
    host_expect(engine, host_start(engine, script, NULL), "500000");
    return (bench_now() - begin) / SCRIPT_PAIRS;
}

int main(void) {
    double raw[BENCH_ROUNDS], plain[BENCH_ROUNDS], ours[BENCH_ROUNDS], yardstick;
    luawait_engine *engine = host_engine(NULL);
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        raw[round] = measure_raw();
        plain[round] = measure_plain();
        ours[round] = measure_luawait(engine);
    }
    luawait_engine_free(engine);

    bench_title("Yield and resume: one pair");
    bench_line("lua_yieldk and lua_resume from C", bench_median(raw, BENCH_ROUNDS), "ns");
    yardstick = bench_median(plain, BENCH_ROUNDS);
    bench_line("yardstick: coroutines of a script, plain Lua", yardstick, "ns");
    bench_ratio("coroutines of a script, Luawait", bench_median(ours, BENCH_ROUNDS), "ns", yardstick);
    return 0;
}
