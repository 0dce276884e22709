/*
 * Scripts that live on the table functions: the same script in plain Lua, with Lua's own library, and by luawait_eval()
 * on the calling thread, with the library's. Limits and preemption are on, as they are by default. Both run on this
 * thread, so that its processor time is what counts, in more rounds than elsewhere: the differences are small.
 */
#include "host.h"
#include "plain_lua.h"

#define ROUNDS 15

struct work {
    const char *name;
    const char *script; /* returns an integer */
};

static const struct work works[] = {
    {"sort by a comparator", "local t = {} for i = 1, 20000 do t[i] = i * 7919 % 20011 end "
                             "table.sort(t, function(a, b) return a > b end) return t[1]"},
    {"sort records by a field", "local t = {} for i = 1, 10000 do t[i] = {key = i * 7919 % 10007} end "
                                "table.sort(t, function(a, b) return a.key < b.key end) return t[1].key"},
    {"sort strings", "local t = {} for i = 1, 20000 do t[i] = ('%05d'):format(i * 7919 % 20011) end table.sort(t) "
                     "return #t[1]"},
    {"sort numbers", "local t = {} for i = 1, 40000 do t[i] = i * 7919 % 40009 end table.sort(t) return t[1]"},
    {"sort three by a comparator", "local f = function(a, b) return a < b end "
                                   "for i = 1, 40000 do table.sort({3, 1, 2}, f) end return 1"},
    {"make tables and closures", "local t for i = 1, 200000 do t = {i} t[2] = function() return i end end return t[1]"},
    {"insert at the end", "local t = {} for i = 1, 300000 do table.insert(t, i) end return #t"},
    {"insert at the front", "local t = {} for i = 1, 2000 do table.insert(t, 1, i) end return #t"},
    {"remove at the end", "local t = {} for i = 1, 200000 do t[i] = i end "
                          "for i = 1, 200000 do table.remove(t) end return #t"},
    {"remove at the front", "local t = {} for i = 1, 2000 do t[i] = i end "
                            "for i = 1, 2000 do table.remove(t, 1) end return #t"},
    {"concat of many", "local t = {} for i = 1, 50000 do t[i] = 'abc' .. i % 100 end "
                       "local n = 0 for k = 1, 5 do n = n + #table.concat(t, ',') end return n"},
    {"concat of three", "local t, n = {'a', 'b', 'c'}, 0 for k = 1, 100000 do n = n + #table.concat(t, ',') end "
                        "return n"},
    {"unpack five", "local t, s = {1, 2, 3, 4, 5}, 0 for k = 1, 200000 do local a, b, c, d, e = table.unpack(t) "
                    "s = s + e end return s"},
    {"move", "local t = {} for i = 1, 50000 do t[i] = i end "
             "for k = 1, 10 do table.move(t, 1, 50000, 2) end return #t"},
    {"ipairs", "local t, s = {}, 0 for i = 1, 1000 do t[i] = i end "
               "for k = 1, 300 do for i, v in ipairs(t) do s = s + v end end return s"},
    {"tostring", "local n = 0 for k = 1, 100000 do n = n + #tostring(k) end return n"},
    {"rep, upper, reverse", "local n = 0 for k = 1, 50000 do n = n + #('ab'):rep(20):upper():reverse() end return n"},
    {"utf8.len and codes",
     "local s, n = ('h\xc3\xa4\xe2\x82\xac'):rep(20), 0 for k = 1, 20000 do n = n + utf8.len(s) end "
     "for k = 1, 1000 do for p, c in utf8.codes(s) do n = n + c end end return n"},
};

static double thread_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure_plain(const char *script, lua_Integer *result) {
    lua_State *lua = plain_new();
    double begin = thread_now();
    if (luaL_loadstring(lua, script) != LUA_OK || lua_pcall(lua, 0, 1, 0) != LUA_OK)
        bench_die("plain Lua: %s", lua_tostring(lua, -1));
    begin = thread_now() - begin;
    BENCH_CHECK(lua_isinteger(lua, -1));
    *result = lua_tointeger(lua, -1);
    lua_close(lua);
    return begin / 1e6;
}

static double measure_eval(luawait_engine *engine, const char *script, lua_Integer expected) {
    luawait_error error = host_error();
    int32_t state = LUAWAIT_IN_PROGRESS;
    char *outcome = NULL, json[32];
    double begin = thread_now();
    if (luawait_eval(engine, TEXT(script), NULL, 0, &state, &outcome, NULL, &error) != LUAWAIT_OK)
        bench_die("luawait_eval: %s", error.message);
    begin = thread_now() - begin;
    snprintf(json, sizeof json, "%lld", (long long)expected);
    if (state != LUAWAIT_SUCCEEDED || strcmp(outcome, json) != 0) bench_die("the script ended with %s", outcome);
    luawait_free(outcome);
    return begin / 1e6;
}

int main(void) {
    luawait_engine *engine = host_engine(NULL);
    bench_title("Table functions: processor time, default limits, default preemption");
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        double plain[ROUNDS], eval[ROUNDS], yardstick;
        char name[64];
        for (size_t round = 0; round < ROUNDS; round++) {
            lua_Integer result;
            plain[round] = measure_plain(works[i].script, &result);
            eval[round] = measure_eval(engine, works[i].script, result);
        }
        yardstick = bench_median(plain, ROUNDS);
        snprintf(name, sizeof name, "yardstick: %s, plain Lua", works[i].name);
        bench_line(name, yardstick, "ms");
        snprintf(name, sizeof name, "%s, luawait_eval", works[i].name);
        bench_ratio(name, bench_median(eval, ROUNDS), "ms", yardstick);
    }
    luawait_engine_free(engine);
    return 0;
}
