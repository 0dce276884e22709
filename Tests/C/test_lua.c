/* Which Lua runs the scripts, and what the library says of it. */
#include "host.h"
#include "json.h"
#include <stdio.h>
#include <unistd.h>

/* The warning comes once in a process: here only in those that are made for it. */
#define SILENT "{\"lua_warning\":false}"

/* What luawait_stats() says of Lua; free() it. */
static char *lua_of(luawait_engine *engine, const char *key) {
    char *stats = NULL;
    REQUIRE_OK(luawait_stats(engine, &stats, NULL));
    char *lua = json_member(stats, "lua");
    REQUIRE(lua != NULL);
    char *value = json_member(lua, key);
    free(lua);
    luawait_free(stats);
    REQUIRE(value != NULL);
    return value;
}

static bool lua_is(luawait_engine *engine, const char *key, const char *json) {
    char *value = lua_of(engine, key);
    bool is = json_equal(value, json);
    free(value);
    return is;
}

static bool is_bundled(luawait_engine *engine) {
    return lua_is(engine, "build", "\"bundled\"");
}

static void stats_say_which_lua_runs_the_scripts(void) {
    luawait_engine *engine = engine_with(SILENT);
    char *version = lua_of(engine, "version");
    int release = -1, length = 0;
    CHECK(sscanf(version, "\"5.4.%d\"%n", &release, &length) == 1 && version[length] == '\0');
    CHECK(release >= 0);
    free(version);
    CHECK(is_bundled(engine) || lua_is(engine, "build", "\"system\""));
    CHECK(lua_is(engine, "probed", "true") || lua_is(engine, "probed", "false"));
    char *failed = lua_of(engine, "failed_probes");
    long count = json_count(failed);
    CHECK(count >= 0);
    for (long i = 0; i < count; i++) {
        char *element = json_element(failed, (size_t)i), *name = json_string(element, NULL);
        CHECK(name != NULL && *name != '\0');
        free(name);
        free(element);
    }
    /* Of a Lua that nobody has probed nothing is known. */
    if (lua_is(engine, "probed", "false")) CHECK_INT(count, 0);
    free(failed);
    luawait_engine_free(engine);
}

/* ---- The warning ---- */

static int printed[2];

static void print_to_pipe(void) {
    dup2(printed[1], STDERR_FILENO);
    close(printed[1]);
}

static void make_two_engines(void) {
    print_to_pipe();
    luawait_engine_free(engine_with(NULL));
    luawait_engine_free(engine_with(NULL));
}

static void make_silenced_engine(void) {
    print_to_pipe();
    luawait_engine_free(engine_with(SILENT));
}

/* What a body writes to the standard error of a process of its own. */
static size_t read_warnings(void (*body)(void), char *text, size_t room) {
    REQUIRE(pipe(printed) == 0);
    CHECK(harness_in_process(body));
    close(printed[1]);
    size_t length = 0;
    for (ssize_t more = 1; more > 0 && length < room - 1; length += (size_t)more) {
        more = read(printed[0], text + length, room - 1 - length);
        if (more < 0) more = 0;
    }
    close(printed[0]);
    text[length] = '\0';
    return length;
}

static void an_unsound_lua_is_warned_of_once(void) {
    char text[4096];
    luawait_engine *engine = engine_with(SILENT);
    bool is_sound = lua_is(engine, "probed", "true") && lua_is(engine, "failed_probes", "[]");
    luawait_engine_free(engine);
    size_t length = read_warnings(make_two_engines, text, sizeof text);
    if (is_sound) {
        CHECK_TEXT(text, "");
    } else {
        CHECK(strncmp(text, "luawait: ", strlen("luawait: ")) == 0);
        CHECK(strchr(text, '\n') == text + length - 1);
    }
}

static void the_warning_can_be_silenced(void) {
    char text[4096];
    read_warnings(make_silenced_engine, text, sizeof text);
    CHECK_TEXT(text, "");
}

/* ---- What the bundled one does differently ---- */

/* The order in which pairs() goes through tables of generated keys. */
static const char orders[] = "local all = {} local n = ... "
                             "for t = 1, 20 do local keys = {} "
                             "  for i = 1, 3 * t do keys['k' .. i * n] = i keys[i * n + 0.5] = i keys[-i * n] = i "
                             "    keys[('long'):rep(20) .. i * n] = i end "
                             "  for k in pairs(keys) do all[#all + 1] = tostring(k) end end "
                             "return table.concat(all, ' ')";

static char *order_with(const char *config, int n) {
    luawait_engine *engine = engine_with(config);
    char *options = text_format("{\"args\":[%d]}", n);
    outcome ended = finish(engine, start_with(engine, orders, options));
    CHECK_INT(ended.state, LUAWAIT_SUCCEEDED);
    char *order = strdup(ended.json);
    outcome_free(&ended);
    free(options);
    luawait_engine_free(engine);
    return order;
}

static void skip_unless_bundled(void) {
    luawait_engine *engine = engine_with(SILENT);
    bool bundled = is_bundled(engine);
    luawait_engine_free(engine);
    if (!bundled) harness_skip("the system's Lua has a seed of its own");
}

static void the_seed_fixes_the_order_of_pairs(void) {
    skip_unless_bundled();
    for (int n = 1; n <= 20; n++) {
        char *config = text_format("{\"seed\":%d,\"lua_warning\":false}", n * 1000003);
        char *first = order_with(config, n), *second = order_with(config, n);
        CHECK_TEXT(first, second);
        free(first);
        free(second);
        free(config);
    }
}

static void the_order_of_pairs_is_hard_to_foresee_without_a_seed(void) {
    skip_unless_bundled();
    int differing = 0;
    char *first = order_with(SILENT, 1);
    for (int n = 0; n < 10; n++) {
        char *other = order_with(SILENT, 1);
        differing += strcmp(first, other) != 0;
        free(other);
    }
    free(first);
    CHECK(differing > 0);
}

static void the_bundled_lua_refuses_modules_in_c(void) {
    luawait_engine *engine = engine_with("{\"libraries\":[\"package\"],\"lua_warning\":false}");
    const char *reason = "this build of Luawait has a Lua of its own inside";
    if (is_bundled(engine)) {
        EXPECT_ERROR(engine, "require 'no_such_module'", "runtime", reason);
        EXPECT_ERROR(engine, "error((select(2, package.loadlib('libm.so.6', 'sin'))))", "runtime", reason);
        EXPECT_VALUE(engine, "return select(3, package.loadlib('libm.so.6', '*'))", "\"absent\"");
    } else {
        EXPECT_VALUE(engine, "return package.loadlib('libm.so.6', '*')", "true");
    }
    luawait_engine_free(engine);
}

TESTS(TEST(stats_say_which_lua_runs_the_scripts), TEST(an_unsound_lua_is_warned_of_once),
      TEST(the_warning_can_be_silenced), TEST(the_seed_fixes_the_order_of_pairs),
      TEST(the_order_of_pairs_is_hard_to_foresee_without_a_seed), TEST(the_bundled_lua_refuses_modules_in_c))
