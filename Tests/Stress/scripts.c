/* What is run: scripts of every kind, each of which looks after its own results. */
#include "stress.h"

#include <stdio.h>
#include <string.h>

typedef struct sample {
    const char *text;
    /** Further options, which begin with a comma, or an empty text. */
    const char *options;
    /** Whether luawait_eval() can run it: it waits for nobody. */
    bool is_direct;
    /** Takes milliseconds, and so its turn is rare. */
    bool is_long;
} sample;

/* An endless loop needs a limit, or a round would not end by itself. */
static const sample samples[] = {
    {"return ...", "", true, false},
    {"local v = ... local ok, x = pcall(echo, v) if ok and x ~= v then error('wrong answer') end return x", "", false,
     false},
    {"local v = ... for i = 1, v % 8 do local ok, x = pcall(echo, v + i) "
     "if ok and x ~= v + i then error('wrong answer') end end",
     "", false, false},
    {"local v = ... local w = coroutine.wrap(function() local ok, x = pcall(echo, v) coroutine.yield(ok and x or v) "
     "end) if w() ~= v then error('wrong answer') end return v",
     "", false, false},
    {"local v = ... local ok, x = pcall(main.echo, v) if ok and x ~= v then error('wrong answer') end", "", false,
     false},
    {"local v = ... local o = setmetatable({}, {__tostring = function() local ok, x = pcall(echo, v) "
     "return tostring(ok and x or v) end}) if ('%s'):format(o) ~= tostring(v) then error('wrong answer') end",
     "", false, false},
    {"local v = ... local t = {3, 1, 2} table.sort(t, function(a, b) pcall(echo, v) return a < b end) "
     "if t[1] + t[2] ~= t[3] then error('not sorted') end",
     "", false, false},
    {"while true do end", ",\"cpu_ms\":3", true, true},
    {"while true do pcall(error, 'x') end", ",\"timeout_ms\":4", true, true},
    {"while true do pcall(echo, 1) end", ",\"timeout_ms\":30", false, true},
    {"local v = ... if mark(v)[1] ~= v then error('wrong mark') end return v", "", true, false},
    {"local v = ... nested(v) return v", "", true, false},
    {"this is no Lua", "", true, false},
    {"local t = {} for i = 1, 200 do t[i] = {i, tostring(i)} end return t", "", true, false},
    {"for i = 1, 3 do print('line', i) end return {}", "", true, false},
    {"local s = {} while true do s[#s + 1] = ('x'):rep(100000) end", ",\"memory_bytes\":1000000", true, true},
    {"local v = ... for i = 0, 7 do local f = _G['own' .. i] if f then pcall(f, v) end end return v", "", true, false},
    {"local t = {} for i = 1, 300 do t[i] = (i * 7919) % 1009 end table.sort(t) "
     "for i = 2, #t do if t[i - 1] > t[i] then error('not sorted') end end",
     "", true, false},
    {"local v = ... refused(v)", "", true, false},
};

static const sample *some_sample(actor *one) {
    for (;;) {
        const sample *which = &samples[chance_below(&one->luck, sizeof samples / sizeof *samples)];
        if (!which->is_long || chance_below(&one->luck, 16) == 0) return which;
    }
}

/* 0, usually: a world of its own. */
static uint64_t some_context(actor *one) {
    if (chance_below(&one->luck, 3) != 0) return 0;
    return atomic_load(&one->at->contexts[chance_below(&one->luck, CONTEXTS)]);
}

static void make_options(actor *one, const sample *which, const char *more, char *options, size_t size) {
    snprintf(options, size, "{\"args\":[%u]%s%s}", chance_below(&one->luck, 1000) + 1, which->options, more);
}

void act_start(actor *one) {
    const sample *which = some_sample(one);
    char options[200], more[100];
    bool is_detached = chance_below(&one->luck, 10) == 0;
    /* Memory is a context's. */
    uint64_t context = strstr(which->options, "memory") == NULL ? some_context(one) : 0;
    int length = snprintf(more, sizeof more, "%s", is_detached ? ",\"detached\":true" : "");
    if (context != 0) {
        snprintf(more + length, sizeof more - (size_t)length, ",\"context\":%" PRIu64 ",\"globals_shared\":%s", context,
                 chance_below(&one->luck, 2) == 0 ? "true" : "false");
    }
    make_options(one, which, more, options, sizeof options);
    luawait_error error = {.struct_size = sizeof error};
    uint64_t eval = 0;
    luawait_status status =
        luawait_start(one->at->engine, which->text, strlen(which->text), options, strlen(options), &eval, &error);
    if (status == LUAWAIT_OK) {
        note_eval(one->at->book, eval, is_detached ? EVAL_STARTED | EVAL_DETACHED : EVAL_STARTED);
        atomic_store(&one->at->evals[chance_below(&one->luck, RECENT)], eval);
    } else if (status != LUAWAIT_ERR_LIMIT && status != LUAWAIT_ERR_SHUTDOWN &&
               (status != LUAWAIT_ERR_EXECUTOR || !one->at->is_custom) &&
               (status != LUAWAIT_ERR_NOT_FOUND || context == 0)) {
        violation("luawait_start(%s): %s, %s", options, luawait_status_name(status), error.message);
    }
}

void act_evaluate(actor *one) {
    const sample *which = some_sample(one);
    while (!which->is_direct)
        which = some_sample(one);
    char options[128], *outcome = NULL;
    make_options(one, which, "", options, sizeof options);
    luawait_error error = {.struct_size = sizeof error};
    int32_t state = -1;
    luawait_status status = luawait_eval(one->at->engine, which->text, strlen(which->text), options, strlen(options),
                                         &state, &outcome, NULL, &error);
    if (status == LUAWAIT_OK) {
        atomic_fetch_add(&one->at->book->direct, 1);
        note_outcome(one->at->book, state, outcome);
    } else if (status != LUAWAIT_ERR_LIMIT && status != LUAWAIT_ERR_SHUTDOWN) {
        violation("luawait_eval(%s): %s, %s", options, luawait_status_name(status), error.message);
    }
    luawait_free(outcome);
}
