/*
 * Fuzzes whole scripts: a text is compiled and run with small limits, sliced after few instructions, its host calls
 * answered, until it ends or has had its turns; then it is condemned, and must end at once. In a shared context several
 * run beside each other.
 *
 * The input is a script. A first line that begins with "--~" says how it is run, a character for each choice (see
 * take_setup); a line "--##" begins the next script of a shared context. Nothing depends on clocks, so that an input is
 * a run: what is counted is how often the bridge looks for orders (the linker puts __wrap_lwb_stopper_look between),
 * and after so many looks the eval is condemned wherever it is. A script that makes no looks is a hang, which the
 * fuzzer's own timeout finds.
 */
#define _GNU_SOURCE // memmem

#include "fuzz.h"

#include "CLuaBridge.h"
#include "refusals.h"

#include <stdbool.h>
#include <string.h>

enum { MOST_EVALS = 3, MAX_DEPTH = 32, OUTPUT_LIMIT = 64 * 1024, DESCRIPTION_RESERVE = 256 * 1024 };

enum { CANARY_MEMORY = 1024 * 1024 };

/* Collections that a turn may take, where each allocation makes Lua collect: more take too long. */
enum { MOST_REFUSALS = 100 };

/* Looks until an eval is condemned in the middle, and turns until it is between two of them. */
enum { MOST_LOOKS = 100, MOST_TURNS = 100 };

/* After a condemnation each __close handler is met once, and more of them than this do not fit into the memory. */
enum { MOST_LOOKS_WHEN_CONDEMNED = 300000 };

static const char *const answers[] = {
    "null",
    "1",
    "-0.5",
    "\"text\"",
    "[]",
    "{}",
    "[1,null,[2,{\"a\":null,\"b\":[]}]]",
    "{\"status\":200,\"body\":\"ok\",\"items\":[1,2,3],\"none\":null}",
    "9007199254740993",
    "\"\\u0000\\u00e9\\ud83d\\ude00\"",
    "false",
    "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
};
enum { ANSWERS = sizeof answers / sizeof *answers };

typedef struct fuzz_setup {
    bool is_shared, shares_globals, keeps_nulls, parks, waits, small_output;
    size_t memory;
    int slice;     /* instructions */
    unsigned seed; /* of the answers */
    int looks, turns;
    size_t coroutines;
    uint64_t calls;
    bool collects;         /* each of Lua's allocations is refused at first */
    int stop_at;           /* the park, of all evals together, at which its eval is ended; 0: none */
    bool stops_by_freeing; /* the eval, which stays as it is; else it is condemned */
} fuzz_setup;

typedef struct run {
    lwb_eval *eval;
    lwb_event event;
    lwb_failure_type failure;
    bool ended;
} run;

/* ---- Looks ---- */

static lwb_stopper *stopper;
static int looks_left, late_looks;
static bool has_looked; /* this is how looks are made: else nothing would be stopped here, and nobody notice */

int __real_lwb_stopper_look(lwb_stopper *of);
int __wrap_lwb_stopper_look(lwb_stopper *of);

int __wrap_lwb_stopper_look(lwb_stopper *of) {
    int orders = __real_lwb_stopper_look(of);
    has_looked = true;
    if (looks_left > 0) {
        looks_left--;
        return orders;
    }
    late_looks++;
    FUZZ_REQUIRE(late_looks < MOST_LOOKS_WHEN_CONDEMNED, "condemned, and does not end");
    return orders | LWB_ORDER_CONDEMN;
}

/* ---- Answers ---- */

static unsigned answer_state;

static json_t *json_of(const char *text) {
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    FUZZ_REQUIRE(value != NULL, "a text of this file is no JSON");
    return value;
}

/* Depends on the setup's seed and how many answers there were before. */
static lwb_answer next_answer(void) {
    answer_state = answer_state * 1103515245u + 12345u;
    unsigned chosen = answer_state >> 16;
    switch (chosen % 16) {
    case 0: return (lwb_answer){LWB_ANSWER_ERROR, json_of("{\"message\":\"failed\"}")};
    case 1:
        return (lwb_answer){LWB_ANSWER_ERROR, json_of("{\"message\":\"no\",\"type\":\"t\",\"data\":{\"a\":[null]}}")};
    case 2: return (lwb_answer){LWB_ANSWER_TIMEOUT, json_of("\"took too long\"")};
    case 3: return (lwb_answer){LWB_ANSWER_LIMIT, json_of("\"too many\"")};
    default: return (lwb_answer){LWB_ANSWER_RESULT, json_of(answers[chosen / 16 % ANSWERS])};
    }
}

static void check_json(const char *text, size_t length, const char *what) {
    json_error_t error;
    FUZZ_REQUIRE(text != NULL && strlen(text) == length, "%s: no text, or a NUL in it", what);
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    /* Which is JSON, though not for jansson. */
    if (value == NULL && json_error_code(&error) == json_error_null_byte_in_key) return;
    FUZZ_REQUIRE(value != NULL, "%s: %s in %.400s", what, error.text, text);
    json_decref(value);
}

static lwb_answer answer_callback(void *owner, uint32_t function, const char *args, size_t length) {
    (void)owner;
    FUZZ_REQUIRE(function == 2 || function == 3, "a callback came as function %u", function);
    check_json(args, length, "arguments of a callback");
    if (answer_state % 49 == 0) return (lwb_answer){LWB_ANSWER_WITHHELD, NULL};
    return answer_state % 7 == 0 ? (lwb_answer){LWB_ANSWER_NONE, NULL} : next_answer();
}

static lwb_answer answer_waiting(void *owner, uint32_t function, const char *args, size_t length) {
    (void)owner;
    FUZZ_REQUIRE(function < 2, "function %u waits", function);
    check_json(args, length, "arguments of a call that waits");
    return answer_state % 11 == 0 ? (lwb_answer){LWB_ANSWER_WITHHELD, NULL} : next_answer();
}

static bool take_output(void *owner, const char *text, size_t length) {
    (void)owner;
    return length == 0 || text[0] != '!';
}

/* ---- Evals ---- */

static lwb_event resume(lwb_eval *eval, const fuzz_setup *setup, lwb_answer answer, bool condemn) {
    looks_left = setup->looks;
    late_looks = 0;
    lwb_stopper_announce(stopper, 1);
    if (condemn) lwb_stopper_order(stopper, 1, LWB_ORDER_CONDEMN);
    if (setup->collects) refusals_begin(MOST_REFUSALS);
    lwb_event event = lwb_eval_resume(eval, stopper, answer);
    refusals_end();
    FUZZ_REQUIRE(event != LWB_READY, "a resumed eval is ready");
    FUZZ_REQUIRE(!condemn || event == LWB_STOPPED || event == LWB_FINISHED || event == LWB_FAILED,
                 "condemned, and event %d", event);
    return event;
}

static void check_failure(lwb_context *context) {
    lwb_failure failure = lwb_context_failure(context);
    FUZZ_REQUIRE(failure.message.bytes != NULL, "a failure of type %d without a message", failure.type);
    FUZZ_REQUIRE(failure.line >= 0, "line %d", failure.line);
    FUZZ_REQUIRE(failure.type != LWB_FAILURE_INTERNAL, "internal: %.*s", (int)failure.message.length,
                 failure.message.bytes);
    if (failure.data.bytes == NULL) return;
    char *data = strndup(failure.data.bytes, failure.data.length);
    check_json(data, failure.data.length, "data");
    free(data);
}

/* Takes what came of a turn; true when the eval has ended. */
static bool take(lwb_context *context, const fuzz_setup *setup, run *of) {
    size_t length;
    char *text;
    switch (of->event) {
    case LWB_FINISHED:
    case LWB_PARKED:
        text = lwb_context_take_output(context, &length);
        check_json(text, length, of->event == LWB_PARKED ? "arguments" : "result");
        FUZZ_REQUIRE(!setup->small_output || length <= OUTPUT_LIMIT, "%zu bytes of output", length);
        free(text);
        if (of->event == LWB_FINISHED) return true;
        FUZZ_REQUIRE(setup->parks && lwb_eval_function(of->eval) < 2, "parked at %u", lwb_eval_function(of->eval));
        return false;
    case LWB_FAILED:
        check_failure(context);
        of->failure = lwb_context_failure(context).type;
        return true;
    case LWB_STOPPED: return true;
    default: return false;
    }
}

static void prepare(lwb_context *context, const fuzz_setup *setup, run *to, const char *script, size_t length) {
    lwb_setup eval = {
        .script = script,
        .script_length = length,
        .chunk_name = "fuzz",
        .globals = json_of("{\"config\":{\"a\":[1,2],\"b\":null},\"n\":3}"),
        .args = json_of("[1,\"two\",[3]]"),
        .call_limit = setup->calls,
        .random_seed = setup->seed,
        .keep_nulls = setup->keeps_nulls,
        .shares_globals = setup->shares_globals,
        .parks = setup->parks,
        .callback = answer_callback,
        .wait = setup->waits ? answer_waiting : NULL,
        .output = take_output,
    };
    to->event = lwb_eval_prepare(context, &eval, &to->eval);
    FUZZ_REQUIRE(to->event == LWB_READY || to->event == LWB_FAILED, "event %d", to->event);
    to->ended = take(context, setup, to);
}

/* Whether this is the park at which one is ended. One that is freed stays as it is; else its next turn condemns it. */
static bool is_stopped_at_park(const fuzz_setup *setup, run *of, int *parks) {
    if (of->event != LWB_PARKED || ++*parks != setup->stop_at) return false;
    if (!setup->stops_by_freeing) return true;
    lwb_eval_free(of->eval);
    of->eval = NULL;
    of->ended = true;
    return false;
}

static void run_all(lwb_context *context, const fuzz_setup *setup, run *runs, int count) {
    int left = 0, parks = 0;
    const run *stopped = NULL;
    for (int i = 0; i < count; i++)
        left += !runs[i].ended;
    for (int turn = 0; left > 0; turn++) {
        /* The last turn has no choice; one in the middle may cut off an eval beside others. */
        bool last = turn >= setup->turns;
        for (int i = 0; i < count; i++) {
            run *one = &runs[i];
            if (one->ended) continue;
            lwb_answer answer = one->event == LWB_PARKED ? next_answer() : (lwb_answer){LWB_ANSWER_NONE, NULL};
            one->event = resume(one->eval, setup, answer, last || one == stopped);
            one->ended = take(context, setup, one);
            if (is_stopped_at_park(setup, one, &parks)) stopped = one;
            left -= one->ended;
        }
        FUZZ_REQUIRE(!last || left == 0, "%d evals are left after the last turn", left);
    }
}

static const char canary_script[] =
    "local list = {3, 1, 2} table.sort(list)\n"
    "local ok, message = pcall(error, 'caught', 0)\n"
    "local generator = coroutine.wrap(function(a) return coroutine.yield(a + 1) end)\n"
    "local key, value = ('k=v'):match('(%w+)=(%w+)')\n"
    "return {table.concat(list, ','), ('x'):rep(3), string.rep('y', 2), ok, message, generator(1), generator(5),\n"
    "  load('return 6 * 7')(), math.max(1, 2), utf8.char(228), key, value, (('abc'):gsub('%w', string.upper)),\n"
    "  select(2, xpcall(error, function(m) return m .. '!' end, 'x', 0)), getmetatable('') == false,\n"
    "  tostring(json.null), getmetatable(json.array {}) == nil, type(ask), type(db.find), #('x'):rep(50000)}";

static const char canary_song[] =
    "[\"1,2,3\",\"xxx\",\"yy\",false,\"caught\",2,5,42,2,\"\u00e4\",\"k\",\"v\",\"ABC\",\"x!\",true,"
    "\"null\",true,\"function\",\"function\",50000]";

/* Whatever ran before, an eval with globals of its own finds a sound world. Room it has: the others may have filled
 * theirs with what they share. */
static void check_canary(lwb_context *context, const fuzz_setup *setup, lwb_options options) {
    options.memory_limit += CANARY_MEMORY;
    options.output_limit = options.coroutine_limit = 0;
    lwb_context_set_options(context, &options);
    fuzz_setup patient = *setup;
    patient.looks = 100000;
    patient.shares_globals = false;
    patient.calls = 0;
    run canary = {0};
    prepare(context, &patient, &canary, canary_script, sizeof canary_script - 1);
    while (canary.event == LWB_READY || canary.event == LWB_SLICED)
        canary.event = resume(canary.eval, &patient, (lwb_answer){LWB_ANSWER_NONE, NULL}, false);
    lwb_failure failure = lwb_context_failure(context);
    FUZZ_REQUIRE(canary.event == LWB_FINISHED, "the canary: event %d, type %d: %.*s", canary.event, failure.type,
                 (int)failure.message.length, failure.message.bytes);
    size_t length;
    char *text = lwb_context_take_output(context, &length);
    FUZZ_REQUIRE(strcmp(text, canary_song) == 0, "the canary sings %s", text);
    free(text);
    lwb_eval_free(canary.eval);
}

/* ---- Inputs ---- */

static unsigned choice(const char **at, const char *end) {
    if (*at == end || **at == '\n') return 0;
    return (unsigned char)*(*at)++ & 63;
}

static fuzz_setup take_setup(const char *script, size_t length) {
    const char *at = script + 3, *end = script + length;
    if (length < 3 || memcmp(script, "--~", 3) != 0) at = end;
    unsigned flags = choice(&at, end), memory = choice(&at, end), slice = choice(&at, end);
    fuzz_setup setup = {
        .is_shared = flags & 1,
        .shares_globals = flags & 2,
        .keeps_nulls = flags & 4,
        .parks = !(flags & 8),
        .waits = flags & 16,
        .small_output = flags & 32,
        .memory = memory % 8 == 7 ? 16 * 1024 * (memory + 1) : 1024 * 1024 << memory % 3,
        .slice = slice < 32 ? (int)slice * 31 + 7 : (int)slice - 31,
        .seed = choice(&at, end),
    };
    unsigned looks = choice(&at, end), turns = choice(&at, end);
    setup.looks = looks == 0 ? MOST_LOOKS : (int)looks * 4;
    setup.turns = turns == 0 ? MOST_TURNS : (int)turns;
    unsigned limits = choice(&at, end);
    setup.coroutines = limits & 7;
    setup.calls = limits >> 3;
    setup.collects = choice(&at, end) & 1;
    unsigned stop = choice(&at, end);
    setup.stop_at = stop & 31;
    setup.stops_by_freeing = stop & 32;
    return setup;
}

/* The scripts of an input: all of it, or its parts between lines "--##" where they share a context. */
static int split(const fuzz_setup *setup, const char *text, size_t length, const char **starts, size_t *lengths) {
    static const char separator[] = "\n--##\n";
    size_t width = sizeof separator - 1;
    int count = 0;
    starts[0] = text;
    for (;;) {
        size_t left = (size_t)(text + length - starts[count]);
        const char *next =
            setup->is_shared && count < MOST_EVALS - 1 ? memmem(starts[count], left, separator, width) : NULL;
        lengths[count] = next == NULL ? left : (size_t)(next - starts[count]);
        count++;
        if (next == NULL) return count;
        starts[count] = next + width;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const lwb_function functions[] = {
        {"ask", 0, false}, {"db.find", 1, false}, {"now", 2, true}, {"db.count", 3, true}};
    if (stopper == NULL) {
        stopper = lwb_stopper_new(true);
        lwb_stopper_bind(stopper);
    }
    const char *text = (const char *)data;
    fuzz_setup setup = take_setup(text, size);
    lwb_stopper_set_slice_instructions(stopper, setup.slice);
    answer_state = setup.seed;

    lwb_options options = {.is_shared = setup.is_shared, .max_depth = MAX_DEPTH, .print = LWB_PRINT_HOST};
    lwb_context *context = lwb_context_new(&options, functions, sizeof functions / sizeof *functions, NULL);
    FUZZ_REQUIRE(context != NULL, "no memory");
    options.memory_limit = lwb_context_memory_used(context) + setup.memory;
    options.coroutine_limit = setup.coroutines;
    if (setup.small_output) options.output_limit = OUTPUT_LIMIT;
    lwb_context_set_options(context, &options);

    const char *starts[MOST_EVALS];
    size_t lengths[MOST_EVALS];
    int count = split(&setup, text, size, starts, lengths);
    run runs[MOST_EVALS] = {0};
    lwb_event checked = lwb_context_check(context, starts[0], lengths[0], "fuzz", 0);
    bool is_refused = checked == LWB_FAILED && lwb_context_failure(context).type == LWB_FAILURE_SYNTAX;
    for (int i = 0; i < count; i++)
        prepare(context, &setup, &runs[i], starts[i], lengths[i]);
    run_all(context, &setup, runs, count);
    FUZZ_REQUIRE(has_looked || lengths[0] == 0, "nobody has looked for orders");
    bool does_not_compile = runs[0].event == LWB_FAILED && runs[0].failure == LWB_FAILURE_SYNTAX;
    FUZZ_REQUIRE(checked == LWB_FAILED || !does_not_compile, "check says that it compiles");
    FUZZ_REQUIRE(!is_refused || runs[0].event != LWB_FINISHED, "check says that it does not compile");
    size_t used = lwb_context_memory_used(context);
    FUZZ_REQUIRE(used <= options.memory_limit + DESCRIPTION_RESERVE, "%zu of %zu bytes", used, options.memory_limit);
    for (int i = 0; i < count; i++)
        if (runs[i].eval != NULL) lwb_eval_free(runs[i].eval);
    if (setup.is_shared) check_canary(context, &setup, options);
    lwb_context_free(context);
    return 0;
}
