/* Where memory runs out: in the middle of whatever Lua is doing, and on which line the host is told. */
#include "host.h"

#include <stdio.h>

/* Each takes memory until there is none left, on the line that begins with `--[[HOG]]`. */
static const char *const hogs[] = {
    "local t = {}\n--[[HOG]] for i = 1, math.huge do t[i] = i end",
    "local t = {}\n--[[HOG]] while true do t[#t + 1] = {} end",
    "local t = {}\nlocal i = 0\n--[[HOG]] while true do i = i + 1 t['key' .. i] = true end",
    "local t\n--[[HOG]] while true do t = {t} end",
    "local s = 'xx'\n--[[HOG]] while true do s = s .. s end",
    "local t = {}\n--[[HOG]] while true do t[#t + 1] = function() return t end end",
    "local t = {}\n--[[HOG]] while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "local s = 'x'\nlocal n = 1e9\n--[[HOG]] return #s:rep(n)",
    "local t = {}\n--[[HOG]] for i = 1, 100 do t[i] = ('x'):rep(100000) .. i end",
    "local s = ('x'):rep(400000)\nlocal t = {s}\n--[[HOG]] return #s:upper()",
    "local s = ('x'):rep(100000)\nlocal t = {}\nfor i = 1, 100 do t[i] = s end\n--[[HOG]] return #table.concat(t)",
    "local co = coroutine.wrap(function()\nlocal t = {}\n--[[HOG]] while true do t[#t + 1] = {} end end)\nco()",
    "local function fill(t)\n--[[HOG]] while true do t[#t + 1] = {} end end\nreturn 1 + fill({})",
};

static int line_of_hog(const char *script) {
    int line = 1;
    for (const char *at = script, *hog = strstr(script, "--[[HOG]]"); at < hog; at++)
        line += *at == '\n';
    return line;
}

static void running_out_of_memory_names_chunk_and_line(void) {
    const char *configs[] = {"{\"memory_bytes\":1000000}", "{\"memory_bytes\":1000000,\"preemption\":\"count\"}"};
    for (size_t c = 0; c < sizeof configs / sizeof *configs; c++) {
        luawait_engine *engine = engine_with(configs[c]);
        for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
            outcome ended = finish(engine, start_with(engine, hogs[i], "{\"name\":\"hog\"}"));
            char *line = text_format("%d", line_of_hog(hogs[i]));
            bool is_named = CHECK_MEMBER(ended.json, "line", line) && CHECK_MEMBER(ended.json, "chunk", "\"hog\"");
            if (!is_named) fprintf(stderr, "script %zu: %s\n", i, hogs[i]);
            CHECK_ERROR(ended, "memory", "not enough memory");
            free(line);
        }
        luawait_engine_free(engine);
    }
}

/* Of evals that take turns in one Lua state, each is told its own line or none. */
static void a_line_is_the_evals_own(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, "{\"memory_bytes\":4000000}", LUAWAIT_NUL_TERMINATED, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    uint64_t waiting =
        start_with(engine, "\n\nlocal t = {} for i = 1, 10000 do t[i] = {} end\nreturn f() + #t", options);
    request taken = wait_for_request(engine);
    outcome ended = finish(engine, start_with(engine, "local t = {} while true do t[#t + 1] = {} end", options));
    CHECK_MEMBER(ended.json, "line", "1");
    CHECK_ERROR(ended, "memory", "not enough memory");
    answer(engine, taken.id, "1");
    request_free(&taken);
    CHECK_VALUE(finish(engine, waiting), "10001");
    free(options);
    luawait_engine_free(engine);
}

/* Lua's stack, its frames, tables and texts: whichever has to grow when there is no room left, the eval ends, and nothing
   else does. Lua moves its stack in steps, so each limit meets it in another. */
static void memory_running_out_while_anything_grows_is_an_outcome(void) {
    static const char *const growers[] = {
        "local function f() return 1 + f() end return f()",
        "local function f(...) return 1 + f(1, ...) end return f()",
        "local function f(n) local a <const> = {n} return f(n + 1), a end return f(1)",
        "local function f(n) return select('#', table.unpack({}, 1, n)) + f(n * 2) end return f(10)",
        "local function f(n) local co = coroutine.wrap(f) return co(n, table.unpack({}, 1, n)) end return f(1)",
        "return coroutine.wrap(function() local function f() return 1 + f() end return f() end)()",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]",
        ("local function f() local t <close> = setmetatable({}, {__close = function() end}) return f(), 1 end return "
         "f()"),
    };
    luawait_engine *engine = engine_with("{\"cpu_ms\":0,\"max_coroutines\":0}");
    size_t step = harness_scale(20, 100);
    for (size_t i = 0; i < sizeof growers / sizeof *growers; i++) {
        for (size_t bytes = 50000; bytes < 9000000; bytes += bytes * step / 100) {
            char *options = text_format("{\"memory_bytes\":%zu}", bytes);
            outcome ended = finish(engine, start_with(engine, growers[i], options));
            CHECK_INT(ended.state, LUAWAIT_FAILED);
            if (strstr(ended.json, "not enough memory") == NULL) CHECK_CONTAINS(ended.json, "stack overflow");
            outcome_free(&ended);
            free(options);
        }
        EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    }
    luawait_engine_free(engine);
}

/* Calls that use up the memory are nested too deep, whatever it was that there was no room for. */
static void deep_calls_without_memory_are_a_limit(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    const char *script = "local function f() return 1 + f() end\nreturn f()";
    for (size_t bytes = 24000000; bytes <= 32000000; bytes += 2000000) {
        char *options = text_format("{\"memory_bytes\":%zu}", bytes);
        outcome ended = finish(engine, start_with(engine, script, options));
        CHECK_MEMBER(ended.json, "line", "1");
        CHECK_ERROR(ended, "limit", "stack overflow");
        free(options);
    }
    /* What has been deep once is not any more. */
    EXPECT_ERROR_WITH(engine,
                      "local function f(n) if n > 0 then return 1 + f(n - 1) end return 0 end f(150000)\n"
                      "local t = {} for i = 1, math.huge do t[i] = i end",
                      "{\"memory_bytes\":32000000}", "memory", "not enough memory");
    luawait_engine_free(engine);
}

/* Garbage is no reason to refuse a place on the stack: neither what a function of the library's asks for nor what Lua needs. */
static void garbage_makes_way_for_the_stack(void) {
    const char *growers[] = {
        "n = n + select('#', table.unpack({}, 1, 10000))",
        "n = n + coroutine.wrap(function(...) return select('#', ...) end)(table.unpack({}, 1, 100)) * 100",
        ("local function f(k) if k == 0 then return 0 end return 1 + f(k - 1) end "
         "n = n + coroutine.wrap(f)(1000) * 10"),
    };
    luawait_engine *engine = engine_with("{\"memory_bytes\":6000000,\"cpu_ms\":0}");
    for (size_t i = 0; i < sizeof growers / sizeof *growers; i++) {
        char *script = text_format("local n, t = 0, {} for i = 1, 45000 do t[i] = {} end "
                                   "for i = 1, 2000 do local s = ('x'):rep(20000 + i) %s end return n",
                                   growers[i]);
        EXPECT_VALUE(engine, script, "20000000");
        free(script);
    }
    luawait_engine_free(engine);
}

/* Nor is what earlier evals have left. */
static void garbage_of_others_makes_way_for_the_stack(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, "{\"memory_bytes\":8000000}", LUAWAIT_NUL_TERMINATED, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    for (int i = 0; i < 40; i++) {
        char *litter = text_format("local t = {} for i = 1, %d do t[i] = {} end return #t", 80000 + 500 * i);
        outcome ended = finish(engine, start_with(engine, litter, options));
        outcome_free(&ended);
        free(litter);
        CHECK_VALUE(finish(engine, start_with(engine,
                                              "local function f(...) return select('#', ...) end "
                                              "return f(table.unpack({}, 1, 20000))",
                                              options)),
                    "20000");
    }
    free(options);
    luawait_engine_free(engine);
}

/* A script can catch it, as any error, and go on with what memory it gives back. */
static void a_lack_of_memory_can_be_caught(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":1000000}");
    EXPECT_VALUE(engine,
                 "local ok, e = pcall(function() local t = {} while true do t[#t + 1] = {} end end) "
                 "local t = {} for i = 1, 1000 do t[i] = {} end return ok, e, #t",
                 "[false,\"not enough memory\",1000]");
    EXPECT_VALUE(engine, "return pcall(string.rep, 'x', 1e9)", "[false,\"not enough memory\"]");
    luawait_engine_free(engine);
}

TESTS(TEST(running_out_of_memory_names_chunk_and_line), TEST(a_line_is_the_evals_own),
      TEST(memory_running_out_while_anything_grows_is_an_outcome), TEST(deep_calls_without_memory_are_a_limit),
      TEST(garbage_makes_way_for_the_stack), TEST(garbage_of_others_makes_way_for_the_stack),
      TEST(a_lack_of_memory_can_be_caught))
