/* "libraries": what trusted scripts get beside the sandbox's, who gets it, and what stays out all the same. */
#include "host.h"
#include <unistd.h>

#define ALL "[\"io\",\"os\",\"package\",\"debug\",\"bytecode\"]"

static void expect_there(harness_place at, luawait_engine *engine, const char *names, const char *json) {
    char *script = text_format("local list = json.array{} for name in ('%s '):gmatch('[%%w_.]+') do "
                               "list[#list + 1] = load('return ' .. name)() ~= nil end return list",
                               names);
    host_expect_value(at, engine, script, NULL, json);
    free(script);
}

static void each_name_opens_its_own(void) {
    const char *names = "io.open io.popen dofile loadfile os.execute os.getenv os.remove os.rename os.tmpname "
                        "os.setlocale require package.loaded debug.traceback debug.getinfo string.dump";
    const char *const opened[][2] = {
        {"[]", "[false,false,false,false,false,false,false,false,false,false,false,false,false,false,false]"},
        {"[\"io\"]", "[true,true,true,true,false,false,false,false,false,false,false,false,false,false,false]"},
        {"[\"os\"]", "[false,false,false,false,true,true,true,true,true,true,false,false,false,false,false]"},
        {"[\"package\"]", "[false,false,false,false,false,false,false,false,false,false,true,true,false,false,false]"},
        {"[\"debug\"]", "[false,false,false,false,false,false,false,false,false,false,false,false,true,true,false]"},
        {"[\"bytecode\"]",
         "[false,false,false,false,false,false,false,false,false,false,false,false,false,false,true]"},
        {ALL, "[true,true,true,true,true,true,true,true,true,true,true,true,true,true,true]"},
    };
    for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) {
        char *config = text_format("{\"libraries\":%s}", opened[i][0]);
        luawait_engine *engine = engine_with(config);
        /* Indexing what is not there is an error: each library is a table, if an empty one. */
        char *script =
            text_format("io = io or {} package = package or {} debug = debug or {} local list = json.array{} "
                        "for name in ('%s '):gmatch('[%%w_.]+') do "
                        "list[#list + 1] = load('return ' .. name)() ~= nil end return list",
                        names);
        EXPECT_VALUE(engine, script, opened[i][1]);
        free(script);
        free(config);
        luawait_engine_free(engine);
    }
}

static void what_would_break_the_stop_or_end_the_host_stays_out(void) {
    luawait_engine *engine = engine_with("{\"libraries\":" ALL "}");
    expect_there(HERE, engine, "debug.sethook debug.gethook os.exit", "[false,false,false]");
    EXPECT_VALUE(engine, "return getmetatable(io.stdout)", "false");
    EXPECT_VALUE(engine, "return (pcall(setmetatable, {}, {__gc = print}))", "false");
    EXPECT_VALUE(engine, "return (pcall(collectgarbage, 'stop'))", "false");
    EXPECT_ERROR_WITH(engine, "while true do pcall(function() while true do end end) end", "{\"cpu_ms\":50}", "cpu",
                      "");
    luawait_engine_free(engine);
}

static void files_are_read_written_and_run(void) {
    luawait_engine *engine = engine_with("{\"libraries\":[\"io\",\"os\"]}");
    declare(engine, "f");
    EXPECT_ECHO(engine,
                "local name = os.tmpname() local file <close> = assert(io.open(name, 'w')) "
                "file:write('local a = ... ; where = 7; return f(40) + 2, where') file:close() "
                "local first, second = dofile(name) local chunk = loadfile(name) local third = chunk() "
                "local env = {f = f} loadfile(name, 't', env)() os.remove(name) "
                "return first, second, third, where, env.where, (loadfile(name)) == nil, (pcall(dofile, name))",
                "[42,7,42,7,7,true,false]");
    luawait_engine_free(engine);
}

/* The stop signal, which ends slices meanwhile, must not end a read. */
static void a_read_is_not_interrupted_by_slices(void) {
    luawait_engine *engine = engine_with("{\"libraries\":[\"io\"],\"slice_us\":1000}");
    EXPECT_VALUE(engine, "local p <close> = io.popen('sleep 0.1; echo hello') return p:read('a')", "\"hello\\n\"");
    luawait_engine_free(engine);
}

static void binary_chunks_need_bytecode(void) {
    const char *script =
        "local code = string.dump(function() return 5 end) "
        "return load(code)(), load(code, 'n', 'b')(), (load(code, 'n', 't')) == nil, load('return 6')()";
    luawait_engine *engine = engine_with("{\"libraries\":[\"bytecode\"]}");
    EXPECT_VALUE(engine, script, "[5,5,true,6]");
    luawait_engine_free(engine);
    engine = engine_with("{\"libraries\":[\"io\",\"os\",\"package\",\"debug\"]}");
    EXPECT_VALUE(engine, "return string.dump == nil, (load('\\27Lua')) == nil", "[true,true]");
    EXPECT_VALUE(engine,
                 "local name = os.tmpname() local file = io.open(name, 'w') file:write('\\27Lua') file:close() "
                 "local chunk, why = loadfile(name) local other, words = loadfile(name, 'b') os.remove(name) "
                 "return chunk == nil, why:match('binary'), other == nil, words:match('binary')",
                 "[true,\"binary\",true,\"binary\"]");
    luawait_engine_free(engine);
}

static void modules_are_found_and_loaded_once(void) {
    luawait_engine *engine = engine_with("{\"libraries\":[\"package\"]}");
    EXPECT_VALUE(engine,
                 "local n = 0 package.preload.mine = function(name) n = n + 1 return {name = name} end "
                 "return require('mine').name, require('mine') == require('mine'), n",
                 "[\"mine\",true,1]");
    EXPECT_VALUE(
        engine,
        "local same = json.array{} for _, name in ipairs{'string', 'table', 'math', 'coroutine', 'utf8', 'os', "
        "'json', '_G'} do same[#same + 1] = require(name) == _G[name] end return same",
        "[true,true,true,true,true,true,true,true]");
    EXPECT_ERROR(engine, "require('no.such.module')", "runtime", "module 'no.such.module' not found");
    luawait_engine_free(engine);
}

static void an_eval_may_have_others_than_its_engine(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"warm_contexts\":2}");
    const char *script = "return io ~= nil, debug ~= nil";
    for (int i = 0; i < 3; i++) {
        EXPECT_VALUE_WITH(engine, script, "{\"libraries\":[\"io\"]}", "[true,false]");
        EXPECT_VALUE(engine, script, "[false,false]");
        EXPECT_VALUE_WITH(engine, script, "{\"libraries\":[\"debug\",\"io\"]}", "[true,true]");
    }
    luawait_engine_free(engine);
    engine = engine_with("{\"libraries\":[\"io\"]}");
    EXPECT_VALUE(engine, script, "[true,false]");
    EXPECT_VALUE_WITH(engine, script, "{\"libraries\":[]}", "[false,false]");
    luawait_engine_free(engine);
}

static outcome run_in(luawait_engine *engine, uint64_t context, const char *script) {
    char *options = text_format("{\"context\":%" PRIu64 "}", context);
    outcome ended = finish(engine, start_with(engine, script, options));
    free(options);
    return ended;
}

static void a_context_has_its_own(void) {
    luawait_engine *engine = engine_with(NULL);
    uint64_t open = 0, closed = 0, eval = 0;
    REQUIRE_OK(luawait_context_new(engine, "{\"libraries\":" ALL "}", LUAWAIT_NUL_TERMINATED, &open, NULL));
    REQUIRE_OK(luawait_context_new(engine, NULL, 0, &closed, NULL));
    CHECK_VALUE(run_in(engine, open, "return type(io.open), type(require), type(debug.getinfo)"),
                "[\"function\",\"function\",\"function\"]");
    CHECK_VALUE(run_in(engine, closed, "return io == nil, require == nil"), "[true,true]");
    CHECK_VALUE(run_in(engine, open,
                       "io.open = nil package.preload.m = function() return {n = 1} end "
                       "return require('m').n"),
                "1");
    CHECK_VALUE(run_in(engine, open, "return type(io.open), require('m').n, package.loaded._G ~= nil"),
                "[\"function\",1,true]");
    CHECK_VALUE(run_in(engine, open,
                       "local name = os.tmpname() local file = io.open(name, 'w') "
                       "file:write('mine = 3 return mine') file:close() local n = dofile(name) "
                       "os.remove(name) return n, mine"),
                "[3,3]");
    CHECK_VALUE(run_in(engine, open, "return mine == nil"), "true");
    char *options = text_format("{\"context\":%" PRIu64 ",\"libraries\":[]}", open);
    luawait_error error = {.struct_size = sizeof error};
    CHECK_STATUS(luawait_start(engine, "", 0, options, strlen(options), &eval, &error), LUAWAIT_ERR_OPTION);
    CHECK_CONTAINS(error.message, "libraries");
    free(options);
    luawait_engine_free(engine);
}

static void unknown_names_are_refused_with_the_nearest(void) {
    const char *const wrong[][2] = {{"[\"ios\"]", "\"io\""},
                                    {"[\"io\",\"packages\"]", "\"package\""},
                                    {"[\"debu\"]", "\"debug\""},
                                    {"\"io\"", "an array"},
                                    {"[1]", "names"},
                                    {"true", "an array"},
                                    {"[\"io\\u0000\"]", "names"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *config = text_format("{\"libraries\":%s}", wrong[i][0]);
        luawait_engine *engine = NULL;
        luawait_error error = {.struct_size = sizeof error};
        CHECK_STATUS(luawait_engine_new(config, strlen(config), &engine, &error), LUAWAIT_ERR_OPTION);
        CHECK_CONTAINS(error.message, "config.libraries");
        CHECK_CONTAINS(error.message, wrong[i][1]);
        free(config);
    }
}

TESTS(TEST(each_name_opens_its_own), TEST(what_would_break_the_stop_or_end_the_host_stays_out),
      TEST(files_are_read_written_and_run), TEST(a_read_is_not_interrupted_by_slices),
      TEST(binary_chunks_need_bytecode), TEST(modules_are_found_and_loaded_once),
      TEST(an_eval_may_have_others_than_its_engine), TEST(a_context_has_its_own),
      TEST(unknown_names_are_refused_with_the_nearest))
