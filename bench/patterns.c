/*
 * Scripts that live on patterns: the same script in plain Lua, with Lua's own string library, and by luawait_eval() on
 * the calling thread, with the library's. Limits and preemption are on, as they are by default.
 */
#include "host.h"
#include "pattern_works.h"
#include "plain_lua.h"

static double measure_plain(const char *script, lua_Integer *result) {
    lua_State *lua = plain_new();
    double begin = bench_now();
    if (luaL_loadstring(lua, script) != LUA_OK || lua_pcall(lua, 0, 1, 0) != LUA_OK)
        bench_die("plain Lua: %s", lua_tostring(lua, -1));
    begin = bench_now() - begin;
    BENCH_CHECK(lua_isinteger(lua, -1));
    *result = lua_tointeger(lua, -1);
    lua_close(lua);
    return begin / 1e6;
}

static double measure_eval(luawait_engine *engine, const char *script, lua_Integer expected) {
    luawait_error error = host_error();
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL, json[32];
    double begin = bench_now();
    if (luawait_eval(engine, TEXT(script), NULL, 0, &state, &outcome, NULL, &error) != LUAWAIT_OK)
        bench_die("luawait_eval: %s", error.message);
    begin = bench_now() - begin;
    snprintf(json, sizeof json, "%lld", (long long)expected);
    if (state != LUAWAIT_SUCCEEDED || strcmp(outcome, json) != 0) bench_die("the script ended with %s", outcome);
    luawait_free(outcome);
    return begin / 1e6;
}

int main(void) {
    luawait_engine *engine = host_engine(NULL);
    double plain_sum = 0, eval_sum = 0;
    bench_title("Pattern-heavy scripts: default limits, default preemption");
    for (size_t i = 0; i < PATTERN_WORK_COUNT; i++) {
        const struct pattern_work *work = &pattern_works[i];
        double plain[BENCH_ROUNDS], eval[BENCH_ROUNDS], yardstick, own;
        char name[64];
        for (size_t round = 0; round < BENCH_ROUNDS; round++) {
            lua_Integer result;
            plain[round] = measure_plain(work->script, &result);
            eval[round] = measure_eval(engine, work->script, result);
        }
        yardstick = bench_median(plain, BENCH_ROUNDS);
        own = bench_median(eval, BENCH_ROUNDS);
        plain_sum += yardstick;
        eval_sum += own;
        snprintf(name, sizeof name, "yardstick: %s, plain Lua", work->name);
        bench_line(name, yardstick, "ms");
        snprintf(name, sizeof name, "%s, luawait_eval", work->name);
        bench_ratio(name, own, "ms", yardstick);
    }
    bench_line("yardstick: all of them, plain Lua", plain_sum, "ms");
    bench_ratio("all of them, luawait_eval", eval_sum, "ms", plain_sum);
    luawait_engine_free(engine);
    return 0;
}
