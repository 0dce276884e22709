/* What evals of a named context share, and what they do not. */
#include "contexts.h"

static const char given[] = "{\"globals\":{\"config\":{\"limit\":5,\"deep\":{\"list\":[1,{\"a\":2},[]]}},"
                            "\"list\":[1,2,[3]],\"text\":\"x\",\"number\":1.5,\"yes\":true}}";

static void given_globals_are_each_evals_own_copy(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, given);
    const char *look = "return {config.limit, config.deep.list[2].a, #config.deep.list, list[3][1], text}";
    const char *whole = "[5,2,3,3,\"x\"]";
    EXPECT_IN(engine, context, look, whole);
    EXPECT_IN(engine, context,
              "config.limit = 6 config.deep.list[2].a = 7 config.deep.list[4] = 0 list[3] = {4} text = 'y'\n"
              "return {config.limit, config.deep.list[2].a, #config.deep.list, list[3][1], text}",
              "[6,7,4,4,\"y\"]");
    EXPECT_IN(engine, context, look, whole);
    // Not even code in a metatable.
    EXPECT_IN(engine, context, "setmetatable(config, {__index = function() return 'spy' end}) return config.nothing",
              "\"spy\"");
    EXPECT_IN(engine, context, "return {config.nothing == nil, getmetatable(config) == nil}", "[true,true]");
    // Evals that share the context's globals have one copy together, which is no other's.
    EXPECT_SHARED(engine, context, "config.limit = 8 list[3] = nil", "null");
    EXPECT_SHARED(engine, context, "return {config.limit, #list}", "[8,2]");
    EXPECT_IN(engine, context, look, whole);
    luawait_engine_free(engine);
}

static void copies_are_what_was_given(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, given);
    // Empty arrays are arrays still.
    EXPECT_IN(engine, context, "return {config, list, text, number, yes, math.type(config.limit)}",
              "[{\"limit\":5,\"deep\":{\"list\":[1,{\"a\":2},[]]}},[1,2,[3]],\"x\",1.5,true,\"integer\"]");
    // One copy for each eval, not one for each look.
    EXPECT_IN(engine, context, "return {config == config, _G.list == list, rawequal(_ENV, _G)}", "[true,true,true]");
    EXPECT_IN(engine, context, "return {rawget(_G, 'config') == nil, config.limit, rawget(_G, 'config').limit}",
              "[true,5,5]");
    luawait_engine_free(engine);
}

static void pairs_shows_all_that_was_given(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "db.find");
    uint64_t context = context_of(engine, given);
    const char *names =
        "local n = {} for k, v in pairs(_G) do n[#n + 1] = k .. ' ' .. type(v) end table.sort(n) return n";
    outcome private = finish(engine, start_with(engine, names,
                                                "{\"globals\":{\"config\":{},\"list\":[],\"text\":\"\","
                                                "\"number\":0,\"yes\":true}}"));
    outcome named = finish(engine, start_in(engine, context, names, ""));
    CHECK_JSON(named.json, private.json);
    outcome_free(&private);
    outcome_free(&named);
    EXPECT_IN(engine, context, "mine = 1 text = 'y' for k in pairs(_G) do end return {mine, text, config.limit}",
              "[1,\"y\",5]");
    luawait_engine_free(engine);
}

static void a_given_name_takes_the_place_of_luas(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t context = context_of(engine, "{\"globals\":{\"string\":{\"upper\":1},\"print\":2,\"math\":{\"pi\":3}}}");
    const char *look = "return {string.upper, string.rep == nil, ('x'):rep(2), print, math}";
    EXPECT_IN(engine, context, look, "[1,true,\"xx\",2,{\"pi\":3}]");
    EXPECT_SHARED(engine, context, look, "[1,true,\"xx\",2,{\"pi\":3}]");
    luawait_engine_free(engine);
}

static void functions_of_many_parts_are_each_evals_own(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z");
    uint64_t context = context_of(engine, NULL);
    const char *holder = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y";
    char *script = text_format("%s.z = nil %s.new = 1 return {%s.z == nil, %s.new}", holder, holder, holder, holder);
    EXPECT_IN(engine, context, script, "[true,1]");
    free(script);
    script = text_format("return {%s.z ~= nil, %s.new == nil}", holder, holder);
    EXPECT_IN(engine, context, script, "[true,true]");
    free(script);
    luawait_engine_free(engine);
}

static void copies_count_as_memory_of_the_eval_that_asks(void) {
    luawait_engine *engine = engine_with(NULL);
    enum { COUNT = 100000 };
    char *text = text_of('1', 2 * COUNT);
    for (size_t i = 1; i < 2 * COUNT; i += 2)
        text[i] = ',';
    text[2 * COUNT - 1] = '\0';
    // Of which the prototype and the context's own globals have half.
    char *options = text_format("{\"memory_bytes\":6200000,\"globals\":{\"large\":[%s]}}", text);
    uint64_t context = context_of(engine, options);
    EXPECT_IN(engine, context, "return #large", "100000");
    // What an eval has copied goes with it.
    EXPECT_IN(engine, context, "return #large", "100000");
    const char *holding = "local t = {} for i = 1, 20 do t[i] = ('x'):rep(100000 + i) end return #t";
    EXPECT_IN(engine, context, holding, "20");
    char *holding_both = text_format("%s + #large", holding);
    CHECK_ERROR(finish(engine, start_in(engine, context, holding_both, "")), "memory", "");
    EXPECT_IN(engine, context, "return #large", "100000");
    free(holding_both);
    free(options);
    free(text);
    luawait_engine_free(engine);
}

// ---- Everything that an eval can reach -----------------------------------------------------------------------------

static void find_nothing(void *user_data, luawait_call *call) {
    (void)user_data;
    CHECK_STATUS(luawait_call_return(call, "[]", 2, NULL), LUAWAIT_OK);
}

static void fail(void *user_data, luawait_call *call) {
    (void)user_data;
    CHECK_STATUS(luawait_call_fail(call, "{\"message\":\"no\",\"data\":{\"a\":[1]}}", LUAWAIT_NUL_TERMINATED, NULL),
                 LUAWAIT_OK);
}

/* Collects all tables that can be reached from the globals called `names`, and from one value of each other kind: what
 * they have inside, and their metatables. `visit(path, value)` sees each value, `_G` itself comes last. */
#define WALK                                                                                                           \
    "local names, tables, seen, visit = ..., {}, {}, nil\n"                                                            \
    "local next, type, getmetatable, tostring = next, type, getmetatable, tostring\n"                                  \
    "local function walk(path, value)\n"                                                                               \
    "  visit(path, value)\n"                                                                                           \
    "  local meta = getmetatable(value)\n"                                                                             \
    "  if type(meta) == 'table' then walk(path .. '<meta>', meta) elseif meta ~= nil then visit(path .. '<>', meta) "  \
    "end\n"                                                                                                            \
    "  if type(value) ~= 'table' or seen[value] then return end\n"                                                     \
    "  seen[value] = true tables[#tables + 1] = value\n"                                                               \
    "  for k, v in next, value do walk(path .. '.' .. tostring(k), v) end\n"                                           \
    "end\n"                                                                                                            \
    "local _, failure = pcall(db.fail)\n"                                                                              \
    "local others = {failure = failure, array = json.array{}, found = db.find(), text = 'x', null = json.null,\n"      \
    "  thread = coroutine.create(print), wrap = coroutine.wrap(print), match = string.gmatch('a', '.'),\n"             \
    "  chunk = load('return 1'), number = 1, yes = true}\n"                                                            \
    "local function walk_all()\n"                                                                                      \
    "  local here = _G\n"                                                                                              \
    "  for _, name in ipairs(names) do if name ~= '_G' then walk(name, here[name]) end end\n"                          \
    "  for name, value in next, others do walk('<' .. name .. '>', value) end\n"                                       \
    "  walk('_G', here)\n"                                                                                             \
    "end\n"

/* What there is, as text: a line for each value, with what it is if it is plain, and whether a function is the vandal's. */
static const char observer[] =
    WALK "local lines = {}\n"
         "function visit(path, value)\n"
         "  local kind, more = type(value), ''\n"
         "  if kind == 'string' or kind == 'number' or kind == 'boolean' then more = tostring(value):gsub('[^ -~]', "
         "'?') end\n"
         "  if kind == 'function' and not path:find('wait_for_host') then\n"
         "    local _, result = pcall(value) more = tostring(result == 'changed')\n"
         "  end\n"
         "  lines[#lines + 1] = path .. ' ' .. kind .. ' ' .. more\n"
         "end\n"
         "walk_all() table.sort(lines)\n"
         "return {table.concat(lines, '\\n'), json.array{}, ('x'):rep(2), ('%d'):format(3), #tables,\n"
         "  tostring(failure), 'e: ' .. failure, tostring(json.null), tostring(getmetatable(''))}";

/* Changes all of it: each member, a new one, the metatable; and whatever functions change. */
static const char vandal[] =
    WALK "function visit() end\n"
         "walk_all()\n"
         "local pcall, rawget, rawset, setmetatable = pcall, rawget, rawset, setmetatable\n"
         "local array, wait = json.array, wait_for_host\n"
         "local parks, unchanged = select(2, ...), 0\n"
         "local function changed() return 'changed' end\n"
         "local meta = {__index = changed, __newindex = changed, __call = changed, __tostring = changed,\n"
         "  __concat = changed, __len = changed, __pairs = changed, __close = changed}\n"
         "math.randomseed(1) collectgarbage() collectgarbage('step')\n"
         "for i = 1, #tables do\n"
         "  local keys = {}\n"
         "  for k in next, tables[i] do keys[#keys + 1] = k end\n"
         "  for _, k in next, keys do rawset(tables[i], k, changed) end\n"
         "  rawset(tables[i], 'vandal', changed)\n"
         "  if rawget(tables[i], 'vandal') ~= changed then unchanged = unchanged + 1 end\n"
         "  pcall(array, tables[i]) pcall(setmetatable, tables[i], meta)\n"
         "end\n"
         "for _, value in next, {'', 1, true, changed} do pcall(setmetatable, value, meta) pcall(array, value) end\n"
         "if parks then wait() end\n"
         "return unchanged";

static void what_one_eval_changes_no_other_sees(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\",\"cpu_ms\":0}");
    declare(engine, "wait_for_host");
    declare_callback(engine, "db.find", find_nothing, NULL);
    declare_callback(engine, "db.fail", fail, NULL);
    uint64_t context = context_of(engine, given);
    outcome names = finish(engine, start(engine, "local n = {'config', 'list', 'text'} "
                                                 "for k in pairs(_G) do n[#n + 1] = k end return n"));
    char *quick = text_format(",\"args\":[%s]", names.json), *parking = text_format(",\"args\":[%s,true]", names.json);
    char *shared = text_format("%s" SHARED, quick);
    outcome_free(&names);

    outcome before = finish(engine, start_in(engine, context, observer, quick));
    CHECK_INT(before.state, LUAWAIT_SUCCEEDED);
    CHECK_CONTAINS(before.json, "config.deep.list.2.a number 2");
    CHECK_CONTAINS(before.json, "string.upper function false");
    CHECK_CONTAINS(before.json, "<failure>.data.a.1 number 1");
    for (int round = 0; round < 2; round++) {
        uint64_t parked = start_in(engine, context, vandal, parking);
        request taken = wait_for_request(engine);
        CHECK_VALUE(finish(engine, start_in(engine, context, vandal, quick)), "0");
        CHECK_VALUE(finish(engine, start_in(engine, context, vandal, round == 0 ? quick : shared)), "0");
        outcome after = finish(engine, start_in(engine, context, observer, quick));
        CHECK_TEXT(after.json, before.json);
        outcome_free(&after);
        answer(engine, taken.id, "null");
        request_free(&taken);
        CHECK_VALUE(finish(engine, parked), "0");
    }
    outcome_free(&before);
    free(quick);
    free(parking);
    free(shared);
    luawait_engine_free(engine);
}

// ---- Random numbers ------------------------------------------------------------------------------------------------

/* What an eval draws before and after another one, in a context of an engine with seed 7. */
static outcome draw_around(const char *other, const char *first_more) {
    luawait_engine *engine = engine_with("{\"seed\":7}");
    declare(engine, "f");
    uint64_t context = context_of(engine, NULL);
    uint64_t eval = start_in(engine, context, "local a = math.random(0) f() return {a, math.random(0)}", first_more);
    request taken = wait_for_request(engine);
    outcome ended = finish(engine, start_in(engine, context, other, ""));
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    outcome_free(&ended);
    answer(engine, taken.id, "null");
    request_free(&taken);
    outcome drawn = finish(engine, eval);
    luawait_engine_free(engine);
    return drawn;
}

static void random_numbers_are_each_evals_own(void) {
    static const char *const others[] = {"return 1", "return math.random()", "math.randomseed(1)",
                                         "math.randomseed(1, 2) return math.random()",
                                         "for _ = 1, 100 do math.random(9) end"};
    static const char *const firsts[] = {"", SHARED};
    for (size_t first = 0; first < 2; first++) {
        outcome alone = draw_around("return 2", firsts[first]);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            outcome drawn = draw_around(others[i], firsts[first]);
            CHECK_TEXT(drawn.json, alone.json);
            outcome_free(&drawn);
        }
        outcome_free(&alone);
    }
}

static void evals_of_a_context_draw_different_numbers(void) {
    luawait_engine *engine = engine_with("{\"seed\":7}");
    uint64_t context = context_of(engine, NULL);
    enum { EVALS = 50 };
    outcome drawn[EVALS];
    for (int i = 0; i < EVALS; i++) {
        drawn[i] = finish(engine, start_in(engine, context, "return math.random(0)", i % 2 == 0 ? "" : SHARED));
        for (int j = 0; j < i; j++)
            CHECK(strcmp(drawn[i].json, drawn[j].json) != 0);
    }
    for (int i = 0; i < EVALS; i++)
        outcome_free(&drawn[i]);
    luawait_engine_free(engine);
}

static void a_seed_gives_the_same_numbers_in_a_context_as_elsewhere(void) {
    const char *script = "return {math.random(0), math.random(0)}";
    luawait_engine *one = engine_with("{\"seed\":7}"), *two = engine_with("{\"seed\":7}");
    uint64_t context = context_of(two, NULL);
    for (int i = 0; i < 3; i++) {
        outcome alone = finish(one, start(one, script)), among = finish(two, start_in(two, context, script, ""));
        CHECK_TEXT(among.json, alone.json);
        outcome_free(&alone);
        outcome_free(&among);
    }
    luawait_engine_free(one);
    luawait_engine_free(two);
}

static void a_random_function_of_the_hosts_stays(void) {
    luawait_engine *engine = engine_with(NULL);
    declare_callback(engine, "math.random", find_nothing, NULL);
    uint64_t context = context_of(engine, NULL);
    EXPECT_IN(engine, context, "math.randomseed(1) return {math.random(), math.pi > 3}", "[[],true]");
    luawait_engine_free(engine);
}

TESTS(TEST(given_globals_are_each_evals_own_copy), TEST(copies_are_what_was_given),
      TEST(pairs_shows_all_that_was_given), TEST(a_given_name_takes_the_place_of_luas),
      TEST(functions_of_many_parts_are_each_evals_own), TEST(copies_count_as_memory_of_the_eval_that_asks),
      TEST(what_one_eval_changes_no_other_sees), TEST(random_numbers_are_each_evals_own),
      TEST(evals_of_a_context_draw_different_numbers), TEST(a_seed_gives_the_same_numbers_in_a_context_as_elsewhere),
      TEST(a_random_function_of_the_hosts_stays))
