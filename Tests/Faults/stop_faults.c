// A stop at every look for orders: each function that may loop in C is stopped at its first look, at its second, and so
// on, until it ends before.
//
// Wherever it is: the eval is stopped, what it was doing is described, its context goes on working, and nobody has
// written behind the end of a block. A function that has filled what it had reserved of Lua's stack is one of the
// places.
#include "CLuaBridge.h"
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *script;
} cases[] = {
    // Lua makes a stack that must grow to more than twice its size as large as it has to be: it is full in the end.
    {"unpack", "return select('#', table.unpack({}, 1, 1000))"},
    {"unpack_from_a_proxy", "local t = setmetatable({}, {__index = function(_, k) return k end}) "
                            "return select('#', table.unpack(t, 1, 200))"},
    {"unpack_from_a_chain", "local t = setmetatable({}, {__index = setmetatable({}, {__index = {}})}) "
                            "return select('#', table.unpack(t, 1, 300))"},
    {"codepoint", "local s = ('x'):rep(700) return select('#', utf8.codepoint(s, 1, -1))"},
    {"char", "return #utf8.char(utf8.codepoint(('x'):rep(200), 1, -1))"},
    {"len_and_offset", "local s = ('\\u{20ac}'):rep(100) return utf8.len(s), utf8.offset(s, 90), utf8.offset(s, -90)"},
    {"codes", "local f = utf8.codes('') return f('a' .. ('\\x80'):rep(200), 1)"},
    {"move", "return #table.move({}, 1, 2000, 2), #table.move({1, 2, 3}, 1, 600, 100, {})"},
    {"move_with_functions", "table.move(setmetatable({}, {__index = function(_, k) return k end}), 1, 90, 2, "
                            "setmetatable({}, {__newindex = function() end}))"},
    {"insert_and_remove",
     "local t = {} for i = 1, 600 do t[i] = i end table.insert(t, 1, 0) return table.remove(t, 1)"},
    {"concat", "local t = {} for i = 1, 400 do t[i] = i end return #table.concat(t, ',')"},
    {"concat_of_a_proxy",
     "return #table.concat(setmetatable({}, {__index = function(_, k) return k end}), '-', 1, 90)"},
    {"sort", "local t = {} for i = 1, 90 do t[i] = i * 7 % 91 end table.sort(t) return t[1]"},
    {"sort_with_a_comparator", "local t = {} for i = 1, 40 do t[i] = i * 7 % 41 end "
                               "table.sort(t, function(a, b) return a < b end) return t[1]"},
    {"sort_with_lt", "local t, m = {}, {__lt = function(a, b) return a[1] < b[1] end} for i = 1, 20 do "
                     "t[i] = setmetatable({i * 7 % 21}, m) end table.sort(t) return t[1][1]"},
    {"rep_and_its_like", "local s = ('xyz'):rep(20000, ',') return #s:upper(), #s:lower(), #s:reverse()"},
    {"find",
     "local s = ('ab '):rep(20) return s:find('c'), s:find('(a?)(b?)(.-)c'), s:find('%bxy'), s:find('c', 1, true)"},
    {"captures", "return select('#', (('x'):rep(100)):find(('(x)'):rep(32)))"},
    {"gmatch", "local n = 0 for a in (('x'):rep(90) .. ' y '):gmatch('(.-)%s') do n = n + 1 end return n"},
    {"gsub", "local s = ('ab '):rep(60) return s:gsub('%a', '%0%0'), s:gsub('%a', {a = 'x'}), "
             "s:gsub('(%a)(%a)', function(a, b) return b .. a end)"},
    {"in_a_coroutine", "return coroutine.wrap(function() return select('#', table.unpack({}, 1, 300)) end)()"},
    {"resuming_with_many_values", "local co = coroutine.wrap(function(...) return ... end) "
                                  "return select('#', co(table.unpack({}, 1, 600)))"},
    {"caught", "for i = 1, 3 do pcall(table.unpack, {}, 1, 300) pcall(utf8.codepoint, ('x'):rep(90), 1, -1) end"},
    {"handled", "xpcall(table.unpack, function(e) return select('#', table.unpack({}, 1, 300)) end, {}, 1, 300)"},
    {"closing", "local c <close> = setmetatable({}, {__close = function() table.unpack({}, 1, 300) end}) "
                "return select('#', table.unpack({}, 1, 300))"},
    {"loading", "return load('return ' .. ('1 + '):rep(300) .. '1')()"},
    {"calling_the_host", "local t = {} for i = 1, 200 do t[i] = i end ask(t, table.unpack({}, 1, 300))"},
    {"converting_the_result", "return table.unpack({}, 1, 300)"},
    {"converting_a_large_result", "local t = {} for i = 1, 90 do t[i] = {i, tostring(i)} end return t"},
    {"copying_globals", "return #given + #given[1]"},
    // There is memory enough to say where the stop was.
    {"without_memory", "local t = {} pcall(function() for i = 1, 1e9 do t[i] = {} end end) table.move({}, 1, 2000, 2)"},
};

enum { CASES = sizeof cases / sizeof *cases, TICKET = 3, MOST_LOOKS = 20000 };

static unsigned long looks, looks_until_stop;
static unsigned long failures, described;

int __wrap_lwb_stopper_look(lwb_stopper *stopper);

int __wrap_lwb_stopper_look(lwb_stopper *stopper) {
    (void)stopper;
    return ++looks >= looks_until_stop ? LWB_ORDER_CONDEMN : 0;
}

static void wrong(const char *name, const char *what) {
    printf("FAILED: stop_faults, %s, look %lu: %s\n", name, looks_until_stop, what);
    fflush(stdout);
    failures++;
}

static lwb_answer call_back(void *owner, uint32_t function, const char *args, size_t length) {
    (void)owner, (void)function, (void)args, (void)length;
    return (lwb_answer){LWB_ANSWER_RESULT, json_pack("[i,i]", 1, 2)};
}

// Runs a script to its end, in the context as it is, and frees the eval.
static lwb_event run(lwb_context *context, lwb_stopper *stopper, const char *script) {
    const lwb_setup setup = {
        .script = script, .script_length = strlen(script), .chunk_name = "script", .callback = call_back};
    lwb_eval *eval = NULL;
    if (lwb_eval_prepare(context, &setup, &eval) != LWB_READY) abort();
    lwb_event event = LWB_SLICED;
    while (event == LWB_SLICED) {
        lwb_stopper_announce(stopper, TICKET);
        event = lwb_eval_resume(eval, stopper, (lwb_answer){LWB_ANSWER_NONE, NULL});
    }
    lwb_eval_free(eval);
    return event;
}

// A stop that comes while the script is compiled, or its result converted, is in no line. Gives whether it was in one.
static bool check_place(lwb_context *context, const char *name) {
    lwb_failure failure = lwb_context_failure(context);
    if (failure.line != 0 && failure.line != 1) wrong(name, "the stop is in another line");
    if (failure.line != 0 && failure.traceback.bytes == NULL) wrong(name, "the stop has no traceback");
    return failure.line == 1;
}

// Gives whether the script was stopped.
static bool stop_at(lwb_context *context, lwb_stopper *stopper, size_t at, unsigned long look) {
    looks = 0;
    looks_until_stop = look;
    lwb_event event = run(context, stopper, cases[at].script);
    if (event == LWB_STOPPED) described += check_place(context, cases[at].name);
    if (event != LWB_STOPPED && event != LWB_FINISHED) {
        wrong(cases[at].name, lwb_context_failure(context).message.bytes);
    }
    looks_until_stop = MOST_LOOKS;
    if (run(context, stopper, "return table.concat({1, 2})") != LWB_FINISHED)
        wrong(cases[at].name, "the next eval failed");
    return event == LWB_STOPPED;
}

int main(void) {
    static const lwb_function functions[] = {{"ask", 0, true}};
    const lwb_options options = {
        .is_shared = true, .memory_limit = 600 << 10, .max_depth = 10, .print = LWB_PRINT_NONE};
    unsigned long runs = 0;
    long live = faults_live();
    faults_take_in_jansson();
    json_t *globals = json_pack("{s:[[i,i,i],[i,i,i],[i,i,i],[i,i,i],[i,i,i],[i,i,i]]}", "given", 1, 2, 3, 1, 2, 3, 1,
                                2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3);
    for (size_t i = 0; i < CASES && failures < 10; i++) {
        // One context for all stops of a case: what one has left behind the next may find.
        lwb_context *context = lwb_context_new(&options, functions, 1, globals);
        lwb_stopper *stopper = lwb_stopper_new(true);
        lwb_stopper_bind(stopper);
        unsigned long look = 1;
        described = 0;
        while (look < MOST_LOOKS && stop_at(context, stopper, i, look))
            look++;
        if (look == MOST_LOOKS) wrong(cases[i].name, "it does not end");
        if (described == 0) wrong(cases[i].name, "no stop came in the script");
        runs += look;
        lwb_stopper_unbind(stopper);
        lwb_stopper_free(stopper);
        lwb_context_free(context);
        printf("%s: %lu looks, %lu of them in the script\n", cases[i].name, look - 1, described);
    }
    json_decref(globals);
    if (faults_live() != live) wrong("all", "blocks are left behind");
    printf("stop_faults: %lu runs, %lu failed\n", runs, failures);
    return failures == 0 ? 0 : 1;
}
