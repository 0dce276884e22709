/* The library loaded at run time, as a plug-in or another language's runtime does it, and closed again. */
#define _GNU_SOURCE /* dladdr */
#include "host.h"
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

/* This program is linked with the library, so closing it would never be the last time. A copy is another library. */
static char *make_copy(void) {
    Dl_info found;
    char *path = text_format("%s/luawait-copy-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    char buffer[65536];
    size_t size;
    REQUIRE(dladdr((const void *)(uintptr_t)luawait_version, &found) != 0);
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    FILE *from = fopen(found.dli_fname, "rb"), *to = fdopen(descriptor, "wb");
    REQUIRE(from != NULL && to != NULL);
    while ((size = fread(buffer, 1, sizeof buffer, from)) > 0) {
        REQUIRE(fwrite(buffer, 1, size, to) == size);
    }
    fclose(from);
    REQUIRE(fclose(to) == 0);
    return path;
}

/* The calls that the tests need, of the copy. */
typedef struct library {
    void *handle;
    luawait_status (*engine_new)(const char *, size_t, luawait_engine **, luawait_error *);
    void (*engine_free)(luawait_engine *);
    luawait_status (*add)(luawait_engine *, const char *, size_t, const char *, size_t, luawait_error *);
    luawait_status (*begin)(luawait_engine *, const char *, size_t, const char *, size_t, uint64_t *, luawait_error *);
    luawait_status (*wait)(luawait_engine *, uint64_t, int64_t, int32_t *, char **, size_t *);
    luawait_status (*wait_any)(luawait_engine *, int64_t);
    luawait_status (*take)(luawait_engine *, uint64_t *, uint64_t *, char **, char **, size_t *);
    luawait_status (*provide)(luawait_engine *, uint64_t, const char *, size_t, luawait_error *);
    luawait_status (*event_fd)(luawait_engine *, int *);
    void (*release)(void *);
} library;

/* ISO C has no conversion from an object's address to a function's; POSIX wants it to work. */
static void look_up(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    REQUIRE(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

static library load(const char *path) {
    library it = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (it.handle == NULL) harness_fail(HERE, "%s", dlerror());
    REQUIRE(it.handle != NULL);
    look_up(it.handle, "luawait_engine_new", &it.engine_new);
    look_up(it.handle, "luawait_engine_free", &it.engine_free);
    look_up(it.handle, "luawait_register", &it.add);
    look_up(it.handle, "luawait_start", &it.begin);
    look_up(it.handle, "luawait_wait", &it.wait);
    look_up(it.handle, "luawait_wait_any", &it.wait_any);
    look_up(it.handle, "luawait_get_pending_request", &it.take);
    look_up(it.handle, "luawait_provide_result", &it.provide);
    look_up(it.handle, "luawait_event_fd", &it.event_fd);
    look_up(it.handle, "luawait_free", &it.release);
    return it;
}

static luawait_engine *engine_of(const library *it) {
    luawait_engine *engine = NULL;
    REQUIRE_OK(it->engine_new("{\"workers\":2,\"preemption\":\"count\"}", LUAWAIT_NUL_TERMINATED, &engine, NULL));
    REQUIRE_OK(it->add(engine, "f", 1, NULL, 0, NULL));
    return engine;
}

static uint64_t start_parked(const library *it, luawait_engine *engine) {
    uint64_t eval = 0;
    REQUIRE_OK(it->begin(engine, "return f('asks') .. '!'", LUAWAIT_NUL_TERMINATED, NULL, 0, &eval, NULL));
    return eval;
}

static void answer_and_finish(const library *it, luawait_engine *engine, uint64_t eval) {
    uint64_t request = 0;
    int32_t state = 0;
    char *outcome = NULL;
    REQUIRE_OK(it->wait_any(engine, HANG_GUARD_MS));
    REQUIRE_OK(it->take(engine, &request, NULL, NULL, NULL, NULL));
    REQUIRE_OK(it->provide(engine, request, "\"answer\"", 8, NULL));
    REQUIRE_OK(it->wait(engine, eval, HANG_GUARD_MS, &state, &outcome, NULL));
    CHECK_INT(state, LUAWAIT_SUCCEEDED);
    CHECK_JSON(outcome, "\"answer!\"");
    it->release(outcome);
}

static void live_once(const char *path) {
    library it = load(path);
    luawait_engine *engine = engine_of(&it);
    int descriptor = -1;
    REQUIRE_OK(it.event_fd(engine, &descriptor));
    answer_and_finish(&it, engine, start_parked(&it, engine));
    it.engine_free(engine);
    CHECK(dlclose(it.handle) == 0);
}

static void a_hundred_loads_and_unloads_leave_nothing_behind(void) {
    char *path = make_copy();
    live_once(path);
    long threads = resting_thread_count(), descriptors = descriptor_count();
    for (size_t i = 1; i < harness_scale(100, 10); i++) {
        live_once(path);
    }
    CHECK_THREADS(threads);
    CHECK_INT(descriptor_count(), descriptors);
    unlink(path);
    free(path);
}

/* Closed by somebody who has forgotten an engine: its threads still run the library's code. */
static void an_engine_outlives_the_last_close(void) {
    char *path = make_copy();
    library it = load(path);
    luawait_engine *engine = engine_of(&it);
    uint64_t eval = start_parked(&it, engine), endless = 0;
    REQUIRE_OK(it.begin(engine, "while true do end", LUAWAIT_NUL_TERMINATED, NULL, 0, &endless, NULL));
    CHECK(dlclose(it.handle) == 0);
    void *still_there = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    REQUIRE(still_there != NULL);
    library again = load(path);
    CHECK(again.engine_new == it.engine_new);
    answer_and_finish(&again, engine, eval);
    again.engine_free(engine);
    CHECK(dlclose(again.handle) == 0);
    CHECK(dlclose(still_there) == 0);
    unlink(path);
    free(path);
}

TESTS(TEST(a_hundred_loads_and_unloads_leave_nothing_behind), TEST(an_engine_outlives_the_last_close))
