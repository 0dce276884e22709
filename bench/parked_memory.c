/*
 * 10,000 scripts that wait in one host call each: memory per script and threads of the process. The yardstick is a
 * plain Lua state with its libraries and one coroutine that has yielded, 10,000 times.
 */
#include "host.h"
#include "plain_lua.h"

#include <sys/wait.h>
#include <unistd.h>

enum { EVALS = 10000 };

static const char script[] = "return wait_for_host(...)";

/** A figure of this process out of /proc/self/status, such as VmRSS (in KiB) or Threads. */
static double process_figure(const char *key) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;
    BENCH_CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') value = atol(line + strlen(key) + 1);
    fclose(file);
    BENCH_CHECK(value >= 0);
    return (double)value;
}

static int park(lua_State *lua) {
    return lua_yield(lua, 0);
}

static double measure_plain(void) {
    double before = process_figure("VmRSS");
    for (int i = 0; i < EVALS; i++) {
        lua_State *lua = plain_new(), *coroutine = lua_newthread(lua);
        int results = 0;
        lua_register(lua, "wait_for_host", park);
        BENCH_CHECK(luaL_loadstring(coroutine, script) == LUA_OK);
        BENCH_CHECK(lua_resume(coroutine, lua, 0, &results) == LUA_YIELD);
    }
    return (process_figure("VmRSS") - before) / EVALS;
}

/** The yardstick runs in a child, so that neither measurement finds the other's memory. */
static double measure_plain_in_child(void) {
    int channel[2], status = -1;
    double each = 0;
    pid_t child;
    BENCH_CHECK(pipe(channel) == 0);
    child = fork();
    BENCH_CHECK(child >= 0);
    if (child == 0) {
        each = measure_plain();
        _exit(write(channel[1], &each, sizeof each) == sizeof each ? 0 : 1);
    }
    close(channel[1]);
    BENCH_CHECK(read(channel[0], &each, sizeof each) == sizeof each);
    close(channel[0]);
    BENCH_CHECK(waitpid(child, &status, 0) == child && status == 0);
    return each;
}

/** Takes all requests without answering them: then every eval is parked. */
static void take_all(luawait_engine *engine, uint64_t *requests, uint64_t *owners) {
    struct pollfd ready = {.events = POLLIN};
    size_t taken = 0;
    BENCH_CHECK(luawait_event_fd(engine, &ready.fd) == LUAWAIT_OK);
    while (taken < EVALS) {
        luawait_status status = luawait_get_pending_request(engine, &requests[taken], &owners[taken], NULL, NULL, NULL);
        if (status == LUAWAIT_OK) {
            taken++;
        } else {
            BENCH_CHECK(status == LUAWAIT_NONE && poll(&ready, 1, -1) == 1);
        }
    }
}

int main(void) {
    static uint64_t evals[EVALS], requests[EVALS], owners[EVALS];
    double yardstick = measure_plain_in_child(), idle, idle_threads, parked, parked_threads, begin;
    luawait_engine *engine = host_engine("{\"workers\": 2, \"call_timeout_ms\": 0}");
    host_register(engine, "wait_for_host");
    for (size_t i = 0; i < EVALS; i++)
        requests[i] = owners[i] = evals[i] = i; /* their pages count as idle */
    idle = process_figure("VmRSS");
    idle_threads = process_figure("Threads");

    begin = bench_now();
    for (size_t i = 0; i < EVALS; i++)
        evals[i] = host_start(engine, script, "{\"args\": [1]}");
    take_all(engine, requests, owners);
    begin = (bench_now() - begin) / 1e6;
    parked = process_figure("VmRSS");
    parked_threads = process_figure("Threads");

    for (size_t i = 0; i < EVALS; i++) {
        char answer[32];
        snprintf(answer, sizeof answer, "%llu", (unsigned long long)owners[i]);
        BENCH_CHECK(luawait_provide_result(engine, requests[i], TEXT(answer), NULL) == LUAWAIT_OK);
    }
    for (size_t i = 0; i < EVALS; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)evals[i]);
        host_expect(engine, evals[i], expected);
    }
    luawait_engine_free(engine);

    bench_title("10,000 scripts parked in a host call, two workers");
    bench_line("yardstick: plain Lua state and coroutine, resident memory", yardstick, "KiB");
    bench_ratio("parked eval, resident memory", (parked - idle) / EVALS, "KiB", yardstick);
    bench_line("threads of the process before", idle_threads, "");
    bench_line("threads of the process with 10,000 parked", parked_threads, "");
    bench_line("time to start all and take all their requests", begin, "ms");
    return 0;
}
