/*
 * Events through luawait_next_events() in batches of 1, 16 and 256: what it costs to take 10,000 that are there
 * already, requests and outcomes, and how many per second a host gets while scripts make them. The yardstick is the
 * least that any queue of texts does: lock, copy one element out, unlock, free its text.
 */
#include "host.h"
#include "plain_lua.h"

#include <pthread.h>

enum { EVENTS = 10000, LINES = 100000, BATCHES = 3, LARGEST = 256 };

static const size_t batches[BATCHES] = {1, 16, LARGEST};

static const char config[] = "{\"print\": \"event\", \"call_timeout_ms\": 0, \"cpu_ms\": 0}";

static const char printer[] = "for i = 1, ... do print('line ' .. i) end return 'printed'";

/* ----------------------------------------------------------------------------------------------- the yardstick -- */

static struct {
    pthread_mutex_t lock;
    size_t first, count;
    struct element {
        luawait_event event;
        char *text;
    } elements[LINES];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void queue_put(const char *bytes, size_t length) {
    struct element element = {.event = {.text_length = length}, .text = malloc(length + 1)};
    BENCH_CHECK(element.text != NULL);
    memcpy(element.text, bytes, length + 1);
    pthread_mutex_lock(&queue.lock);
    BENCH_CHECK(queue.count < LINES);
    queue.elements[queue.count++] = element;
    pthread_mutex_unlock(&queue.lock);
}

/** Empties the queue: nanoseconds per element. */
static double queue_drain(size_t expected) {
    size_t taken = 0, bytes = 0;
    double begin = bench_now();
    for (;;) {
        struct element element = {0};
        pthread_mutex_lock(&queue.lock);
        if (queue.first < queue.count) element = queue.elements[queue.first++];
        pthread_mutex_unlock(&queue.lock);
        if (element.text == NULL) break;
        bytes += element.event.text_length;
        taken++;
        free(element.text);
    }
    begin = bench_now() - begin;
    BENCH_CHECK(taken == expected && bytes > 0);
    queue.first = queue.count = 0;
    return begin / (double)taken;
}

static double measure_queue(void) {
    for (int i = 0; i < EVENTS; i++)
        queue_put("[17]", 4);
    return queue_drain(EVENTS);
}

static int plain_print(lua_State *lua) {
    size_t length;
    const char *text = luaL_tolstring(lua, 1, &length);
    queue_put(text, length);
    return 0;
}

/** The script that prints, in plain Lua into the queue, and then the queue emptied: nanoseconds per line. */
static double measure_plain_lines(void) {
    double begin;
    lua_State *lua = plain_new();
    lua_register(lua, "print", plain_print);
    begin = bench_now();
    BENCH_CHECK(luaL_loadstring(lua, printer) == LUA_OK);
    lua_pushinteger(lua, LINES);
    BENCH_CHECK(lua_pcall(lua, 1, 0, 0) == LUA_OK);
    queue_drain(LINES);
    begin = (bench_now() - begin) / LINES;
    lua_close(lua);
    return begin;
}

/* ----------------------------------------------------------------------------------------------- what is there -- */

/** Waits until so many of something are there, by a member of the engine's figures. */
static void wait_for_figure(luawait_engine *engine, const char *member, long count) {
    struct timespec pause = {.tv_nsec = 1000000};
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", member);
    for (;;) {
        char *json = NULL, *found;
        long value;
        BENCH_CHECK(luawait_stats(engine, &json, NULL) == LUAWAIT_OK);
        found = strstr(json, key);
        BENCH_CHECK(found != NULL);
        value = strtol(found + strlen(key), NULL, 10);
        luawait_free(json);
        if (value == count) return;
        nanosleep(&pause, NULL);
    }
}

/** Takes everything there is, all of one kind. Nanoseconds per event, released and all. */
static double drain(luawait_engine *engine, size_t batch, int32_t kind, uint64_t requests[EVENTS]) {
    luawait_event events[LARGEST] = {{.struct_size = sizeof *events}};
    size_t count, taken = 0;
    double begin = bench_now();
    while (luawait_next_events(engine, events, batch, &count) == LUAWAIT_OK) {
        for (size_t i = 0; i < count; i++) {
            BENCH_CHECK(events[i].kind == kind && taken < EVENTS);
            requests[taken++] = events[i].request_id;
        }
        luawait_release_events(events, count);
    }
    begin = bench_now() - begin;
    BENCH_CHECK(taken == EVENTS);
    return begin / EVENTS;
}

struct drained {
    double request, finished;
};

static struct drained measure_drain(size_t batch) {
    static uint64_t requests[EVENTS], ends[EVENTS];
    luawait_engine *engine = host_engine(config);
    struct drained drained;
    host_register(engine, "ping");
    for (int i = 0; i < EVENTS; i++)
        host_start(engine, "return ping(17)", NULL);
    wait_for_figure(engine, "pending", EVENTS);
    drained.request = drain(engine, batch, LUAWAIT_EVENT_REQUEST, requests);
    for (int i = 0; i < EVENTS; i++)
        BENCH_CHECK(luawait_provide_result(engine, requests[i], TEXT("17"), NULL) == LUAWAIT_OK);
    wait_for_figure(engine, "finished_unread", EVENTS);
    drained.finished = drain(engine, batch, LUAWAIT_EVENT_FINISHED, ends);
    luawait_engine_free(engine);
    return drained;
}

/* ------------------------------------------------------------------------------------------- while it comes in -- */

/** A script prints, a host sleeps until there is something and takes it: nanoseconds per line. */
static double measure_lines(luawait_engine *engine, size_t batch) {
    luawait_event events[LARGEST] = {{.struct_size = sizeof *events}};
    size_t count, lines = 0;
    int finished = 0;
    char options[64];
    double begin = bench_now();
    snprintf(options, sizeof options, "{\"args\": [%d]}", LINES);
    host_start(engine, printer, options);
    while (!finished) {
        BENCH_CHECK(luawait_wait_any(engine, -1) == LUAWAIT_OK);
        while (luawait_next_events(engine, events, batch, &count) == LUAWAIT_OK) {
            for (size_t i = 0; i < count; i++) {
                lines += events[i].kind == LUAWAIT_EVENT_OUTPUT;
                finished |= events[i].kind == LUAWAIT_EVENT_FINISHED;
            }
            luawait_release_events(events, count);
        }
    }
    BENCH_CHECK(lines == LINES);
    return (bench_now() - begin) / LINES;
}

/** Evals started, their requests taken and answered, their outcomes taken: nanoseconds per event, two for each eval. */
static double measure_evals(luawait_engine *engine, size_t batch) {
    luawait_event events[LARGEST] = {{.struct_size = sizeof *events}};
    size_t count, finished = 0;
    double begin = bench_now();
    for (int i = 0; i < EVENTS; i++)
        host_start(engine, "return ping(17)", NULL);
    while (finished < EVENTS) {
        BENCH_CHECK(luawait_wait_any(engine, -1) == LUAWAIT_OK);
        while (luawait_next_events(engine, events, batch, &count) == LUAWAIT_OK) {
            for (size_t i = 0; i < count; i++) {
                finished += events[i].kind == LUAWAIT_EVENT_FINISHED;
                if (events[i].kind == LUAWAIT_EVENT_REQUEST)
                    BENCH_CHECK(luawait_provide_result(engine, events[i].request_id, TEXT("17"), NULL) == LUAWAIT_OK);
            }
            luawait_release_events(events, count);
        }
    }
    return (bench_now() - begin) / (2 * EVENTS);
}

static void report(double samples[BATCHES][BENCH_ROUNDS], double yardstick) {
    for (size_t b = 0; b < BATCHES; b++) {
        char name[64];
        double median = bench_median(samples[b], BENCH_ROUNDS);
        snprintf(name, sizeof name, "batches of %zu: time per event", batches[b]);
        if (yardstick > 0)
            bench_ratio(name, median, "ns", yardstick);
        else
            bench_line(name, median, "ns");
        snprintf(name, sizeof name, "batches of %zu: events per second", batches[b]);
        bench_line(name, 1e9 / median, "/s");
    }
}

int main(void) {
    static double raw[BENCH_ROUNDS], plain[BENCH_ROUNDS];
    static double request[BATCHES][BENCH_ROUNDS], finished[BATCHES][BENCH_ROUNDS];
    static double lines[BATCHES][BENCH_ROUNDS], evals[BATCHES][BENCH_ROUNDS];
    double yardstick;
    luawait_engine *engine = host_engine(config);
    host_register(engine, "ping");
    measure_lines(engine, LARGEST); /* warms up */

    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        raw[round] = measure_queue();
        plain[round] = measure_plain_lines();
        for (size_t b = 0; b < BATCHES; b++) {
            struct drained drained = measure_drain(batches[b]);
            request[b][round] = drained.request;
            finished[b][round] = drained.finished;
            lines[b][round] = measure_lines(engine, batches[b]);
            evals[b][round] = measure_evals(engine, batches[b]);
        }
    }
    luawait_engine_free(engine);

    yardstick = bench_median(raw, BENCH_ROUNDS);
    bench_title("Taking 10,000 requests that are there already");
    bench_line("yardstick: lock, copy, unlock, free; per element", yardstick, "ns");
    report(request, yardstick);
    bench_title("Taking 10,000 outcomes that are there already");
    bench_line("yardstick: lock, copy, unlock, free; per element", yardstick, "ns");
    report(finished, yardstick);
    yardstick = bench_median(plain, BENCH_ROUNDS);
    bench_title("A script prints 100,000 lines; the host sleeps and takes them");
    bench_line("yardstick: plain Lua prints into a queue, then emptied", yardstick, "ns");
    report(lines, yardstick);
    bench_title("10,000 evals of one host call each: two events for each, and all that is between them");
    report(evals, 0);
    return 0;
}
