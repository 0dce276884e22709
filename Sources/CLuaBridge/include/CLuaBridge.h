// The bridge to Lua.
//
// THE RULE: Lua's errors and yields are longjmps, and they may only ever land on, and cross, frames of this target and
// of liblua. Whatever can raise runs here, under a protected call or a resume that this target made; Swift calls a
// function below, gets a status back, and decides. A Swift function called from here (lwb_callback) returns normally,
// always.
//
// The bridge knows no engine: no ids, no queues, no threads. It knows one Lua world (lwb_context), the runs in it
// (lwb_eval), and how to interrupt the thread that is inside (lwb_stopper).
//
// Unless said otherwise a function here never raises, may be called from any thread, and touches nothing but what it is
// given; a context is used by one thread at a time.
#ifndef LUAWAIT_BRIDGE_H
#define LUAWAIT_BRIDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lwb_context lwb_context;
typedef struct lwb_eval lwb_eval;
typedef struct lwb_stopper lwb_stopper;

// ---- Stopping the thread that runs a script ------------------------------------------------------------------------

// What a running script can be ordered to do.
typedef enum lwb_order {
    LWB_ORDER_SLICE = 1,   // yield at the next chance: its time slice is over
    LWB_ORDER_CONDEMN = 2, // unwind, and let nothing in the script stop that
} lwb_order;

// Installs the process's handler for the stop signal, once; later calls return what the first one chose.
// `signal` is a real-time signal's number, or 0 for one that nobody handles yet. Returns the signal's number, or a
// negative errno. A handler that was there is called for signals that are not the library's.
int lwb_stop_signal_install(int signal);

// One thread's place in the stop protocol (docs/architecture.md, "The stop signal"). NULL when out of memory.
// `counting`: orders are looked for by a count hook, and no signal is ever sent.
lwb_stopper *lwb_stopper_new(bool counting);
void lwb_stopper_free(lwb_stopper *stopper);

// Makes the calling thread the one that `stopper` stops, until lwb_stopper_unbind() on the same thread.
void lwb_stopper_bind(lwb_stopper *stopper);
void lwb_stopper_unbind(lwb_stopper *stopper);

// On the bound thread: names the run that comes next, or none. Orders given from here on wait for the script to begin.
void lwb_stopper_announce(lwb_stopper *stopper, uint64_t ticket);

// From any thread: orders the run that `ticket` names. False when that run has left Lua already. The script obeys soon.
bool lwb_stopper_order(lwb_stopper *stopper, uint64_t ticket, lwb_order order);

// On the bound thread, for the next run of a counting stopper: when its slice ends, in nanoseconds of CLOCK_MONOTONIC;
// 0 is never.
void lwb_stopper_set_slice_end(lwb_stopper *stopper, int64_t slice_end_ns);
// When the run is to unwind by itself, where scripts are interrupted by counting and nobody else keeps the deadlines;
// 0: never. A script that is where it cannot yield comes to no end of a slice, after which they would be looked at.
void lwb_stopper_set_deadline(lwb_stopper *stopper, int64_t deadline_ns);

// On the bound thread, for all further runs of a counting stopper: a slice ends when a coroutine has run so many
// instructions, and no clock is looked at. The same script is then sliced at the same places, always.
void lwb_stopper_set_slice_instructions(lwb_stopper *stopper, int instructions);

// On the bound thread: processor time used so far is nobody's; the next run is charged from here on.
void lwb_stopper_mark_cpu(lwb_stopper *stopper);

// ---- Which Lua this is ---------------------------------------------------------------------------------------------

// Such as "5.4.9", of the Lua that is loaded; borrowed for good, not NUL-terminated.
const char *lwb_lua_version(size_t *length);
// Whether it is part of this library; else it is the system's.
bool lwb_lua_is_bundled(void);
// Whether the build has probed this very Lua for known memory faults (scripts/lua-probes).
bool lwb_lua_is_probed(void);
// The names of the probes that it fails, with commas in between; borrowed for good.
const char *lwb_lua_failed_probes(void);

// ---- JSON ----------------------------------------------------------------------------------------------------------

typedef enum lwb_scan { LWB_SCAN_FINE, LWB_SCAN_NUL, LWB_SCAN_TOO_DEEP } lwb_scan;

// Looks through a JSON text for what jansson would let pass: a raw NUL byte, nesting deeper than `max_depth`.
// `line` and `column` (from 1, in bytes) say where.
lwb_scan lwb_json_scan(const char *text, size_t length, int max_depth, int *line, int *column);

// ---- Contexts ------------------------------------------------------------------------------------------------------

// A host function as a context sees it. `index` is what the bridge reports when the script calls it.
typedef struct lwb_function {
    const char *name; // dotted, NUL-terminated
    uint32_t index;
    bool is_callback; // answered at once through lwb_callback; else by parking
} lwb_function;

// Where a script's print goes.
typedef enum lwb_print {
    LWB_PRINT_NONE,
    LWB_PRINT_STDOUT,
    LWB_PRINT_HOST, // to lwb_setup.output
} lwb_print;

// What only trusted scripts get; bits.
typedef enum lwb_library {
    LWB_LIBRARY_IO = 1, // and dofile, loadfile
    LWB_LIBRARY_OS = 2, // all of it but exit; setlocale knows C alone
    LWB_LIBRARY_PACKAGE = 4,
    LWB_LIBRARY_DEBUG = 8,     // but for hooks
    LWB_LIBRARY_BYTECODE = 16, // string.dump, and load of what it gives
} lwb_library;

typedef struct lwb_options {
    bool is_shared;         // many evals, each with globals of its own
    size_t memory_limit;    // bytes of the whole context; 0 is none
    size_t output_limit;    // bytes of one JSON text, or of a printed line; 0 is none
    size_t coroutine_limit; // how many that scripts made may be alive; 0 is none
    size_t source_limit;    // bytes of what a script gives to load; 0 is none
    unsigned libraries;     // lwb_library bits
    int max_depth;
    uint32_t hash_seed; // of the bundled Lua's hashes of strings, which the order of `pairs` depends on
    lwb_print print;
} lwb_options;

// A Lua world with the sandbox's libraries and the host functions in it. NULL when out of memory. `globals`: an object
// whose members all evals of a shared context see, or NULL.
lwb_context *lwb_context_new(const lwb_options *options, const lwb_function *functions, size_t count,
                             const json_t *globals);
void lwb_context_free(lwb_context *context);

// Limits of the next eval, where they differ from those the context was made with. Depth and libraries stay.
void lwb_context_set_options(lwb_context *context, const lwb_options *options);
size_t lwb_context_memory_used(const lwb_context *context);

// ---- Evals ---------------------------------------------------------------------------------------------------------

// How the host answered a host call. `value` is a reference that the bridge takes over.
typedef enum lwb_answer_kind {
    LWB_ANSWER_NONE,     // there was no call: the first resume, or one after a slice. From a callback: nil
    LWB_ANSWER_RESULT,   // any value
    LWB_ANSWER_ERROR,    // an object: message, and optionally type and data
    LWB_ANSWER_TIMEOUT,  // a string: the message
    LWB_ANSWER_LIMIT,    // a string: the message. The call was not made
    LWB_ANSWER_WITHHELD, // from a callback or a wait: there will be none, as the eval has been condemned
} lwb_answer_kind;

typedef struct lwb_answer {
    lwb_answer_kind kind;
    json_t *value;
} lwb_answer;

// Answers a call of a callback function at once. Runs between Lua's frames: must return normally. `args` is borrowed.
// `wait` may take `args` with lwb_context_take_output().
typedef lwb_answer (*lwb_callback)(void *owner, uint32_t function, const char *args, size_t length);

// Takes a line that the script printed, without its newline; false: there is no room for it. Runs between Lua's frames:
// must return normally. Borrowed.
typedef bool (*lwb_output)(void *owner, const char *text, size_t length);

typedef struct lwb_setup {
    const char *script;
    size_t script_length;
    const char *chunk_name; // NUL-terminated, as messages show it; borrowed for the call
    json_t *globals;        // an object, or NULL; like `args` a reference that lwb_eval_prepare() takes over
    json_t *args;           // an array, or NULL
    int64_t cpu_limit_ns;   // 0 is none
    uint64_t call_limit;    // how many host calls; 0 is none
    uint64_t random_seed;   // of the script's math.random; a shared context's own by the first eval that shares it
    bool keep_nulls;
    bool shares_globals;   // in a shared context: no globals of its own
    bool parks;            // false: a call that would park is an error in the script (luawait_eval)
    lwb_callback callback; // with `owner`, which must outlive the eval
    lwb_callback wait;     // asks the host where the script cannot park, and waits; NULL: a call there is an error
    lwb_output output;     // with `owner`
    void *owner;
} lwb_setup;

// What came of preparing or resuming an eval.
typedef enum lwb_event {
    LWB_READY,    // prepared: resume it; or checked
    LWB_FINISHED, // lwb_context_take_output() is the JSON of its value
    LWB_FAILED,   // lwb_context_failure() says how
    LWB_PARKED,   // at a host call: lwb_eval_function(), and lwb_context_take_output() is the JSON of the arguments
    LWB_SLICED,   // its time slice is over: resume it when its turn comes
    LWB_STOPPED,  // condemned, and unwound; lwb_eval_cpu_exceeded() says whether it was over its own limit
} lwb_event;

// Makes an eval of a script, which is compiled when it first runs, so that this can be stopped and counts as its
// processor time. The script must be there until that lwb_eval_resume() has returned, and `owner` as long as the eval.
// `*eval` belongs to the context. LWB_READY, or LWB_FAILED for a lack of memory.
lwb_event lwb_eval_prepare(lwb_context *context, const lwb_setup *setup, lwb_eval **eval);

// Runs the eval on the calling thread, which `stopper` is bound to and has announced a run, until something of the
// above happens.
lwb_event lwb_eval_resume(lwb_eval *eval, lwb_stopper *stopper, lwb_answer answer);

// Lets go of an eval that will not be resumed: in a private context with the context, in a shared one when nobody else
// is in it. Its pending __close handlers do not run.
void lwb_eval_free(lwb_eval *eval);

uint32_t lwb_eval_function(const lwb_eval *eval);
bool lwb_eval_cpu_exceeded(const lwb_eval *eval);
// Nanoseconds of processor time left to the eval; INT64_MAX when it has no limit.
int64_t lwb_eval_cpu_left(const lwb_eval *eval);

// Only compiles, for at most `cpu_limit_ns` of processor time; 0 is none. LWB_READY or LWB_FAILED.
lwb_event lwb_context_check(lwb_context *context, const char *script, size_t length, const char *chunk_name,
                            int64_t cpu_limit_ns);

// The JSON text of the last LWB_FINISHED or LWB_PARKED, NUL-terminated; the caller frees it with free(). NULL when
// there is none or it was taken.
char *lwb_context_take_output(lwb_context *context, size_t *length);

// ---- Failures ------------------------------------------------------------------------------------------------------

typedef enum lwb_failure_type {
    LWB_FAILURE_RUNTIME,
    LWB_FAILURE_SYNTAX,
    LWB_FAILURE_HOST,
    LWB_FAILURE_TIMEOUT,
    LWB_FAILURE_MEMORY,
    LWB_FAILURE_CONVERSION,
    LWB_FAILURE_LIMIT,
    LWB_FAILURE_INTERNAL,
} lwb_failure_type;

// Borrowed bytes; NULL when absent. Not necessarily UTF-8.
typedef struct lwb_text {
    const char *bytes;
    size_t length;
} lwb_text;

typedef struct lwb_failure {
    lwb_failure_type type;
    int line; // 0 when there is none
    lwb_text message, chunk, traceback, function, host_type;
    lwb_text data; // JSON
} lwb_failure;

// How the last LWB_FAILED came about; after LWB_STOPPED where the script was (chunk, line, traceback). Borrowed until
// the next call with this context.
lwb_failure lwb_context_failure(const lwb_context *context);

#endif
