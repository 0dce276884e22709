/*
 * Fuzzes what a host gives the library as text: config, options, names, scripts, results, errors. The input is split at
 * bytes 0xFF, which no UTF-8 has, into the fields below; missing ones are empty. Everything goes to the functions of
 * the header, on an engine without threads, and whatever comes back must be as the header says.
 */
#include "fuzz.h"

#include <luawait.h>

#include <stdbool.h>
#include <string.h>

enum { MOST_TURNS = 20, BUDGET_US = 1000, LONGEST = 4096 };

/* The first field is one byte of choices. */
typedef enum field {
    FIELD_CHOICES,
    FIELD_CONFIG,
    FIELD_NAME,
    FIELD_FUNCTION_OPTIONS,
    FIELD_CONTEXT_OPTIONS,
    FIELD_EVAL_OPTIONS,
    FIELD_SCRIPT,
    FIELD_RESULT,
    FIELD_ERROR,
    FIELD_COUNT
} field;

enum { CHOICE_TERMINATED = 1, CHOICE_EVENTS = 2, CHOICE_CONTEXT = 4, CHOICE_SYNC = 8, CHOICE_LATE = 16 };

typedef struct text {
    const char *bytes; /* NUL-terminated */
    size_t length;
} text;

static const char default_script[] =
    "local ok, v = pcall(ask, ...) print(ok, v) local ok2, e = pcall(ask, v, given)\n"
    "return {ok = ok, v = v, e = e, given = given, args = json.array {...}, call = call(v)}";

/* ---- What the header promises ---- */

static bool is_utf8(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        int more = *at < 0x80                  ? 0
                   : *at >= 0xC2 && *at < 0xE0 ? 1
                   : (*at & 0xF0) == 0xE0      ? 2
                   : (*at & 0xF8) == 0xF0      ? 3
                                               : -1;
        if (more < 0) return false;
        for (at++; more > 0; more--, at++) {
            if ((*at & 0xC0) != 0x80) return false;
        }
    }
    return true;
}

/* Checks a call's status and error, and gives the status. */
static luawait_status checked(luawait_status status, const luawait_error *error, const char *call) {
    FUZZ_REQUIRE(strcmp(luawait_status_name(status), "LUAWAIT_ERR_UNKNOWN") != 0, "%s: status %d", call, status);
    if (status >= 0) return status;
    FUZZ_REQUIRE(error->status == status, "%s: status %d, in the error %d", call, status, error->status);
    const char *end = memchr(error->message, 0, sizeof error->message);
    FUZZ_REQUIRE(end != NULL && end != error->message, "%s: a message of %zu bytes", call, strlen(error->message));
    FUZZ_REQUIRE(is_utf8(error->message), "%s: a message that is no UTF-8: %s", call, error->message);
    FUZZ_REQUIRE(error->line >= 0 && error->column >= 0, "%s: line %d, column %d", call, error->line, error->column);
    return status;
}

static luawait_error no_error(void) {
    return (luawait_error){.struct_size = sizeof(luawait_error)};
}

static void check_outcome(int32_t state, const char *outcome, size_t length) {
    FUZZ_REQUIRE(state == LUAWAIT_SUCCEEDED || state == LUAWAIT_FAILED || state == LUAWAIT_CANCELLED, "state %d",
                 state);
    FUZZ_REQUIRE(outcome != NULL && strlen(outcome) == length && is_utf8(outcome), "an outcome that is no text");
    FUZZ_REQUIRE(state == LUAWAIT_SUCCEEDED || strncmp(outcome, "{\"type\":\"", 9) == 0, "%.400s", outcome);
}

/* ---- One life of an engine ---- */

typedef struct life {
    text fields[FIELD_COUNT];
    int choices;
    luawait_engine *engine;
} life;

static size_t length_of(const life *of, field which) {
    return of->choices & CHOICE_TERMINATED ? LUAWAIT_NUL_TERMINATED : of->fields[which].length;
}

/* Text and length of a field, as two arguments. */
#define FIELD(of, which) (of)->fields[which].bytes, length_of((of), (which))

static void call_back(void *user_data, luawait_call *call) {
    const life *of = user_data;
    luawait_error error = no_error();
    if (checked(luawait_call_return(call, FIELD(of, FIELD_RESULT), &error), &error, "call_return") == LUAWAIT_OK)
        return;
    error = no_error();
    checked(luawait_call_fail(call, FIELD(of, FIELD_ERROR), &error), &error, "call_fail");
}

/* The engine's config: the input's, with the members that keep it on this thread in front. */
static luawait_status make_engine(life *of) {
    static const char fixed[] = "{\"executor\":\"host\",\"watchdog\":false,\"warm_contexts\":0,\"max_blocked\":0";
    static char config[LONGEST + sizeof fixed + 64];
    text given = of->fields[FIELD_CONFIG];
    size_t blank = strspn(given.bytes, " \t\r\n");
    luawait_error error = no_error();
    size_t length = given.length;
    if (given.bytes[blank] == '{') {
        /* Another executor would be a second member of the name, and refused. */
        const char *members = given.bytes + blank + 1;
        bool none = members[strspn(members, " \t\r\n")] == '}';
        length = given.length - blank - 1;
        int prefix = snprintf(config, sizeof config, "%s%s", fixed, none ? "" : ",");
        memcpy(config + prefix, members, length + 1);
        length += (size_t)prefix;
    } else {
        memcpy(config, given.bytes, length + 1);
    }
    if (of->choices & CHOICE_TERMINATED) length = LUAWAIT_NUL_TERMINATED;
    luawait_status status = checked(luawait_engine_new(config, length, &of->engine, &error), &error, "engine_new");
    FUZZ_REQUIRE((status == LUAWAIT_OK) == (of->engine != NULL), "status %d", status);
    if (status == LUAWAIT_OK) return status;
    FUZZ_REQUIRE(status == LUAWAIT_ERR_JSON || status == LUAWAIT_ERR_OPTION || status == LUAWAIT_ERR_SYSTEM,
                 "status %d: %s", status, error.message);
    /* What comes after wants an engine all the same. */
    error = no_error();
    snprintf(config, sizeof config, "%s,\"print\":\"event\",\"cpu_ms\":50}", fixed);
    return checked(luawait_engine_new(config, strlen(config), &of->engine, &error), &error, "engine_new");
}

/* Answers with the result, or if that is refused with the error, or if that is, too, with null. */
static void answer(const life *of, uint64_t request) {
    luawait_error error = no_error();
    luawait_status status =
        checked(luawait_provide_result(of->engine, request, FIELD(of, FIELD_RESULT), &error), &error, "provide_result");
    if (status == LUAWAIT_ERR_JSON) {
        error = no_error();
        status = checked(luawait_provide_error(of->engine, request, FIELD(of, FIELD_ERROR), &error), &error,
                         "provide_error");
        FUZZ_REQUIRE(status == LUAWAIT_OK || status == LUAWAIT_ERR_JSON || status == LUAWAIT_ERR_OPTION, "status %d",
                     status);
    }
    if (status != LUAWAIT_OK) {
        error = no_error();
        status = checked(luawait_provide_result(of->engine, request, "null", 4, &error), &error, "provide_result");
    }
    FUZZ_REQUIRE(status == LUAWAIT_OK, "an open request cannot be answered: %d", status);
    error = no_error();
    status = luawait_provide_result(of->engine, request, "1", 1, &error);
    FUZZ_REQUIRE(status == LUAWAIT_ERR_NOT_FOUND, "a second answer: %d", status);
}

/* True when an eval has ended as an event. */
static bool serve_events(const life *of) {
    luawait_event events[4] = {{.struct_size = sizeof(luawait_event)}};
    size_t count = 0;
    bool ended = false;
    while (luawait_next_events(of->engine, events, 4, &count) == LUAWAIT_OK) {
        for (size_t i = 0; i < count; i++) {
            if (events[i].kind == LUAWAIT_EVENT_REQUEST) answer(of, events[i].request_id);
            if (events[i].kind != LUAWAIT_EVENT_FINISHED) continue;
            check_outcome(events[i].state, events[i].text, events[i].text_length);
            ended = true;
        }
        luawait_release_events(events, count);
        events[0].struct_size = sizeof(luawait_event);
    }
    return ended;
}

static void serve_requests(const life *of) {
    uint64_t request, eval;
    char *name, *args;
    size_t length;
    while (luawait_get_pending_request(of->engine, &request, &eval, &name, &args, &length) == LUAWAIT_OK) {
        FUZZ_REQUIRE(args[0] == '[' && strlen(args) == length && name[0] != '\0', "%s(%s)", name, args);
        luawait_free(name);
        luawait_free(args);
        answer(of, request);
    }
}

/* Takes the outcome, if the eval has one. */
static bool has_ended(const life *of, uint64_t eval) {
    int32_t state;
    char *outcome = NULL;
    size_t length = 0;
    luawait_status status = luawait_poll(of->engine, eval, &state, &outcome, &length);
    if (status == LUAWAIT_ERR_NOT_FOUND) return true; /* detached */
    FUZZ_REQUIRE(status == LUAWAIT_OK, "poll: %d", status);
    if (state == LUAWAIT_IN_PROGRESS) return false;
    check_outcome(state, outcome, length);
    luawait_free(outcome);
    return true;
}

static void serve(const life *of, uint64_t eval) {
    for (int turn = 0; turn < MOST_TURNS; turn++) {
        int32_t more;
        luawait_status status = luawait_run(of->engine, BUDGET_US, &more);
        FUZZ_REQUIRE(status == LUAWAIT_OK, "run: %d", status);
        if (of->choices & CHOICE_EVENTS) {
            if (serve_events(of)) return;
        } else {
            serve_requests(of);
            if (has_ended(of, eval)) return;
        }
    }
    if (of->choices & CHOICE_LATE) return; /* the engine is freed in the middle of it */
    luawait_status status = luawait_cancel(of->engine, eval);
    FUZZ_REQUIRE(status == LUAWAIT_OK || status == LUAWAIT_ERR_NOT_FOUND, "cancel: %d", status);
    int32_t more;
    if (status == LUAWAIT_OK) luawait_run(of->engine, BUDGET_US, &more);
    FUZZ_REQUIRE(has_ended(of, eval), "a cancelled eval has not ended");
}

/* The input's options for an eval, with a member in front that is not the input's to choose. */
typedef struct options_text {
    char bytes[LONGEST + 64];
    size_t length;
} options_text;

static void make_options(const life *of, options_text *to, const char *member, unsigned long long value) {
    text given = of->fields[FIELD_EVAL_OPTIONS];
    bool is_object = given.bytes[0] == '{';
    int prefix = 0;
    if (is_object) {
        bool none = given.bytes[1 + strspn(given.bytes + 1, " \t\r\n")] == '}';
        prefix = snprintf(to->bytes, sizeof to->bytes, "{\"%s\":%llu%s", member, value, none ? "" : ",");
    }
    memcpy(to->bytes + prefix, given.bytes + is_object, given.length - is_object + 1);
    to->length = of->choices & CHOICE_TERMINATED ? LUAWAIT_NUL_TERMINATED : given.length - is_object + (size_t)prefix;
}

static void evaluate(life *of, text script) {
    static options_text options;
    luawait_error error = no_error();
    uint64_t context = 0, eval = 0;
    checked(luawait_context_new(of->engine, FIELD(of, FIELD_CONTEXT_OPTIONS), &context, &error), &error, "context_new");
    if (context != 0 && of->choices & CHOICE_CONTEXT) {
        make_options(of, &options, "context", context);
    } else {
        make_options(of, &options, "timeout_ms", 50);
    }
    error = no_error();
    luawait_status status =
        checked(luawait_start(of->engine, script.bytes, script.length, options.bytes, options.length, &eval, &error),
                &error, "start");
    if (status == LUAWAIT_OK) serve(of, eval);
    if (context != 0 && !(of->choices & CHOICE_LATE)) {
        status = luawait_context_free(of->engine, context);
        FUZZ_REQUIRE(status == LUAWAIT_OK, "context_free: %d", status);
    }
    if (!(of->choices & CHOICE_SYNC)) return;
    int32_t state;
    char *outcome = NULL;
    size_t length = 0;
    error = no_error();
    /* Nobody cancels this one. */
    make_options(of, &options, "cpu_ms", 20);
    if (options.bytes[0] != '{') return;
    status = checked(luawait_eval(of->engine, script.bytes, script.length, options.bytes, options.length, &state,
                                  &outcome, &length, &error),
                     &error, "eval");
    if (status == LUAWAIT_OK) check_outcome(state, outcome, length);
    luawait_free(outcome);
}

static void live(life *of) {
    if (make_engine(of) != LUAWAIT_OK) return;
    luawait_error error = no_error();
    checked(luawait_register(of->engine, FIELD(of, FIELD_NAME), FIELD(of, FIELD_FUNCTION_OPTIONS), &error), &error,
            "register");
    error = no_error();
    checked(luawait_register(of->engine, "ask", 3, NULL, 0, &error), &error, "register");
    error = no_error();
    checked(luawait_register_callback(of->engine, "call", 4, NULL, 0, call_back, of, NULL, &error), &error,
            "register_callback");
    text script = of->fields[FIELD_SCRIPT];
    error = no_error();
    checked(luawait_check(of->engine, FIELD(of, FIELD_SCRIPT), FIELD(of, FIELD_NAME), &error), &error, "check");
    if (script.length == 0) script = (text){default_script, sizeof default_script - 1};
    evaluate(of, script);
    char *json = NULL;
    size_t length;
    luawait_status status = luawait_stats(of->engine, &json, &length);
    FUZZ_REQUIRE(status == LUAWAIT_OK && json[0] == '{' && strlen(json) == length, "stats: %d", status);
    luawait_free(json);
    luawait_engine_free(of->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > LONGEST) return 0;
    static char bytes[LONGEST + FIELD_COUNT + 1];
    life one = {0};
    char *to = bytes;
    size_t at = 0;
    for (int i = 0; i < FIELD_COUNT; i++) {
        one.fields[i].bytes = to;
        for (; at < size && data[at] != 0xFF; at++)
            *to++ = (char)data[at];
        one.fields[i].length = (size_t)(to - one.fields[i].bytes);
        *to++ = '\0';
        at++;
    }
    one.choices = (unsigned char)one.fields[FIELD_CHOICES].bytes[0];
    live(&one);
    return 0;
}
