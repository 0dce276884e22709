/* Calls nested too deep: of type "limit" whether Lua's stack, C's or the memory ends them, and the world goes on. */
#include "host.h"

static void endless_recursion_is_a_limit(void) {
    const char *scripts[] = {
        "local function f() return 1 + f() end return f()",
        "local function f(...) return 1 + f(...) end return f(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)",
        "local function f() local a <const> = {} return f(), a end f()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end return t.x",
        "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end return t .. t",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() return (string.gsub('x', 'x', f)) end f()",
        "local function f(a, b) table.sort({1, 2, 3}, f) return a < b end table.sort({1, 2, 3}, f)",
    };
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        EXPECT_ERROR(engine, scripts[i], "limit", "stack overflow");
        EXPECT_VALUE(engine, "return 'alive'", "\"alive\"");
    }
    luawait_engine_free(engine);
}

static void a_script_can_catch_it_and_go_on(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":0,\"cpu_ms\":0}");
    EXPECT_VALUE(engine,
                 "local function f() return 1 + f() end local ok, m = pcall(f) "
                 "local t = {} for i = 1, 1000 do t[i] = tostring(i) end return ok, m:match('stack overflow$'), #t",
                 "[false,\"stack overflow\",1000]");
    luawait_engine_free(engine);
}

/* Only a recursion is one: a script that says so is not, and neither is one that fills its memory some other way. */
static void what_only_looks_like_it_keeps_its_type(void) {
    luawait_engine *engine = engine_with("{\"memory_bytes\":4000000}");
    EXPECT_ERROR(engine, "error('stack overflow')", "runtime", "stack overflow");
    EXPECT_ERROR(engine, "error('stack overflow', 0)", "runtime", "stack overflow");
    EXPECT_ERROR(engine, "assert(false, 'stack overflow')", "runtime", "stack overflow");
    EXPECT_ERROR(engine, "local e = error error = nil e('C stack overflow')", "runtime", "stack overflow");
    EXPECT_ERROR(engine, "return #table.pack(table.unpack({}, 1, 10000000))", "runtime", "too many results");
    EXPECT_ERROR(engine, "local function f(n) if n > 0 then return 1 + f(n - 1) end return ('x'):rep(1e8) end f(1000)",
                 "memory", "not enough memory");
    luawait_engine_free(engine);
}

static void a_context_is_usable_after_it(void) {
    luawait_engine *engine = engine_with("{\"cpu_ms\":0}");
    declare(engine, "f");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    uint64_t parked = start_with(engine, "local t = {1, 2, 3} return f() + #t", options);
    request taken = wait_for_request(engine);
    const char *deep[] = {"local function g() return 1 + g() end return g()",
                          "local function g() local a <const> = {} return g(), a end g()"};
    for (int i = 0; i < 2; i++) {
        CHECK_ERROR(finish(engine, start_with(engine, deep[i], options)), "limit", "stack overflow");
        CHECK_VALUE(finish(engine, start_with(engine, "return #('x'):rep(20000000)", options)), "20000000");
    }
    answer(engine, taken.id, "4");
    request_free(&taken);
    CHECK_VALUE(finish(engine, parked), "7");
    free(options);
    luawait_engine_free(engine);
}

TESTS(TEST(endless_recursion_is_a_limit), TEST(a_script_can_catch_it_and_go_on),
      TEST(what_only_looks_like_it_keeps_its_type), TEST(a_context_is_usable_after_it))
