/*
 * Scripts that only compute: the same script in plain Lua, by luawait_eval() on the calling thread and by
 * luawait_start() on a worker. Limits and preemption are on, as they are by default.
 */
#include "host.h"
#include "plain_lua.h"

struct work {
    const char *name;
    const char *script;
    lua_Integer result;
    const char *json;
};

static const struct work works[] = {
    {"fib(30)",
     "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
     "return fib(30)",
     832040, "832040"},
    {"tables and strings",
     "local words = {}\n"
     "for i = 1, 60000 do words[#words + 1] = string.format('%05d', (i * 7919) % 60000) end\n"
     "table.sort(words)\n"
     "local text = table.concat(words, ' ')\n"
     "local counts, sum = {}, 0\n"
     "for word in text:gmatch('%d+') do\n"
     "    local key = word:sub(1, 3)\n"
     "    counts[key] = (counts[key] or 0) + #word\n"
     "end\n"
     "for _, count in pairs(counts) do sum = sum + count end\n"
     "return sum",
     300000, "300000"},
};

static double measure_plain(const struct work *work) {
    lua_State *lua = plain_new();
    double begin = bench_now();
    plain_expect(lua, work->script, work->result);
    begin = bench_now() - begin;
    lua_close(lua);
    return begin / 1e6;
}

static double measure_eval(luawait_engine *engine, const struct work *work) {
    luawait_error error = host_error();
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL;
    double begin = bench_now();
    if (luawait_eval(engine, TEXT(work->script), NULL, 0, &state, &outcome, NULL, &error) != LUAWAIT_OK)
        bench_die("luawait_eval: %s", error.message);
    begin = bench_now() - begin;
    if (state != LUAWAIT_SUCCEEDED || strcmp(outcome, work->json) != 0) bench_die("the script ended with %s", outcome);
    luawait_free(outcome);
    return begin / 1e6;
}

static double measure_start(luawait_engine *engine, const struct work *work) {
    double begin = bench_now();
    host_expect(engine, host_start(engine, work->script, NULL), work->json);
    return (bench_now() - begin) / 1e6;
}

int main(void) {
    luawait_engine *engine = host_engine(NULL);
    bench_title("CPU-bound scripts: default limits, default preemption");
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        double plain[BENCH_ROUNDS], eval[BENCH_ROUNDS], start[BENCH_ROUNDS], yardstick;
        char name[64];
        for (size_t round = 0; round < BENCH_ROUNDS; round++) {
            plain[round] = measure_plain(&works[i]);
            eval[round] = measure_eval(engine, &works[i]);
            start[round] = measure_start(engine, &works[i]);
        }
        yardstick = bench_median(plain, BENCH_ROUNDS);
        snprintf(name, sizeof name, "yardstick: %s, plain Lua", works[i].name);
        bench_line(name, yardstick, "ms");
        snprintf(name, sizeof name, "%s, luawait_eval", works[i].name);
        bench_ratio(name, bench_median(eval, BENCH_ROUNDS), "ms", yardstick);
        snprintf(name, sizeof name, "%s, luawait_start on a worker", works[i].name);
        bench_ratio(name, bench_median(start, BENCH_ROUNDS), "ms", yardstick);
    }
    luawait_engine_free(engine);
    return 0;
}
