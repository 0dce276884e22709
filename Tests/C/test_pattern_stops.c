/* Long matches can be stopped, take turns with others, and give the same results in slices. */
#include "endless.h"

typedef struct script_case {
    const char *script;
    const char *json;
} script_case;

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- Stopping -----------------------------------------------------------------------------------------------------*/

/* Each would run for years. `mark` says that it has begun. */
static const char *const endless[] = {
    "mark() return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b')",
    "mark() return string.find(('a'):rep(10000), ('a*'):rep(30) .. '[bc]')",
    "mark() return string.find(('a'):rep(30):rep(200), ('a?'):rep(150) .. 'b')",
    "mark() return string.match(('a'):rep(10000), ('(.-)'):rep(20) .. '%d')",
    "mark() while true do pcall(string.find, ('a'):rep(10000), ('a-'):rep(30) .. 'b') end",
    "mark() while true do pcall(pcall, string.match, ('a'):rep(10000), ('a-'):rep(30) .. 'b') end",
    "mark() return xpcall(string.find, function(e) return e end, ('a'):rep(10000), ('a-'):rep(30) .. 'b')",
    "mark() for _ in string.gmatch(('a'):rep(10000), ('a-'):rep(30) .. 'b') do end",
    "mark() return (string.gsub(('a'):rep(10000), ('a-'):rep(30) .. 'b', 'c'))",
    "mark() return (string.gsub(('a'):rep(10000), ('a-'):rep(30) .. 'b', print))",
    "mark() return (string.gsub(('a'):rep(10000), ('a-'):rep(30) .. 'b', {}))",
    "mark() return (string.gsub('a', 'a', function() return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b') end))",
    "mark() return string.find(('('):rep(2000000), '%b()')",
    "mark() return string.find(('a'):rep(2000000), ('.*'):rep(3) .. '%d')",
    "mark() return string.find(('a'):rep(1000000), '(a*)%1b')",
    "mark() return string.find(('a'):rep(200000), '[' .. ('b'):rep(200000) .. ']')",
    "mark() return string.find(('a'):rep(2000):rep(2000), ('a'):rep(1000):rep(1000) .. 'b' .. "
    "('a'):rep(1000):rep(1000), 1, true)",
    "mark() return coroutine.wrap(function() return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b') end)()",
    "mark() table.sort({1, 2, 3}, function() return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b') end)",
    "mark() local x <close> = setmetatable({}, {__close = function() return string.find(('a'):rep(10000), "
    "('a-'):rep(30) .. 'b') end})"};

static void cancel_ends_every_match_by_signal(void) {
    cancel_each(ENDLESS(endless), "signal");
}

static void cancel_ends_every_match_by_count(void) {
    cancel_each(ENDLESS(endless), "count");
}

static void the_processor_limit_ends_every_match_by_signal(void) {
    limit_each(ENDLESS(endless), "signal", ",\"cpu_ms\":20", "cpu");
}

static void the_processor_limit_ends_every_match_by_count(void) {
    limit_each(ENDLESS(endless), "count", ",\"cpu_ms\":20", "cpu");
}

static void the_timeout_ends_every_match_by_signal(void) {
    limit_each(ENDLESS(endless), "signal", ",\"cpu_ms\":0,\"timeout_ms\":20", "timeout");
}

static void the_timeout_ends_every_match_by_count(void) {
    limit_each(ENDLESS(endless), "count", ",\"cpu_ms\":0,\"timeout_ms\":20", "timeout");
}

static void on_the_hosts_thread_every_match_ends(void) {
    limit_each_in_run(ENDLESS(endless));
}

/* ---- Taking turns -------------------------------------------------------------------------------------------------*/

static void an_endless_match_leaves_run_and_others_their_turn(void) {
    take_turns_in_run("return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b')");
}

static void endless_matches_share_one_worker(const char *preemption) {
    luawait_engine *engine = preempting_engine(preemption, ",\"cpu_ms\":0,\"workers\":1,\"slice_us\":500");
    uint64_t evals[3];
    for (int i = 0; i < 3; i++)
        evals[i] = start(engine, "return string.find(('a'):rep(10000), ('a-'):rep(30) .. 'b')");
    EXPECT_VALUE(engine, "local s = 0 for i = 1, 300000 do s = s + i end return s", "45000150000");
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(luawait_cancel(engine, evals[i]));
        CHECK_CANCELLED(finish(engine, evals[i]));
    }
    luawait_engine_free(engine);
}

static void endless_matches_take_turns_by_signal(void) {
    endless_matches_share_one_worker("signal");
}

static void endless_matches_take_turns_by_count(void) {
    endless_matches_share_one_worker("count");
}

/* Long, but they end: with slices far shorter than they are, the results must be those of plain Lua. */
static void slices_in_matches_do_not_change_results(void) {
    luawait_engine *engine = engine_with("{\"slice_us\":100,\"workers\":1,\"cpu_ms\":0}");
    luawait_engine *counting = engine_with("{\"slice_us\":100,\"workers\":1,\"cpu_ms\":0,\"preemption\":\"count\"}");
    luawait_engine *engines[] = {engine, counting};
    // Thirty lines of so many letters, a `bc` and a space; the work grows with the third power of the letters.
    size_t letters = harness_scale(30, 10);
    char *lines = text_format("local lines = (('a'):rep(%zu) .. 'bc '):rep(30) ", letters);
    char *replaced = text_format("[%zu,30,\"ab<c> \"]", 30 * (letters + 5));
    char *last = text_format("[30,%zu]", 30 * (letters + 3) + 1);
    const script_case cases[] = {
        {"return ('a'):rep(#lines // 12):find('a-a-a-b')", "null"},
        {"local b, e, x, y = ((('x'):rep(100) .. '='):rep(50) .. '!'):find('(x*)=(x-)=!') return b, e, #x, #y",
         "[4849,5051,100,100]"},
        {"local n, last = 0 for w, p in lines:gmatch('[a]-[a]-[a]-(c) ()') do n, last = n + #w, p end return n, last",
         last},
        {"local s, n = lines:gsub('[a]-[a]-[a]-(c)', '<%1>') return #s, n, s:sub(-6)", replaced},
        {"local s, n = lines:gsub('[a]-[a]-[a]-(c)', function(c) return '<' .. c .. '>' end) return #s, n, s:sub(-6)",
         replaced},
        {"local s, n = lines:gsub('[a]-[a]-[a]-(c)', {c = '<c>'}) return #s, n, s:sub(-6)", replaced},
        {"return ('('):rep(1000):find('%b()'), (('('):rep(100000) .. (')'):rep(100000)):find('%b()')",
         "[null,1,200000]"}};
    for (size_t i = 0; i < LENGTH(engines); i++) {
        uint64_t other = start(engines[i], "while true do end");
        for (size_t j = 0; j < LENGTH(cases); j++) {
            char *script = text_format("%s%s", lines, cases[j].script);
            EXPECT_VALUE(engines[i], script, cases[j].json);
            free(script);
        }
        REQUIRE_OK(luawait_cancel(engines[i], other));
        CHECK_CANCELLED(finish(engines[i], other));
        luawait_engine_free(engines[i]);
    }
    free(lines);
    free(replaced);
    free(last);
}

TESTS(TEST(cancel_ends_every_match_by_signal), TEST(cancel_ends_every_match_by_count),
      TEST(the_processor_limit_ends_every_match_by_signal), TEST(the_processor_limit_ends_every_match_by_count),
      TEST(the_timeout_ends_every_match_by_signal), TEST(the_timeout_ends_every_match_by_count),
      TEST(on_the_hosts_thread_every_match_ends), TEST(an_endless_match_leaves_run_and_others_their_turn),
      TEST(endless_matches_take_turns_by_signal), TEST(endless_matches_take_turns_by_count),
      TEST(slices_in_matches_do_not_change_results))
