#include "host.h"

#include "json.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void require(harness_place at, luawait_status status, const luawait_error *error, const char *what) {
    if (status == LUAWAIT_OK) return;
    harness_fail(at, "%s: %s %s", what, luawait_status_name(status), error != NULL ? error->message : "");
    harness_stop();
}

/* The config with a member that the environment asks for, unless it says itself what that is to be. Frees `config`. */
static char *with_member(char *config, const char *key, const char *value) {
    char *quoted = text_format("\"%s\"", key);
    bool is_open = config == NULL || (config[0] == '{' && strstr(config, quoted) == NULL);
    free(quoted);
    if (value == NULL || !is_open) return config;
    const char *rest = config != NULL ? config + 1 : "}";
    char *longer = text_format("{\"%s\":%s%s%s", key, value, rest[0] == '}' ? "" : ",", rest);
    free(config);
    return longer;
}

/*
 * LUAWAIT_TEST_PREEMPTION is how scripts are interrupted where a test does not care. "count" is for tools that hold
 * signals back; a test that asks for signals is skipped then. LUAWAIT_TEST_SLICE_US is how long their turns are: short
 * ones do what a busy machine does, and end a script's turn anywhere.
 */
static char *config_for_this_run(const char *config) {
    const char *preemption = getenv("LUAWAIT_TEST_PREEMPTION");
    bool is_counting = preemption != NULL && strcmp(preemption, "count") == 0;
    if (is_counting && config != NULL && strstr(config, "\"preemption\":\"signal\"") != NULL) {
        harness_skip("the tool holds signals back");
    }
    char *text = config != NULL ? text_format("%s", config) : NULL;
    char *quoted = preemption != NULL ? text_format("\"%s\"", preemption) : NULL;
    text = with_member(text, "preemption", quoted);
    free(quoted);
    return with_member(text, "slice_us", getenv("LUAWAIT_TEST_SLICE_US"));
}

luawait_engine *host_engine(harness_place at, const char *config) {
    luawait_engine *engine = NULL;
    luawait_error error = {.struct_size = sizeof error};
    char *text = config_for_this_run(config);
    size_t length = text != NULL ? strlen(text) : 0;
    require(at, luawait_engine_new(text, length, &engine, &error), &error, "luawait_engine_new");
    free(text);
    return engine;
}

void host_declare(harness_place at, luawait_engine *engine, const char *name, const char *options) {
    luawait_error error = {.struct_size = sizeof error};
    size_t length = options != NULL ? strlen(options) : 0;
    require(at, luawait_register(engine, name, strlen(name), options, length, &error), &error, "luawait_register");
}

void host_declare_callback(harness_place at, luawait_engine *engine, const char *name, luawait_callback fn,
                           void *data) {
    luawait_error error = {.struct_size = sizeof error};
    require(at, luawait_register_callback(engine, name, strlen(name), NULL, 0, fn, data, NULL, &error), &error,
            "luawait_register_callback");
}

uint64_t host_start(harness_place at, luawait_engine *engine, const char *script, const char *options) {
    uint64_t eval = 0;
    luawait_error error = {.struct_size = sizeof error};
    size_t length = options != NULL ? strlen(options) : 0;
    require(at, luawait_start(engine, script, strlen(script), options, length, &eval, &error), &error, "luawait_start");
    return eval;
}

outcome host_finish(harness_place at, luawait_engine *engine, uint64_t eval) {
    outcome ended = {0};
    require(at, luawait_wait(engine, eval, HANG_GUARD_MS, &ended.state, &ended.json, &ended.length), NULL,
            "luawait_wait");
    if (ended.state == LUAWAIT_IN_PROGRESS) {
        harness_fail(at, "the eval does not end");
        harness_stop();
    }
    return ended;
}

bool readable(luawait_engine *engine, int timeout_ms) {
    struct pollfd ready = {.events = POLLIN};
    if (luawait_event_fd(engine, &ready.fd) != LUAWAIT_OK) return false;
    int64_t until = monotonic_ms() + timeout_ms;
    for (;;) {
        int64_t left = until - monotonic_ms();
        int count = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (count > 0) return (ready.revents & POLLIN) != 0;
        if (count == 0 || errno != EINTR) return false;
    }
}

bool becomes_quiet(luawait_engine *engine) {
    int64_t until = monotonic_ms() + HANG_GUARD_MS / 4;
    while (readable(engine, 0)) {
        request taken;
        if (take_request(engine, &taken)) {
            request_free(&taken);
            return false;
        }
        if (monotonic_ms() > until) return false;
        sched_yield();
    }
    return true;
}

bool take_request(luawait_engine *engine, request *taken) {
    memset(taken, 0, sizeof *taken);
    return luawait_get_pending_request(engine, &taken->id, &taken->eval_id, &taken->name, &taken->args,
                                       &taken->args_length) == LUAWAIT_OK;
}

void request_free(request *taken) {
    luawait_free(taken->name);
    luawait_free(taken->args);
    taken->name = NULL;
    taken->args = NULL;
}

void outcome_free(outcome *ended) {
    luawait_free(ended->json);
    ended->json = NULL;
}

request host_wait_for_request(harness_place at, luawait_engine *engine) {
    request taken;
    int64_t until = monotonic_ms() + HANG_GUARD_MS;
    while (!take_request(engine, &taken)) {
        int64_t left = until - monotonic_ms();
        if (left <= 0 || !readable(engine, (int)left)) {
            harness_fail(at, "no request comes");
            harness_stop();
        }
        /* Outcomes that nobody has taken keep the descriptor readable; give the workers the processor meanwhile. */
        sched_yield();
    }
    return taken;
}

void host_answer(harness_place at, luawait_engine *engine, uint64_t id, const char *json) {
    luawait_error error = {.struct_size = sizeof error};
    require(at, luawait_provide_result(engine, id, json, strlen(json), &error), &error, "luawait_provide_result");
}

void host_answer_error(harness_place at, luawait_engine *engine, uint64_t id, const char *json) {
    luawait_error error = {.struct_size = sizeof error};
    require(at, luawait_provide_error(engine, id, json, strlen(json), &error), &error, "luawait_provide_error");
}

void host_echo_requests(harness_place at, luawait_engine *engine) {
    request taken;
    while (take_request(engine, &taken)) {
        char *first = json_element(taken.args, 0);
        host_answer(at, engine, taken.id, first != NULL ? first : "null");
        free(first);
        request_free(&taken);
    }
}

outcome host_serve_echo(harness_place at, luawait_engine *engine, uint64_t eval) {
    outcome ended = {0};
    int64_t until = monotonic_ms() + HANG_GUARD_MS;
    for (;;) {
        host_echo_requests(at, engine);
        require(at, luawait_poll(engine, eval, &ended.state, &ended.json, &ended.length), NULL, "luawait_poll");
        if (ended.state != LUAWAIT_IN_PROGRESS) return ended;
        int64_t left = until - monotonic_ms();
        if (left <= 0 || !readable(engine, (int)left)) {
            harness_fail(at, "the eval does not end");
            harness_stop();
        }
    }
}

long stat_of(luawait_engine *engine, const char *group, const char *key) {
    char *stats = NULL;
    if (luawait_stats(engine, &stats, NULL) != LUAWAIT_OK) return -1;
    char *object = group != NULL ? json_member(stats, group) : NULL;
    char *member = json_member(object != NULL ? object : stats, key);
    long value = member != NULL ? strtol(member, NULL, 10) : -1;
    free(member);
    free(object);
    luawait_free(stats);
    return value;
}

void host_wait_for_stat(harness_place at, luawait_engine *engine, const char *group, const char *key, long value) {
    int64_t until = monotonic_ms() + HANG_GUARD_MS;
    long seen;
    while ((seen = stat_of(engine, group, key)) != value) {
        if (monotonic_ms() > until) {
            harness_fail(at, "%s.%s stays %ld instead of %ld", group != NULL ? group : "", key, seen, value);
            harness_stop();
        }
        /* Not sched_yield(): threads of a lower priority are to run, too. */
        const struct timespec moment = {.tv_nsec = 20000};
        nanosleep(&moment, NULL);
    }
}

static long entries_of(const char *path) {
    DIR *directory = opendir(path);
    long count = 0;
    if (directory == NULL) return -1;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] != '.') count++;
    }
    closedir(directory);
    return count;
}

long thread_count(void) {
    return entries_of("/proc/self/task");
}

/* pthread_join() returns before the kernel has taken the thread out of its list. */
long host_settled_thread_count(long expected) {
    int64_t until = monotonic_ms() + HANG_GUARD_MS;
    while (thread_count() != expected && monotonic_ms() < until)
        sched_yield();
    return thread_count();
}

static bool is_of_the_library(const char *task) {
    char path[64], name[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false; /* it has ended meanwhile */
    bool is_read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return is_read && strncmp(name, "luawait", 7) == 0;
}

static long library_thread_count(void) {
    DIR *directory = opendir("/proc/self/task");
    long count = 0;
    REQUIRE(directory != NULL);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && is_of_the_library(entry->d_name)) count++;
    }
    closedir(directory);
    return count;
}

long resting_thread_count(void) {
    int64_t until = monotonic_ms() + HANG_GUARD_MS;
    while (library_thread_count() != 0 && monotonic_ms() < until)
        sched_yield();
    return thread_count();
}

long descriptor_count(void) {
    return entries_of("/proc/self/fd");
}

void host_check_value(harness_place at, outcome ended, const char *json) {
    if (ended.state != LUAWAIT_SUCCEEDED) {
        harness_fail(at, "expected %.200s, got state %d: %.1200s", json, (int)ended.state,
                     ended.json != NULL ? ended.json : "(NULL)");
    } else {
        harness_check_json(at, ended.json, json, "outcome");
    }
    outcome_free(&ended);
}

static void check_failure(harness_place at, outcome ended, int32_t state, const char *type, const char *part) {
    char *expected = text_format("\"%s\"", type);
    if (ended.state != state || ended.json == NULL) {
        harness_fail(at, "expected state %d of type %s, got state %d: %.1200s", (int)state, type, (int)ended.state,
                     ended.json != NULL ? ended.json : "(NULL)");
    } else if (!json_valid(ended.json, ended.length)) {
        harness_fail(at, "the outcome is not JSON: %.1200s", ended.json);
    } else if (harness_check_member(at, ended.json, "type", expected)) {
        harness_check_member_contains(at, ended.json, "message", part);
    }
    free(expected);
    outcome_free(&ended);
}

void host_check_error(harness_place at, outcome ended, const char *type, const char *part) {
    check_failure(at, ended, LUAWAIT_FAILED, type, part);
}

void host_check_cancelled(harness_place at, outcome ended) {
    check_failure(at, ended, LUAWAIT_CANCELLED, "cancelled", "");
}

void host_expect_value(harness_place at, luawait_engine *engine, const char *script, const char *options,
                       const char *json) {
    host_check_value(at, host_finish(at, engine, host_start(at, engine, script, options)), json);
}

void host_expect_echo(harness_place at, luawait_engine *engine, const char *script, const char *json) {
    host_check_value(at, host_serve_echo(at, engine, host_start(at, engine, script, NULL)), json);
}

void host_expect_error(harness_place at, luawait_engine *engine, const char *script, const char *options,
                       const char *type, const char *part) {
    host_check_error(at, host_finish(at, engine, host_start(at, engine, script, options)), type, part);
}

void gate_open(gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->opened++;
    pthread_cond_broadcast(&gate->moved);
    pthread_mutex_unlock(&gate->lock);
}

void host_gate_wait(harness_place at, gate *gate, int times) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HANG_GUARD_MS / 1000;
    pthread_mutex_lock(&gate->lock);
    int waited = 0;
    while (gate->opened < times && waited == 0) {
        waited = pthread_cond_timedwait(&gate->moved, &gate->lock, &until);
    }
    int opened = gate->opened;
    pthread_mutex_unlock(&gate->lock);
    if (opened < times) {
        harness_fail(at, "the gate stays closed: opened %d times of %d", opened, times);
        harness_stop();
    }
}

int gate_count(gate *gate) {
    pthread_mutex_lock(&gate->lock);
    int opened = gate->opened;
    pthread_mutex_unlock(&gate->lock);
    return opened;
}

void open_gate(void *user_data) {
    gate_open(user_data);
}

void return_first(void *user_data, luawait_call *call) {
    char *first = json_element(call->args, 0);
    (void)user_data;
    CHECK_STATUS(luawait_call_return(call, first != NULL ? first : "null", LUAWAIT_NUL_TERMINATED, NULL), LUAWAIT_OK);
    free(first);
}

void never_called(void *user_data, luawait_call *call) {
    (void)user_data;
    harness_fail(HERE, "called for %s", call->name);
}

void hold_worker(void *user_data, luawait_call *call) {
    holder *held = user_data;
    (void)call;
    gate_open(&held->entered);
    gate_wait(&held->leave, 1);
}

pthread_t run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument) != 0) abort();
    return thread;
}

void check_eval_times_out(luawait_engine *engine, const char *script) {
    const char *options = "{\"timeout_ms\":20}";
    int32_t state = 0;
    char *outcome = NULL;
    REQUIRE_OK(luawait_eval(engine, script, strlen(script), options, strlen(options), &state, &outcome, NULL, NULL));
    CHECK_INT(state, LUAWAIT_FAILED);
    CHECK_MEMBER(outcome, "type", "\"timeout\"");
    luawait_free(outcome);
}
