/* What a script finds in its world and what it does not, and that nothing leaks from one eval to the next. */
#include "host.h"

/* Lists what a table has and the allowed names do not, and the other way round. A name with ? may be missing. */
static void check_names(harness_place at, luawait_engine *engine, const char *what, const char *allowed) {
    char *script = text_format("local known, extra, missing = {}, {}, {} "
                               "for name, optional in ('%s '):gmatch('([%%w_]+)([?]?)') do "
                               "known[name] = true "
                               "if optional == '' and %s[name] == nil then missing[#missing + 1] = name end end "
                               "for name in pairs(%s) do if not known[name] then extra[#extra + 1] = name end end "
                               "return json.array(extra), json.array(missing)",
                               allowed, what, what);
    host_expect_value(at, engine, script, NULL, "[[],[]]");
    free(script);
}

#define CHECK_NAMES(engine, what, allowed) check_names(HERE, (engine), (what), (allowed))

static void exactly_the_documented_names_are_there(void) {
    luawait_engine *engine = engine_with(NULL);
    CHECK_NAMES(
        engine, "_G",
        "_G _VERSION assert collectgarbage error getmetatable ipairs load next pairs pcall print rawequal rawget "
        "rawlen rawset select setmetatable tonumber tostring type warn xpcall coroutine string table math utf8 "
        "os json");
    CHECK_NAMES(engine, "coroutine", "close create isyieldable resume running status wrap yield");
    CHECK_NAMES(engine, "string",
                "byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper");
    CHECK_NAMES(engine, "table", "concat insert move pack remove sort unpack");
    CHECK_NAMES(
        engine, "math",
        "abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random "
        "randomseed sin sqrt tan tointeger type ult "
        /* Lua may be built with the functions of 5.2. */
        "cosh? sinh? tanh? pow? frexp? ldexp? log10? atan2?");
    CHECK_NAMES(engine, "utf8", "char charpattern codepoint codes len offset");
    CHECK_NAMES(engine, "os", "time clock date difftime");
    CHECK_NAMES(engine, "json", "null array");
    luawait_engine_free(engine);
}

static void what_reaches_outside_is_not_there(void) {
    const char *names[] = {"io",         "debug",     "package",     "require",     "dofile",  "loadfile",
                           "loadstring", "module",    "string.dump", "os.execute",  "os.exit", "os.getenv",
                           "os.remove",  "os.rename", "os.tmpname",  "os.setlocale"};
    luawait_engine *engine = engine_with(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *script = text_format("return %s == nil", names[i]);
        EXPECT_VALUE(engine, script, "true");
        free(script);
    }
    luawait_engine_free(engine);
}

static void what_is_there_works(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return type(os.time()), type(os.clock()), type(os.date()), os.difftime(5, 3)",
                 "[\"number\",\"number\",\"string\",2.0]");
    EXPECT_VALUE(engine, "return os.date('!%Y-%m-%d %H:%M:%S', 0), os.date('!*t', 86400).day",
                 "[\"1970-01-01 00:00:00\",2]");
    EXPECT_VALUE(engine, "return _VERSION, _G._G == _G, select(-1, 1, 2)", "[\"Lua 5.4\",true,2]");
    EXPECT_VALUE(engine, "return ('x'):rep(3), ('%d'):format(7), utf8.len('\\u{e9}a'), math.type(1)",
                 "[\"xxx\",\"7\",2,\"integer\"]");
    luawait_engine_free(engine);
}

static void binary_chunks_are_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    const char *loads[] = {"load('\\27Lua')", "load('\\27Lua', 'n', 'b')", "load('\\27Lua', 'n', 'bt')",
                           "load(function() return '\\27Lua' end)", "load('\\27')"};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        char *script = text_format("local done = false local chunk, message = %s "
                                   "return chunk == nil, type(message), (message:find('binary')) ~= nil",
                                   loads[i]);
        if (strstr(loads[i], "function") == NULL) EXPECT_VALUE(engine, script, "[true,\"string\",true]");
        free(script);
    }
    EXPECT_VALUE(engine,
                 "local n = 0 return (load(function() n = n + 1 if n == 1 then return '\\27Lua' end end)) == nil",
                 "true");
    uint64_t eval = 0;
    REQUIRE_OK(luawait_start(engine, "\x1bLua\x54\x00\x19\x93\r\n\x1a\n", 12, NULL, 0, &eval, NULL));
    CHECK_ERROR(finish(engine, eval), "syntax", "binary");
    luawait_engine_free(engine);
}

static void load_takes_text_in_every_form(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return load('return 1 + 1')()", "2");
    EXPECT_VALUE(engine, "return load('return x', 'name', 't', {x = 5})()", "5");
    EXPECT_VALUE(engine, "return load('return x', 'name', 'bt', {x = 6})()", "6");
    EXPECT_VALUE(engine,
                 "local parts, i = {'return ', '4', '2'}, 0 "
                 "return load(function() i = i + 1 return parts[i] end)()",
                 "42");
    EXPECT_VALUE(engine, "local chunk, message = load('return =') return chunk == nil, type(message)",
                 "[true,\"string\"]");
    EXPECT_VALUE(engine, "x = 'global' return load('return x')()", "\"global\"");
    EXPECT_VALUE(engine, "return (load('return 1', 'n', 'b')) == nil", "true");
    luawait_engine_free(engine);
}

/* Functions the library puts a watch over complain in the words of those they stand for. */
static void replaced_functions_keep_luas_words(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "load()", "runtime", "bad argument #1 to 'load'");
    EXPECT_ERROR(engine, "setmetatable(1, {})", "runtime", "bad argument #1 to 'setmetatable' (table expected");
    EXPECT_ERROR(engine, "setmetatable({}, 1)", "runtime", "bad argument #2 to 'setmetatable'");
    EXPECT_ERROR(engine, "setmetatable({})", "runtime", "bad argument #2 to 'setmetatable'");
    EXPECT_ERROR(engine, "collectgarbage('nonsense')", "runtime", "bad argument #1 to 'collectgarbage'");
    EXPECT_ERROR(engine, "pcall()", "runtime", "bad argument #1 to 'pcall'");
    luawait_engine_free(engine);
}

static void collectgarbage_only_counts_and_collects(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return collectgarbage('count') > 0, collectgarbage('collect'), collectgarbage()",
                 "[true,0,0]");
    const char *refused[] = {"stop", "restart", "incremental", "generational", "setpause", "setstepmul"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *script = text_format("return (pcall(collectgarbage, '%s'))", refused[i]);
        EXPECT_VALUE(engine, script, "false");
        free(script);
    }
    luawait_engine_free(engine);
}

/* A finalizer would run outside every limit, at a moment of the collector's choosing. */
static void gc_is_refused(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_ERROR(engine, "setmetatable({}, {__gc = function() end})", "runtime", "__gc");
    EXPECT_ERROR(engine, "setmetatable({}, {__gc = true})", "runtime", "__gc");
    EXPECT_ERROR(engine, "setmetatable({}, {__gc = false})", "runtime", "__gc");
    EXPECT_VALUE(engine,
                 "local ran = false local mt = {} setmetatable({}, mt) mt.__gc = function() ran = true end "
                 "collectgarbage() collectgarbage() return ran",
                 "false");
    EXPECT_VALUE(engine,
                 "local ran = false pcall(setmetatable, {}, {__gc = function() ran = true end}) "
                 "collectgarbage() collectgarbage() return ran",
                 "false");
    EXPECT_VALUE(engine, "return getmetatable(setmetatable({}, {__metatable = 'locked'}))", "\"locked\"");
    EXPECT_VALUE(engine, "return (pcall(setmetatable, setmetatable({}, {__metatable = 1}), {}))", "false");
    luawait_engine_free(engine);
}

static void the_metatable_of_strings_is_closed(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return type(getmetatable(''))", "\"boolean\"");
    EXPECT_VALUE(engine, "return (pcall(function() getmetatable('').__index = nil end))", "false");
    EXPECT_VALUE(engine, "return (pcall(setmetatable, 'x', {}))", "false");
    EXPECT_VALUE(engine, "return ('still'):upper()", "\"STILL\"");
    luawait_engine_free(engine);
}

static void evals_are_isolated(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"warm_contexts\":1}");
    declare(engine, "db.find");
    const char *vandal = "leak = 'x' string.upper = nil math.pi = 3 _G.print = nil table.insert = nil json.null = 1 "
                         "json.array = nil coroutine.wrap = nil db.find = nil db.extra = 1 os = nil "
                         "setmetatable(_G, {__index = function() return 'everything' end}) _G._G = nil return 'done'";
    const char *check = "return leak == nil, string.upper('a'), math.pi > 3.1, type(print), type(table.insert), "
                        "type(json.array), type(coroutine.wrap), type(db.find), db.extra == nil, type(os), "
                        "_G._G == _G, getmetatable(_G) == nil, json.null ~= 1";
    for (int i = 0; i < 5; i++) {
        EXPECT_VALUE(engine, vandal, "\"done\"");
        EXPECT_VALUE(engine, check,
                     "[true,\"A\",true,\"function\",\"function\",\"function\",\"function\",\"function\",true,\"table\","
                     "true,true,true]");
    }
    luawait_engine_free(engine);
}

static void a_failed_eval_leaves_nothing_behind(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"warm_contexts\":1,\"memory_bytes\":2000000}");
    const char *failing[] = {"leak = 1 error('x')", "leak = 1 return print", "leak = 1 return string.rep('x', 5000000)",
                             "leak = 1 while true do end", "leak = 1 return ="};
    const char *types[] = {"runtime", "conversion", "memory", "cpu", "syntax"};
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        EXPECT_ERROR_WITH(engine, failing[i], strcmp(types[i], "cpu") == 0 ? "{\"cpu_ms\":30}" : NULL, types[i], "");
        EXPECT_VALUE(engine, "return leak == nil", "true");
        EXPECT_VALUE(engine, "return #string.rep('x', 500000)", "500000");
    }
    luawait_engine_free(engine);
}

/* In Lua's own words, where a mode that excludes text is given as well as anywhere. */
static void load_says_which_kind_of_chunk_it_refuses(void) {
    luawait_engine *engine = engine_with(NULL);
    EXPECT_VALUE(engine, "return load('return 1', 'n', 'b')", "[null,\"attempt to load a text chunk (mode is 'b')\"]");
    EXPECT_VALUE(engine, "return load(function() return nil end, 'n', 'b')",
                 "[null,\"attempt to load a text chunk (mode is 'b')\"]");
    EXPECT_VALUE(engine, "return load('\\27Lua', 'n')", "[null,\"attempt to load a binary chunk (mode is 't')\"]");
    EXPECT_VALUE(engine, "return load('\\27Lua', 'n', 'b')",
                 "[null,\"attempt to load a binary chunk (only text is allowed)\"]");
    luawait_engine_free(engine);
}

/* Called with all sorts of wrong arguments, and by pcall, so that Lua has no name from the call: never 'to '?''. What is
   an argument of the script's may have no name. */
static const char wrong_calls[] =
    "local libraries = {string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine, os = os, "
    "  json = json, [''] = {}}\n"
    "for name in ('assert getmetatable ipairs load next pairs pcall rawequal rawget rawlen rawset select setmetatable "
    "  tonumber tostring xpcall collectgarbage'):gmatch('%a+') do libraries[''][name] = _G[name] end\n"
    "local calls = {{}, {{}}, {{}, {}}, {1, {}}, {'x', {}}, {'x', 'y', {}}, {print, 1}, {print}, {'x', 1, {}}}\n"
    "local named, wrong, own = {}, {}, ...\n"
    "for library, functions in pairs(libraries) do\n"
    "  for name, f in pairs(functions) do\n"
    "    local full = library == '' and name or library .. '.' .. name\n"
    "    for _, arguments in ipairs(type(f) == 'function' and calls or {}) do\n"
    "      local _, e = pcall(f, table.unpack(arguments))\n"
    "      local given = type(e) == 'string' and e:match(\"^bad argument #%d+ to '(.-)'\")\n"
    "      local of, is = (given or ''):match('^(.-)%.?([^.]*)$')\n"
    "      if given and (libraries[of] or {})[is] == f then named[full] = true\n"
    "      elseif given and not own[full] then wrong[#wrong + 1] = full .. ': ' .. e end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "for _, name in ipairs {'coroutine.create', 'coroutine.resume', 'coroutine.wrap', 'coroutine.status', "
    "  'coroutine.close', 'table.sort', 'utf8.char', 'json.array', 'string.gsub', 'string.format', 'os.date', 'pcall'} "
    "do\n"
    "  if not named[name] then wrong[#wrong + 1] = name .. ' has refused nothing' end\n"
    "end\n"
    "return table.concat(wrong, '\\n')";

static void a_wrong_argument_is_reported_with_the_functions_name(void) {
    luawait_engine *engine = engine_with("{\"print\":\"none\"}");
    EXPECT_VALUE_WITH(engine, wrong_calls, "{\"args\":[{}]}", "\"\"");
    uint64_t context = 0;
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &context, NULL));
    /* There each eval has generators of its own, which no module has. */
    char *options =
        text_format("{\"context\":%" PRIu64 ",\"args\":[{\"math.random\":true,\"math.randomseed\":true}]}", context);
    CHECK_VALUE(finish(engine, start_with(engine, wrong_calls, options)), "\"\"");
    free(options);
    luawait_engine_free(engine);
}

/* What a script may do to the functions it was given must not break the library's own work. */
static void a_script_may_break_its_own_world_only(void) {
    luawait_engine *engine = engine_with(NULL);
    declare(engine, "f");
    EXPECT_ECHO(engine, "local f, G = f, _G for k in pairs(G) do G[k] = nil end return f('x')", "\"x\"");
    EXPECT_ECHO(engine, "tostring, type, pcall, error, setmetatable, next = nil return f({1, a = nil})", "[1]");
    EXPECT_VALUE(engine, "_ENV = {} x = 1 return x", "1");
    EXPECT_ERROR(engine, "_ENV = nil x = 1", "runtime", "attempt to index");
    EXPECT_ERROR(engine, "tostring = nil error({})", "runtime", "");
    luawait_engine_free(engine);
}

TESTS(TEST(exactly_the_documented_names_are_there), TEST(what_reaches_outside_is_not_there), TEST(what_is_there_works),
      TEST(binary_chunks_are_refused), TEST(load_takes_text_in_every_form),
      TEST(load_says_which_kind_of_chunk_it_refuses), TEST(a_wrong_argument_is_reported_with_the_functions_name),
      TEST(replaced_functions_keep_luas_words), TEST(collectgarbage_only_counts_and_collects), TEST(gc_is_refused),
      TEST(the_metatable_of_strings_is_closed), TEST(evals_are_isolated), TEST(a_failed_eval_leaves_nothing_behind),
      TEST(a_script_may_break_its_own_world_only))
