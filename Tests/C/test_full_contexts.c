/* Contexts filled to their memory limit: what they hold can be let go of, and they go on. */
#include "contexts.h"
#include "json.h"

enum { LIMIT = 1500000 };

/* Each keeps what it makes in the shared global `t`, until there is no memory for more. */
static const char *const fills[] = {
    "t = {} while true do t = {t} end",
    "t = {} for i = 1, 1e9 do t = {t, 'a string of its own, ' .. i} end",
    "t = {} for i = 1, 1e9 do t = {t, ('x'):rep(i % 5000)} end",
    "t = {} for i = 1, 1e9 do t[i] = i end",
    "t = {} for i = 1, 1e9 do t['k' .. i] = i end",
    "t = {} for i = 1, 1e9 do t = {t, function() return i, t end} end",
    "t = {} for i = 1, 1e9 do t = {t, coroutine.create(print)} end",
    "t = {} for i = 1, 1e9 do local c = coroutine.wrap(function() coroutine.yield(t) end) c() t = {t, c} end",
    "t = {} for i = 1, 1e9 do local f = load('return ' .. i) t = {t, f or {}} end",
    "t = {} for i = 1, 1e9 do t = {t, json.array{i}, setmetatable({}, {__index = t})} end",
    "t = {} for i = 1, 1e9 do t = {t, string.gmatch('text', '.')} end",
    "t = {('x'):rep(700000)} while true do t = {t} end",
    "t = {} for i = 1, 60 do t[i] = ('x'):rep(20000 + i) end while true do t = {t} end",
};

/* Each lets go of it, by itself or as far as a table goes that refers to the rest. */
static const char *const releases[] = {
    "t = nil",
    "t = nil collectgarbage()",
    "collectgarbage() t = nil collectgarbage()",
    "for k in pairs(t) do t[k] = nil end",
    "for k in next, t do t[k] = nil end collectgarbage()",
    "release()",
    "do local x <const> = 5 t = x end",
    "t = 'something else'",
    "if type(t) == 'table' then t = nil end return t == nil, collectgarbage('count') > 0",
    "pcall(release)",
};

/* The limit is met by a small eval too, whatever it is. */
static const char *const wishes[] = {"more = {{}, {}, {}, {}}", "more = ('x'):rep(3000)",
                                     "more = function() return t end", "more = coroutine.create(print)",
                                     "return ('x'):rep(200):rep(20)"};

static void end_with_memory(luawait_engine *engine, uint64_t context, const char *script) {
    CHECK_ERROR(finish(engine, start_in(engine, context, script, SHARED ",\"cpu_ms\":0,\"name\":\"full\"")), "memory",
                "");
}

/* Fills the context, until there is no room even for the smallest table. */
static void fill(luawait_engine *engine, uint64_t context, const char *script) {
    EXPECT_SHARED(engine, context, "function release() local u = t if u ~= nil then t = nil end end", "null");
    end_with_memory(engine, context, script);
    end_with_memory(engine, context, "while true do t = {t} end");
}

static void a_full_context_can_be_emptied(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\",\"max_coroutines\":0}");
    char *options = text_format("{\"memory_bytes\":%d}", LIMIT);
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        uint64_t context = context_of(engine, options);
        for (size_t j = 0; j < sizeof releases / sizeof *releases; j += harness_scale(1, 5)) {
            fill(engine, context, fills[i]);
            outcome ended = finish(engine, start_in(engine, context, releases[j], SHARED));
            if (ended.state != LUAWAIT_SUCCEEDED) harness_fail(HERE, "%s\n%s\n%s", fills[i], releases[j], ended.json);
            outcome_free(&ended);
            EXPECT_SHARED(engine, context, "t = nil local s = ('x'):rep(300000) collectgarbage() return #s", "300000");
            EXPECT_IN(engine, context, "return #('x'):rep(300000)", "300000");
        }
        REQUIRE_OK(luawait_context_free(engine, context));
    }
    free(options);
    luawait_engine_free(engine);
}

static void what_is_refused_in_a_full_context_uses_up_no_reserve(void) {
    luawait_engine *engine = engine_with("{\"max_coroutines\":0}");
    char *options = text_format("{\"memory_bytes\":%d}", LIMIT);
    uint64_t context = context_of(engine, options);
    fill(engine, context, fills[0]);
    for (size_t i = 0; i < harness_scale(300, 30); i++)
        end_with_memory(engine, context, wishes[i % (sizeof wishes / sizeof *wishes)]);
    // Nor do scripts that do not compile, or are too long to be compiled in it.
    char *longest = text_of(';', 300000);
    char *many = text_format("%s t = nil", longest);
    for (size_t i = 0; i < harness_scale(20, 3); i++) {
        CHECK_ERROR(finish(engine, start_in(engine, context, "t = = nil", SHARED)), "syntax", "");
        CHECK_VALUE(finish(engine, start_in(engine, context, "local a, b, c, d = 1, 2, 3, 4", SHARED)), "null");
    }
    EXPECT_SHARED(engine, context, many, "null");
    EXPECT_SHARED(engine, context, "return #('x'):rep(300000)", "300000");
    free(many);
    free(longest);
    free(options);
    luawait_engine_free(engine);
}

static void evals_that_wait_in_a_full_context_are_answered(void) {
    luawait_engine *engine = engine_with("{\"max_coroutines\":0}");
    declare(engine, "f");
    char *options = text_format("{\"memory_bytes\":%d}", LIMIT);
    uint64_t context = context_of(engine, options), waiting[10];
    request taken[10];
    fill(engine, context, fills[0]);
    for (size_t i = 0; i < 10; i++) {
        waiting[i] = start_in(engine, context, "if f() then t = nil end", SHARED);
        taken[i] = wait_for_request(engine);
    }
    for (size_t i = 0; i < 10; i++) {
        answer(engine, taken[i].id, i == 5 ? "true" : "false");
        request_free(&taken[i]);
        CHECK_VALUE(finish(engine, waiting[i]), "null");
    }
    EXPECT_SHARED(engine, context, "return #('x'):rep(300000)", "300000");
    free(options);
    luawait_engine_free(engine);
}

static void figures_say_how_full_a_context_is(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    char *options = text_format("{\"memory_bytes\":%d}", LIMIT);
    uint64_t context = context_of(engine, options), other = context_of(engine, "{\"memory_bytes\":0}");
    fill(engine, context, fills[0]);
    // The turn is over, and noted, before the next one begins.
    EXPECT_IN(engine, other, "return 1", "1");
    char *json = NULL;
    REQUIRE_OK(luawait_stats(engine, &json, NULL));
    char *contexts = json_member(json, "contexts"), *memory = json_member(contexts, "memory");
    CHECK_INT(json_count(memory), 2);
    char *first = json_element(memory, 0), *second = json_element(memory, 1);
    char *id = text_format("%" PRIu64, context), *limit = text_format("%d", LIMIT), *used = json_member(first, "used");
    CHECK_MEMBER(first, "context", id);
    CHECK_MEMBER(first, "limit", limit);
    CHECK(atol(used) > LIMIT - 1000 && atol(used) <= LIMIT + 128 * 1024);
    CHECK_MEMBER(second, "limit", "0");
    char *texts[] = {contexts, memory, first, second, id, limit, used, options};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    luawait_free(json);
    luawait_engine_free(engine);
}

TESTS(TEST(a_full_context_can_be_emptied), TEST(what_is_refused_in_a_full_context_uses_up_no_reserve),
      TEST(evals_that_wait_in_a_full_context_are_answered), TEST(figures_say_how_full_a_context_is))
