/*
 * luawait: Lua 5.4 scripts that wait on the host without blocking it.
 *
 * THE MODEL
 *
 * A host creates an engine and registers host functions with it. It starts scripts; each run of a script is an
 * eval. When a script calls a host function, its coroutine is parked (no thread waits for it) and the engine posts a
 * request: an id, the function's name, the arguments as a JSON array. The host takes the request from its own event
 * loop, does the work in whatever asynchronous way it likes, and provides a result (any JSON value) or an error. The
 * script goes on as if the call had been an ordinary one. In the end the eval has exactly one outcome.
 *
 * This is a pull interface: the host owns its loop and asks when it wants to. The engine only tells it that there is
 * something to take, through a descriptor that polls readable (luawait_event_fd) or a callback (luawait_set_notifier).
 *
 * GLOSSARY
 *
 *   host      the program that loads this library
 *   engine    configuration, function registry, threads, queues; what a host creates first
 *   eval      one run of one script, named by a 64-bit id; 0 is none
 *   context   one Lua world. An eval gets a private one; a named context is shared by the evals started in it
 *   request   one host call waiting for its answer, named by a 64-bit id; 0 is none
 *   result    what the host answers a request with: a result or an error
 *   outcome   how an eval ended: succeeded with a value, failed with an error, or cancelled
 *   park      a script stops at a host call, holding no thread, until the answer comes
 *
 * A COMPLETE HOST
 *
 * Compile it with `cc host.c $(pkg-config --cflags --libs luawait)`. It prints `succeeded: 42`.
 *
 * @code
 *   #include <luawait.h>
 *   #include <poll.h>
 *   #include <stdio.h>
 *
 *   int main(void) {
 *       luawait_engine *engine;
 *       luawait_error error = {.struct_size = sizeof error};
 *       uint64_t eval, request;
 *       char *name, *args, *outcome = NULL;
 *       int32_t state = LUAWAIT_IN_PROGRESS;
 *       struct pollfd ready = {.events = POLLIN};
 *
 *       if (luawait_engine_new(NULL, 0, &engine, &error) != LUAWAIT_OK) return puts(error.message), 1;
 *       luawait_register(engine, "answer", LUAWAIT_NUL_TERMINATED, NULL, 0, &error);
 *       luawait_start(engine, "return answer('life') + 1", LUAWAIT_NUL_TERMINATED, NULL, 0, &eval, &error);
 *       luawait_event_fd(engine, &ready.fd);
 *       while (state == LUAWAIT_IN_PROGRESS && poll(&ready, 1, -1) >= 0) {
 *           while (luawait_get_pending_request(engine, &request, NULL, &name, &args, NULL) == LUAWAIT_OK) {
 *               luawait_provide_result(engine, request, "41", LUAWAIT_NUL_TERMINATED, &error);
 *               luawait_free(name);
 *               luawait_free(args);
 *           }
 *           luawait_poll(engine, eval, &state, &outcome, NULL);
 *       }
 *       printf("%s: %s\n", state == LUAWAIT_SUCCEEDED ? "succeeded" : "failed", outcome);
 *       luawait_free(outcome);
 *       luawait_engine_free(engine);
 *   }
 * @endcode
 *
 * TEXT AND OWNERSHIP
 *
 * Text goes in as pointer and length, UTF-8; LUAWAIT_NUL_TERMINATED as the length means that the text ends at its
 * first NUL. The library copies it before the call returns. A NULL pointer with length 0 is "not given" wherever the
 * parameter is optional. JSON texts are any JSON value (scalars too) and nothing after it; `\u0000` in strings is
 * fine, a raw NUL byte is not; neither are integers outside 64 bits, object keys with `\u0000`, a key twice in one
 * object, and nesting deeper than the engine's `max_depth`.
 * Text that comes out belongs to the caller, who frees it with luawait_free(). It ends with a NUL that its length does
 * not count. Out-parameters are written only when the call's documentation says so. Those marked "nullable" may be
 * NULL.
 *
 * TWO LAYERS OF FAILURE
 *
 * A status says how the call went; an outcome says how the eval ended. A host function that fails is an ordinary
 * answer: luawait_provide_error(). A call that can fail for a reason worth reading takes a last, nullable
 * luawait_error.
 *
 * THREADS
 *
 * Every function may be called from any thread at any time; luawait_engine_free() alone must be the last call on its
 * engine. Nothing is ever called back with a lock of the library held.
 *
 *   function                                        blocks?                          from a callback or notifier?
 *   luawait_version, abi_version, status_name       no                               yes
 *   luawait_engine_new                              no (starts threads)              yes
 *   luawait_engine_free                             until its threads have ended     no: would wait for itself
 *   luawait_shutdown                                until all has ended or the timeout   no
 *   luawait_register, register_callback, unregister no                               yes
 *   luawait_check                                   while it compiles the script     yes
 *   luawait_context_new, context_free               no (opens, closes a Lua state)   yes
 *   luawait_start                                   no                               yes
 *   luawait_poll                                    no                               yes
 *   luawait_wait                                    until the end or the timeout     notifier: no; callback: ties up
 *                                                                                    the thread that runs the script
 *   luawait_cancel                                  no                               yes
 *   luawait_get_pending_request                     no                               yes
 *   luawait_provide_result, provide_error           no (parses the JSON)             yes
 *   luawait_call_return, call_fail                  no (parses the JSON)             only there: in its own callback
 *   luawait_call_cancel                             no                               only there: in its own callback
 *   luawait_eval                                    while the script runs            notifier: no; callback: yes
 *   luawait_next_events, release_events             no                               yes
 *   luawait_wait_any                                until there is something, or the     no
 *                                                   timeout
 *   luawait_set_waker                               no                               yes
 *   luawait_run                                     about its budget                 notifier: no; callback: yes
 *   luawait_next_timeout                            no                               yes
 *   luawait_set_executor                            no                               yes
 *   luawait_bind_main_thread                        no                               yes
 *   luawait_event_fd, set_notifier, stats           no                               yes
 *   luawait_free                                    no                               yes
 *
 * Signals: the library's threads block all signals but the one that interrupts a running script, a real-time signal
 * that nobody handled when the first engine was created (config `signal`). It is sent only to threads that are inside
 * Lua at that moment. Its handler calls one that was there before, or that has replaced it since, for signals that are
 * not the library's. A callback that blocks the signal has it unblocked while its script goes on. Fork: in a child
 * process every call with an engine of its parent's is LUAWAIT_ERR_FORKED, and luawait_engine_free() does nothing; the
 * child may create engines of its own. A fork waits while the process's first engine is being created, about a
 * millisecond. Locale: scripts run in the C locale, whatever the process's or the thread's is;
 * the host's code runs in its own. `errno` is not preserved. Real-time scheduling: the library's threads have the
 * priority of the thread that creates the engine, and the one that interrupts scripts has the next higher, if the
 * process may; scripts on a host's thread of a higher one, where there is only one processor, need `"preemption":
 * "count"`. Stack: a thread of the host's on which scripts run (luawait_run(), luawait_eval(), a pool's) needs 128 KiB,
 * on which some thirty calls through C fit into one another; 512 KiB have room for the 200 that Lua allows. The end of
 * the stack is found out each time a script goes on, and what would nest too deep for it is an error ("OUTCOMES"). A
 * callback has 90 KiB left or more. On a stack that is not the thread's own, a fiber's, scripts use at most 200 KiB
 * from the call on.
 *
 * HOW A SCRIPT SEES THE WORLD
 *
 * Each eval runs in a Lua state of its own: nothing leaks from one to the next (but luawait_context_new()). Available:
 * the basic functions (without dofile and loadfile; load takes text only; collectgarbage only counts and collects),
 * coroutine, string (without dump), table, math, utf8, os.time/clock/date/difftime, json.null, json.array, and the
 * engine's host functions. A script that is an expression (`1 + 1`) gives its value. `__gc` is refused.
 *
 * LIBRARIES
 *
 * The key "libraries" (of an engine's config, an eval, a context) gives scripts that are trusted what reaches out of
 * their world. None of it is safe with scripts that are not.
 *   "io"        io, dofile, loadfile. Reading and writing hold the thread, and no limit or cancel ends them. The
 *               metatable of files stays closed, with "debug", too: getmetatable() of one gives false
 *   "os"        all of os but exit: execute, getenv, remove, rename, setlocale (knows "C" alone), tmpname
 *   "package"   require and package, with Lua's own ways to find modules. Those in C only where Lua is the system's
 *               (luawait_stats()): they would bring a second one. In a named context modules are loaded once, for all
 *               its evals
 *   "debug"     debug, without sethook and gethook: the library stops scripts by a hook. It opens every door of the
 *               sandbox, and can break Lua itself
 *   "bytecode"  string.dump, and load and loadfile for what it makes. A crafted binary chunk can crash the process
 * Programs started by io.popen or os.execute inherit the thread's blocked signals. io.write and io.stdout do not go
 * where `print` does.
 *
 * VALUES
 *
 * Values, both ways: nil and null; booleans; 64-bit integers; doubles (shortest digits that read back the same; NaN
 * and infinities are conversion errors); UTF-8 strings (others are conversion errors); a table with the keys 1..n is
 * an array; a table with string keys is an object; an empty table is `{}` unless it came from a JSON array or was made
 * by json.array{} (whose holes are null; the mark takes the place of the table's metatable, as with setmetatable, so a
 * protected one is an error). null inside an array reads as json.null; as a member of an object it reads
 * as nil (`"nulls": "keep"` reads it as json.null there too). Cycles, mixed keys, functions and too deep nesting are
 * conversion errors that name the path (`result.items[3].owner`).
 *
 * OUTCOMES
 *
 * A succeeded eval's outcome is the JSON of what the script returned: null for nothing, an array for several values.
 * A failed or cancelled eval's outcome is an object:
 *   type        "syntax" | "runtime" | "host" | "timeout" | "cpu" | "memory" | "conversion" | "limit" | "cancelled" |
 *               "internal"
 *   message     Lua's own words where Lua has some; of a table given to error(), what its __tostring says, or else its
 *               `message` if that is a string
 *   chunk, line where it happened; absent when there is no such place. For "memory": where the script was last seen to
 *   take
 *               memory, in the same loop as a rule, because Lua leaves no trace of the very place
 *   traceback   Lua's stack traceback; absent when there was no stack
 *   function    the host function, where one is to blame ("host", "timeout" of a call, "conversion" of arguments)
 *   host_type   for "host": the `type` the host gave to luawait_provide_error
 *   data        for "host": the `data` the host gave; for "runtime": the value given to error() if it was a table
 *
 * message, traceback, function and host_type are cut after 65536 bytes, with an ellipsis at their end; data whose JSON
 * is larger than `output_bytes` is left out.
 *
 * Calls that are nested too deep are of type "limit", with Lua's own words "stack overflow" at the end of the message:
 * Lua has room for a million slots (frames of 100000 calls and more) and for 200 calls through C, such as those of
 * metamethods, sort's comparators and coroutines inside coroutines; less where the thread's stack is small, and then
 * the error is a table of type "limit" with the message "C stack overflow". A script that was seen to take its last
 * memory in more than 100000 nested calls is of this type, too.
 *
 * A script can catch these, and the lack of memory, which is the text "not enough memory" to it; a handler of xpcall is
 * not called for that. What it has given back then it may use; as long as it holds all, nearly every step raises the
 * error again.
 *
 * In a script, an error that the library raises (type "host", "timeout", "conversion", "limit") is a table with
 * the same `type`, `message`, `function`, `host_type` and `data`; tostring() of it is the message.
 */
#ifndef LUAWAIT_H
#define LUAWAIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this header; luawait_version() is that of the library. */
#define LUAWAIT_VERSION "0.1.0"
/** ABI of this header. A binding refuses to run when luawait_abi_version() differs. */
#define LUAWAIT_ABI_VERSION 1

/** As a length: the text ends at its first NUL. */
#define LUAWAIT_NUL_TERMINATED ((size_t)-1)

/* Swift takes the constants of an enumeration for Int, and so for another type than the values they are compared with,
   unless it has a type of its own. C11 cannot give it one. */
#if defined(__swift__)
#define LUAWAIT_OF_INT32 : int32_t
#else
#define LUAWAIT_OF_INT32
#endif

/** How a call went: 0 is success, positive is "nothing to report", negative is an error. Values never change. */
typedef int32_t luawait_status;

/** The one table of statuses: X(name, value, meaning). */
#define LUAWAIT_STATUS_MAP(X)                                                                                          \
    X(LUAWAIT_OK, 0, "done")                                                                                           \
    X(LUAWAIT_NONE, 1, "there is nothing to take")                                                                     \
    X(LUAWAIT_ERR_ARGUMENT, -1, "a required pointer is NULL, or a name or length is not usable")                       \
    X(LUAWAIT_ERR_MEMORY, -2, "out of memory")                                                                         \
    X(LUAWAIT_ERR_JSON, -3, "malformed JSON, or JSON of the wrong shape")                                              \
    X(LUAWAIT_ERR_OPTION, -4, "an unknown key, a wrong type or a bad value in config or options")                      \
    X(LUAWAIT_ERR_NOT_FOUND, -5, "no such eval, open request, context or function")                                    \
    X(LUAWAIT_ERR_EXISTS, -6, "the name is taken")                                                                     \
    X(LUAWAIT_ERR_SYNTAX, -7, "the script does not compile")                                                           \
    X(LUAWAIT_ERR_SYSTEM, -8, "the operating system refused a thread, a descriptor or a signal")                       \
    X(LUAWAIT_ERR_EXECUTOR, -9, "the engine's executor does not do this, or refuses to run the script")                \
    X(LUAWAIT_ERR_LIMIT, -10, "one of the engine's limits on what may be waiting is reached")                          \
    X(LUAWAIT_ERR_SHUTDOWN, -11, "the engine has been shut down")                                                      \
    X(LUAWAIT_ERR_FORKED, -12, "the engine belongs to the parent of this process")

enum LUAWAIT_OF_INT32 {
#define LUAWAIT_STATUS_ENUMERATOR(name, value, meaning) name = (value),
    LUAWAIT_STATUS_MAP(LUAWAIT_STATUS_ENUMERATOR)
#undef LUAWAIT_STATUS_ENUMERATOR
};

/** States of an eval, as luawait_poll(), luawait_wait() and luawait_eval() report them. */
enum LUAWAIT_OF_INT32 {
    LUAWAIT_IN_PROGRESS = 0, /**< queued, running or parked */
    LUAWAIT_SUCCEEDED = 1,   /**< the outcome is the script's value */
    LUAWAIT_FAILED = 2,      /**< the outcome is an error object */
    LUAWAIT_CANCELLED = 3    /**< the outcome is an error object of type "cancelled" */
};

/** An engine. Made by luawait_engine_new(), freed by luawait_engine_free(). */
typedef struct luawait_engine luawait_engine;

/**
 * Why a call failed. The caller owns it and sets `struct_size` to `sizeof(luawait_error)` before the call; the call
 * fills the rest when it fails and leaves it alone when it succeeds. Nothing in it needs freeing. It only ever grows at
 * its end; fields beyond `struct_size` are not written.
 */
typedef struct luawait_error {
    uint32_t struct_size;  /**< set by the caller */
    luawait_status status; /**< what the call returned */
    int32_t line;          /**< in the JSON or the script, from 1; 0 when there is none */
    int32_t column;        /**< in the JSON, from 1; 0 when there is none */
    char message[256];     /**< UTF-8, NUL-terminated, cut at a character's end */
} luawait_error;

/* ---------------------------------------------------------------------------------------------------- Library -- */

/**
 * The library's version, such as "0.1.0".
 *
 * @return static text, never NULL
 * @since 0.1
 */
const char *luawait_version(void);

/**
 * The library's ABI, an integer raised when a program compiled for an older one would misbehave.
 *
 * @return LUAWAIT_ABI_VERSION of the header the library was built with
 * @since 0.1
 */
uint32_t luawait_abi_version(void);

/**
 * A status's name, such as "LUAWAIT_ERR_JSON".
 *
 * @param status any integer
 * @return static text, never NULL; "LUAWAIT_ERR_UNKNOWN" for a value that is no status
 * @since 0.1
 */
const char *luawait_status_name(luawait_status status);

/**
 * Frees text that the library gave.
 *
 * @param text from an out-parameter of this library, or NULL, which does nothing
 * @since 0.1
 */
void luawait_free(void *text);

/* ----------------------------------------------------------------------------------------------------- Engine -- */

/**
 * Creates an engine and starts its threads.
 *
 * The config is a JSON object; every key is optional, an unknown one is refused. In limits and timeouts 0 means none.
 *
 *   executor        "threads": scripts run on threads of the library's own; "host": on the       "threads"
 *                   host's, inside luawait_run(); "custom": on those of a pool, luawait_set_executor()
 *   workers         how many threads run scripts, 1 to 256; unused with "host"; with "custom"    processors, at most 4
 *                   how many tasks the pool is given at once
 *   timeout_ms      wall-clock time an eval may take, waiting included (type "timeout")          0
 *   cpu_ms          processor time an eval may use; waiting is free (type "cpu")                 5000
 *   call_timeout_ms time the host has to answer a request; the script can catch it ("timeout")   30000
 *   memory_bytes    what one eval's Lua state may allocate (type "memory")                       67108864
 *   output_bytes    largest text a script may produce at once: the JSON of arguments and         16777216
 *                   results, a printed line ("limit")
 *   max_host_calls  calls of host functions an eval may make, those that fail included;          1000000
 *                   every further one fails ("limit"). For scripts that run for days: 0
 *   max_coroutines  coroutines of one Lua state that scripts made and that have not been         10000
 *                   collected as garbage; making another one fails ("limit")
 *   max_script_bytes  size of a script: luawait_start(), luawait_eval() and luawait_check()      1048576
 *                   give LUAWAIT_ERR_LIMIT beyond. And of what a script gives to `load`
 *   libraries       an array of names: what scripts find beside the sandbox's, for scripts       []
 *                   that are trusted. See LIBRARIES above
 *   max_depth       nesting of JSON values in both directions, 1 to 1000                         128
 *   slice_us        how long an eval may run before the next one's turn, 100 to 1000000          10000
 *   warm_contexts   Lua states kept ready for the next evals, 0 to 4096                          8
 *   nulls           "drop" or "keep": what null as a member of an object becomes                 "drop"
 *   print           "stdout", "event" (LUAWAIT_EVENT_OUTPUT) or "none": where print goes. Where  "stdout"
 *                   standard output is a pipe, socket or terminal that is not read, the script
 *                   waits, within its slices and limits; lines of up to PIPE_BUF bytes are not
 *                   mixed with others'. What the host has printed before comes first, if it is
 *                   no more than that and stdio holds it still
 *   preemption      "signal": a running script is interrupted by a real-time signal, at no cost  "signal"
 *                   until then; "count": by counting instructions, which slows every script
 *   seed            an integer: with the same one, an eval with the same id gets the same        0
 *                   numbers from math.random, but where evals share globals; with the bundled Lua,
 *                   pairs() goes through the string and number keys of equal tables in the same
 *                   order, too (not those that are tables, functions, …). 0 takes another one for
 *                   each engine
 *   max_evals       evals in progress; luawait_start() gives LUAWAIT_ERR_LIMIT beyond            0
 *   max_queued      evals that wait for their turn; likewise                                     0
 *   max_unread      printed lines (LUAWAIT_EVENT_OUTPUT) that nobody has taken, a long one for    100000
 *                   each KiB of it; print fails ("limit") beyond
 *   max_requests    requests nobody has answered; further host calls fail ("limit")              0
 *   max_blocked     threads that may wait inside scripts at once, 0 to 256: luawait_register()   32
 *   watchdog        false, with executor "host" only: no thread is created at all. Scripts are      true
 *                   then interrupted by counting, and deadlines are looked at in luawait_run()
 *   lua_warning     false: no line on the standard error, once in a process, when the Lua that   true
 *                   is loaded has known memory faults or has not been probed (luawait_stats())
 *   signal          the real-time signal's number; 0 takes a free one. One for the process: the  0
 *                   first engine decides
 *
 * `memory_bytes` is what Lua allocates, looked at whenever it does; garbage is collected before it refuses, and a
 * named context is usable afterwards (luawait_context_new()). It does not count the JSON texts on their way out (a
 * buffer of at most twice `output_bytes`), nor what the host sends in while it is not yet a value of the script's
 * (`globals` and `args` until the script first runs, which as JSON take some ten times their text: `max_queued` bounds
 * how many wait), nor the text of an error, nor what nobody has taken yet: `max_unread`, `max_requests` and
 * `max_evals` bound that.
 *
 * @param config        copied; NULL with length 0 for the defaults
 * @param config_length bytes, or LUAWAIT_NUL_TERMINATED
 * @param engine        out: the engine; the caller frees it with luawait_engine_free(). NULL on failure
 * @param error         out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL, or `config` is NULL with a length
 * @retval LUAWAIT_ERR_JSON     the config is not JSON
 * @retval LUAWAIT_ERR_OPTION   a key is unknown (the message names the nearest known one), or a value is not usable
 * @retval LUAWAIT_ERR_SYSTEM   no thread could be started, or no real-time signal is free
 * @retval LUAWAIT_ERR_MEMORY   out of memory
 * @since 0.1
 */
luawait_status luawait_engine_new(const char *config, size_t config_length, luawait_engine **engine,
                                  luawait_error *error);

/**
 * Cancels what runs, withdraws all requests, ends the threads, closes the event descriptor, frees everything.
 *
 * Blocks until the threads have ended. They are told to stop at once; a script in the middle of one long C
 * function of Lua's (load of megabytes of source, say) or inside a host callback finishes that first. Outcomes not yet
 * taken are lost. The finalizers (`drop`) of callbacks and of the notifier have run when it returns.
 *
 * Must be the last call on the engine, and must not be made from a callback, a notifier or a finalizer.
 *
 * @param engine from luawait_engine_new(), or NULL, which does nothing
 * @since 0.1
 */
void luawait_engine_free(luawait_engine *engine);

/**
 * Ends an engine gracefully: from here on no eval starts (LUAWAIT_ERR_SHUTDOWN), those in progress may end, and what is
 * left when the time is up is cancelled. Outcomes can still be taken; luawait_engine_free() comes after.
 *
 * Blocks until no eval is in progress: the timeout, and the few milliseconds that cancelling takes. Requests have to be
 * answered meanwhile, so by another thread. With executor "host" the calling thread runs the scripts.
 *
 * @param timeout_ms milliseconds; 0 cancels at once, negative waits without limit
 * @retval LUAWAIT_OK           no eval is in progress
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL
 * @retval LUAWAIT_ERR_MEMORY   executor "host": out of memory
 * @since 0.1
 */
luawait_status luawait_shutdown(luawait_engine *engine, int64_t timeout_ms);

/**
 * Figures for monitoring, as JSON.
 *
 * `{"evals": {"started", "queued", "running", "parked", "finished_unread", "succeeded", "failed", "cancelled"},
 *   "requests": {"posted", "pending", "open", "answered", "withdrawn"},
 *   "workers": n, "workers_refused": n, "contexts": {"live", "warm", "named", "memory"}, "timers": n,
 *   "lua": {"version", "build", "probed", "failed_probes"}}`
 * `open` counts all requests that can be answered, `pending` those of them that nobody has taken yet. `workers_refused`
 * counts how often the system has refused a thread that was to stand in for one that waits inside a script
 * (`max_blocked`); it is asked again all the time. `memory` says how full each named context is, an array of
 * `{"context", "used", "limit"}`: bytes, garbage included, when one of its evals last had a turn.
 * `lua` says which Lua runs the scripts: `version` such as "5.4.9"; `build` "bundled", a part of this library, or
 * "system"; `probed` whether this very Lua was probed for known memory faults when the library was built;
 * `failed_probes` the names of those that it has, which any script can reach.
 *
 * @param json   out: caller frees with luawait_free()
 * @param length out, nullable: bytes
 * @retval LUAWAIT_ERR_ARGUMENT `engine` or `json` is NULL
 * @since 0.1
 */
luawait_status luawait_stats(luawait_engine *engine, char **json, size_t *length);

/* --------------------------------------------------------------------------------------------- Host functions -- */

/**
 * Declares a host function that is answered by request.
 *
 * Evals started later see it; those already started do not. A name with dots makes nested tables: `db.users.find`
 * is called as `db.users.find(...)`. A name may replace a standard function (`print`) or add to a library
 * (`string.trim`), but not replace a library.
 *
 * It works also inside callbacks, metamethods and iterators, such as a table.sort comparator. Where Lua cannot yield
 * (inside a reader of load, a message handler of xpcall, or a __tostring that print or string.format calls) the thread
 * waits for the answer and another takes its place, for up to `max_blocked` calls at once; beyond that the call fails
 * ("limit"). With `max_blocked` 0, and with the executors "host" and "custom", which have no thread to lend, it is an
 * error that says so.
 *
 * @param name           copied; Lua identifiers joined by dots, no reserved words, at most 255 bytes
 * @param name_length    bytes, or LUAWAIT_NUL_TERMINATED
 * @param options        copied; a JSON object or NULL. Keys: `timeout_ms`, the time the host has to answer, 0 for none;
 *                       default is the eval's or else the engine's `call_timeout_ms`. `thread`, "any" or "main": "main"
 *                       requests are handed out to the thread of luawait_bind_main_thread() alone
 * @param options_length bytes, or LUAWAIT_NUL_TERMINATED
 * @param error          out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer, or not a usable name
 * @retval LUAWAIT_ERR_JSON     the options are not JSON
 * @retval LUAWAIT_ERR_OPTION   an unknown key or bad value
 * @retval LUAWAIT_ERR_EXISTS   the name, or a part or an extension of it, is registered already (`db` and `db.find`)
 * @since 0.1
 */
luawait_status luawait_register(luawait_engine *engine, const char *name, size_t name_length, const char *options,
                                size_t options_length, luawait_error *error);

/** A call in progress, as a callback sees it. Borrowed until the callback returns. Only ever grows at its end. */
typedef struct luawait_call {
    uint32_t struct_size; /**< of the library's luawait_call */
    uint32_t reserved;
    uint64_t eval_id; /**< the eval that calls; 0 inside luawait_eval() */
    const char *name; /**< the function's registered name, NUL-terminated */
    size_t name_length;
    const char *args; /**< the arguments, a JSON array, NUL-terminated */
    size_t args_length;
    void *reply; /**< the library's own */
} luawait_call;

/**
 * A host function that answers at once. It runs on the thread that runs the script, with no lock held, and no signal
 * interrupts it; a cancelled eval ends when it has returned. It answers by at most one successful luawait_call_return()
 * or luawait_call_fail(); without one, the script gets nil, or what the option `unanswered` says. It must return
 * normally: no longjmp, no C++ exception.
 */
typedef void (*luawait_callback)(void *user_data, luawait_call *call);

/** Releases a `user_data`. Called exactly once, on any thread, with no lock held. */
typedef void (*luawait_drop)(void *user_data);

/**
 * Declares a host function that is answered at once by a C callback. Names and options are those of
 * luawait_register(), but `timeout_ms` and `thread` have no meaning and are refused.
 *
 * A callback has an option of its own, `unanswered`: what comes of a call that it returns from without an answer. With
 * "nil", the default, the script gets nil. With "cancel" the eval ends as "cancelled", with a message that names the
 * function, and the script can neither catch that nor go on: for bindings of languages that may be interrupted
 * anywhere, before a callback's first instruction and after its last, where no answer is no value either.
 *
 * @param fn        called for each call, on whichever thread runs the script, possibly on several at once
 * @param user_data given to `fn`; borrowed until `drop` is called
 * @param drop      nullable; called once when nobody can call `fn` any more: after luawait_unregister() and the end of
 *                  the evals that still see the function, or by luawait_engine_free(). Not called when this call fails
 * @param error     out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT, LUAWAIT_ERR_JSON, LUAWAIT_ERR_OPTION, LUAWAIT_ERR_EXISTS as luawait_register()
 * @since 0.1
 */
luawait_status luawait_register_callback(luawait_engine *engine, const char *name, size_t name_length,
                                         const char *options, size_t options_length, luawait_callback fn,
                                         void *user_data, luawait_drop drop, luawait_error *error);

/**
 * Answers a callback's call with a result. Only inside the callback, on its thread.
 *
 * @param call   the callback's
 * @param json   copied; any JSON value
 * @param length bytes, or LUAWAIT_NUL_TERMINATED
 * @param error  out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT  a NULL pointer
 * @retval LUAWAIT_ERR_JSON      not JSON; the call is still unanswered
 * @retval LUAWAIT_ERR_NOT_FOUND the call is answered already
 * @since 0.1
 */
luawait_status luawait_call_return(luawait_call *call, const char *json, size_t length, luawait_error *error);

/**
 * Answers a callback's call with an error, shaped as luawait_provide_error() says. Only inside the callback, on its
 * thread. Parameters and statuses: luawait_call_return(), and LUAWAIT_ERR_OPTION as luawait_provide_error().
 *
 * @since 0.1
 */
luawait_status luawait_call_fail(luawait_call *call, const char *json, size_t length, luawait_error *error);

/**
 * Cancels the eval that makes a callback's call, also inside luawait_eval(), where it has no id: it ends when the
 * callback returns, whether or not the call has been answered, and what the script has to catch errors is not run. Only
 * inside the callback, on its thread. Cancelling again changes nothing.
 *
 * @param call the callback's
 * @retval LUAWAIT_ERR_ARGUMENT `call` is NULL
 * @since 0.1
 */
luawait_status luawait_call_cancel(luawait_call *call);

/**
 * Takes a function's name away. Evals started later no longer see it; those that do may still call it.
 *
 * @param name        as registered
 * @param name_length bytes, or LUAWAIT_NUL_TERMINATED
 * @retval LUAWAIT_ERR_ARGUMENT  a NULL pointer
 * @retval LUAWAIT_ERR_NOT_FOUND no function is registered under exactly this name
 * @since 0.1
 */
luawait_status luawait_unregister(luawait_engine *engine, const char *name, size_t name_length);

/* ------------------------------------------------------------------------------------------------------ Evals -- */

/**
 * Checks a script's syntax without running it. Compiles on the calling thread, for at most `cpu_ms` of its time.
 *
 * @param script      borrowed until the call returns
 * @param length      bytes, or LUAWAIT_NUL_TERMINATED
 * @param name        nullable: the chunk's name in messages; "script" when not given
 * @param name_length bytes, or LUAWAIT_NUL_TERMINATED
 * @param error       out, nullable: `line` and Lua's message
 * @retval LUAWAIT_ERR_SYNTAX   it does not compile, or is a binary chunk
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer
 * @retval LUAWAIT_ERR_MEMORY   compiling took more than `memory_bytes`
 * @retval LUAWAIT_ERR_LIMIT    the script is larger than `max_script_bytes`, or compiling took more than `cpu_ms`
 * @since 0.1
 */
luawait_status luawait_check(luawait_engine *engine, const char *script, size_t length, const char *name,
                             size_t name_length, luawait_error *error);

/**
 * Starts an eval. Never blocks: the script is copied and compiled by a worker, so that a syntax error is an outcome.
 *
 * The options are a JSON object; every key is optional, an unknown one is refused:
 *
 *   name            the chunk's name in messages and tracebacks, "script"
 *   globals         an object; each member becomes a global variable of the script
 *   args            an array; the script finds its members in `...`, at most 200
 *   context         a named context's id: run in its Lua state, beside its other evals (luawait_context_new)
 *   globals_shared  with `context`, true: the script's globals are the context's, which all such evals share
 *   timeout_ms, cpu_ms, call_timeout_ms, max_host_calls, nulls   as in the engine's config, for this eval
 *   memory_bytes, max_coroutines, libraries   likewise, but not with `context`, which has its own. With other
 *                   libraries than the engine's the eval starts a little later: no Lua state is kept ready for it
 *   detached        true: nobody will poll; the outcome is dropped and the id forgotten at the end
 *
 * @param script         copied; text only, a binary chunk is a "syntax" outcome
 * @param length         bytes, or LUAWAIT_NUL_TERMINATED
 * @param options        copied; nullable
 * @param options_length bytes, or LUAWAIT_NUL_TERMINATED
 * @param eval_id        out: the eval's id; nullable only with `"detached": true`
 * @param error          out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer
 * @retval LUAWAIT_ERR_JSON     the options are not JSON
 * @retval LUAWAIT_ERR_OPTION   an unknown key, or a value that is not usable
 * @retval LUAWAIT_ERR_LIMIT    `max_evals` or `max_queued` is reached, or the script is larger than
 *                              `max_script_bytes`; `error` says which
 * @retval LUAWAIT_ERR_NOT_FOUND there is no such `context`
 * @retval LUAWAIT_ERR_SHUTDOWN after luawait_shutdown()
 * @retval LUAWAIT_ERR_EXECUTOR executor "custom": there is no pool, or it refuses to run the script; nothing was
 * started
 * @retval LUAWAIT_ERR_MEMORY   out of memory
 * @since 0.1
 */
luawait_status luawait_start(luawait_engine *engine, const char *script, size_t length, const char *options,
                             size_t options_length, uint64_t *eval_id, luawait_error *error);

/**
 * Asks how an eval is doing. Never blocks. The poll (or wait) that reports the end hands over the outcome and
 * forgets the id: a later one gets LUAWAIT_ERR_NOT_FOUND.
 *
 * @param eval_id        from luawait_start()
 * @param state          out: LUAWAIT_IN_PROGRESS or how it ended
 * @param outcome        out, nullable (the outcome is dropped): JSON; caller frees with luawait_free(). NULL while in
 *                       progress
 * @param outcome_length out, nullable: bytes
 * @retval LUAWAIT_ERR_ARGUMENT  `engine` or `state` is NULL
 * @retval LUAWAIT_ERR_NOT_FOUND no such eval: never started, detached, or its outcome has been taken
 * @retval LUAWAIT_ERR_MEMORY    out of memory; `state` is written, the outcome's text is lost
 * @since 0.1
 */
luawait_status luawait_poll(luawait_engine *engine, uint64_t eval_id, int32_t *state, char **outcome,
                            size_t *outcome_length);

/**
 * Blocks until an eval ends or the time is up, then does what luawait_poll() does: when the time is up, LUAWAIT_OK and
 * LUAWAIT_IN_PROGRESS. It is woken, it does not poll. Somebody else must serve the eval's requests meanwhile.
 *
 * @param timeout_ms milliseconds; 0 does not block, negative waits without limit
 * Other parameters and statuses: luawait_poll(). When several threads wait for one eval, one of them gets the
 * outcome, the others LUAWAIT_ERR_NOT_FOUND.
 * @since 0.1
 */
luawait_status luawait_wait(luawait_engine *engine, uint64_t eval_id, int64_t timeout_ms, int32_t *state,
                            char **outcome, size_t *outcome_length);

/**
 * Cancels an eval: queued, parked, or in the middle of an endless loop. Returns at once.
 *
 * When it returns LUAWAIT_OK and the eval had not ended, its outcome will be "cancelled", and its request is withdrawn:
 * a pending one is no longer handed out, an answer to one already taken gets LUAWAIT_ERR_NOT_FOUND. A queued or parked
 * eval has ended when the call returns; a running one ends within milliseconds, and none of the script's own
 * error handlers can stop that. The outcome is still to be taken (or the eval detached). Cancelling again, or after the
 * end, changes nothing.
 *
 * @retval LUAWAIT_OK            cancelled, or ended already and not yet taken
 * @retval LUAWAIT_ERR_ARGUMENT  `engine` is NULL
 * @retval LUAWAIT_ERR_NOT_FOUND no such eval, or its outcome has been taken
 * @since 0.1
 */
luawait_status luawait_cancel(luawait_engine *engine, uint64_t eval_id);

/**
 * Runs a script on the calling thread and waits for its end. Host functions registered as callbacks are served; a call
 * of one that is answered by request fails in the script, with a message that says to use luawait_start(). All limits
 * hold. Threads other than the caller's are not involved, except to interrupt an overdue script.
 *
 * Parameters are those of luawait_start() (`detached` and `context` are refused) and luawait_poll().
 *
 * @retval LUAWAIT_OK         the script ended; `state` says how
 * @retval LUAWAIT_ERR_ARGUMENT, LUAWAIT_ERR_JSON, LUAWAIT_ERR_OPTION, LUAWAIT_ERR_LIMIT, LUAWAIT_ERR_SHUTDOWN,
 *         LUAWAIT_ERR_MEMORY as luawait_start()
 * @since 0.1
 */
luawait_status luawait_eval(luawait_engine *engine, const char *script, size_t length, const char *options,
                            size_t options_length, int32_t *state, char **outcome, size_t *outcome_length,
                            luawait_error *error);

/* --------------------------------------------------------------------------------------------- Named contexts -- */

/**
 * Makes a Lua world that many evals share: sessions, scripts for each frame, thousands of small ones. They take turns,
 * one at a time, whenever one parks, ends, or has had its time slice; each has its own outcome, limits and cancel. The
 * context sees the host functions that are registered now.
 *
 * Each eval has globals of its own, laid over the context's. What Lua and the host have given, libraries, tables of
 * host functions and the context's `globals`, it gets as a copy of its own, made when it first uses the name: whatever
 * it changes there, or sets, or draws from math.random, no other eval sees. Copying is the eval's time and memory;
 * until then rawget(_G, name) finds nothing, and a given name that is set to nil is given anew. One started with
 * `"globals_shared": true` has the context's globals: what it sets there, all others see, unless it is a name that Lua
 * or the host has given; what it changes in such, the others that share them see. Tables that they share in this way
 * are shared whole.
 *
 * Memory is the context's: what one eval allocates another lacks, and the eval that meets the limit ends with "memory".
 * To begin an eval there are 128 KiB in reserve above the limit: for its coroutine, for compiling it, for its table of
 * globals and a few nested calls. So one that only lets go of something runs in a full context (`t = nil`,
 * `for k in pairs(t) do t[k] = nil end`, then collectgarbage()), if it shares globals with those that filled it. What
 * the script itself allocates is held to `memory_bytes`. luawait_stats() says how full a context is.
 *
 * @param options        copied; a JSON object or NULL. Keys: `memory_bytes` and `max_coroutines`, of all evals together,
 *                       and `libraries`: default the engine's;
 *                       `globals`, an object whose members all evals find, and which count twice as the
 *                       context's memory
 * @param options_length bytes, or LUAWAIT_NUL_TERMINATED
 * @param context_id     out: for the option `context` of luawait_start()
 * @param error          out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer
 * @retval LUAWAIT_ERR_JSON     the options are not JSON
 * @retval LUAWAIT_ERR_OPTION   an unknown key or bad value
 * @retval LUAWAIT_ERR_SHUTDOWN after luawait_shutdown()
 * @retval LUAWAIT_ERR_MEMORY   out of memory
 * @since 0.1
 */
luawait_status luawait_context_new(luawait_engine *engine, const char *options, size_t options_length,
                                   uint64_t *context_id, luawait_error *error);

/**
 * Cancels a context's evals and frees it, with the last of them. Their outcomes are still to be taken.
 *
 * @retval LUAWAIT_ERR_ARGUMENT  `engine` is NULL
 * @retval LUAWAIT_ERR_NOT_FOUND no such context, or it has been freed
 * @since 0.1
 */
luawait_status luawait_context_free(luawait_engine *engine, uint64_t context_id);

/* --------------------------------------------------------------------------------- Scripts on the host's thread -- */

/**
 * Runs ready scripts on the calling thread (executor "host"), for about the budget: a control loop or a frame gives
 * its scripts what it can spare. Also does what deadlines ask for. At least one script gets a turn, if one is ready,
 * however small the budget. An endless loop is interrupted at its end, and goes on in the next call. Several threads
 * may run scripts at once.
 *
 * How far it may exceed the budget: by what it takes to interrupt a script (tens of microseconds with "preemption":
 * "signal", a thousand of Lua's instructions without), by one call of a C function of Lua's or of a callback, by
 * compiling one script, by freeing one Lua state.
 *
 * @param budget_us microseconds
 * @param more      out, nullable: 1 if more scripts are ready, else 0
 * @retval LUAWAIT_OK           whether or not there was something to run
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL
 * @retval LUAWAIT_ERR_EXECUTOR the engine's executor is not "host"
 * @retval LUAWAIT_ERR_MEMORY   out of memory; nothing has run
 * @since 0.1
 */
luawait_status luawait_run(luawait_engine *engine, uint64_t budget_us, int32_t *more);

/**
 * When luawait_run() is to be called again, for hosts that do not poll the descriptor.
 *
 * @param timeout_ms out: milliseconds, rounded up; 0 when scripts are ready; -1 when nothing is to be done until the
 *                   host calls something else. With executor "threads" always -1
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer
 * @since 0.1
 */
luawait_status luawait_next_timeout(luawait_engine *engine, int64_t *timeout_ms);

/* ------------------------------------------------------------------------------------- Scripts on the host's pool -- */

/** Runs a task. What luawait_executor.submit gets; called by one of the pool's threads, exactly once for each task. */
typedef void (*luawait_run_task)(void *task);

/**
 * A pool of threads of the host's. The caller sets `struct_size`; the struct is copied.
 */
typedef struct luawait_executor {
    uint32_t struct_size; /**< set by the caller */
    uint32_t reserved;
    void *data; /**< given to both functions; borrowed until `drop` is called */
    /**
     * Asks for `run(task)` to be called soon on one of the pool's threads. Called on any thread, the library's own
     * included, with no lock held; it must not block, nor call `run` itself. Returns 0 if it will be called, anything
     * else if not.
     */
    int32_t (*submit)(void *data, luawait_run_task run, void *task);
    luawait_drop drop; /**< nullable; called exactly once, when `submit` will not be called any more */
} luawait_executor;

/**
 * Sets, replaces or (with NULL) removes the pool whose threads run the scripts (executor "custom").
 *
 * The pool is given a task for each eval that is ready to run, at most `workers` at a time. A task runs scripts for
 * about a time slice (`slice_us`) and ends; if it leaves something to run, the pool is given another one, so that the
 * pool's other work gets its turn. `task` is no pointer to anything: running one twice, or after luawait_engine_free(),
 * does nothing. luawait_engine_free() waits for the tasks that are running, not for those that wait in the pool.
 *
 * When the pool refuses a task, luawait_start() fails with LUAWAIT_ERR_EXECUTOR, if nothing else will run the script.
 * An eval that has begun stays ready: the pool is asked again when something happens, and after delays that grow from a
 * millisecond to a second. Its deadlines and luawait_cancel() end it as ever.
 *
 * A pool that has accepted a task and does not run it leaves the engine waiting for it.
 *
 * @param executor nullable; copied. Without a pool nothing runs, and luawait_start() fails
 * @param error    out, nullable
 * @retval LUAWAIT_ERR_ARGUMENT `engine` or `submit` is NULL, or `struct_size` too small; `drop` is not called
 * @retval LUAWAIT_ERR_EXECUTOR the engine's executor is not "custom"; `drop` is not called
 * @since 0.1
 */
luawait_status luawait_set_executor(luawait_engine *engine, const luawait_executor *executor, luawait_error *error);

/* --------------------------------------------------------------------------------------------------- Requests -- */

/**
 * Takes the oldest request that nobody has taken yet and that the calling thread may take
 * (luawait_bind_main_thread()). Each request is handed out once.
 *
 * @param request_id  out: to answer with
 * @param eval_id     out, nullable: the eval that waits
 * @param name        out, nullable: the host function's name; caller frees with luawait_free()
 * @param args        out, nullable: the arguments, a JSON array; caller frees with luawait_free()
 * @param args_length out, nullable: bytes of `args`
 * @retval LUAWAIT_NONE         there is none now; nothing is written
 * @retval LUAWAIT_ERR_ARGUMENT `engine` or `request_id` is NULL
 * @retval LUAWAIT_ERR_MEMORY   out of memory; the request is still pending
 * @since 0.1
 */
luawait_status luawait_get_pending_request(luawait_engine *engine, uint64_t *request_id, uint64_t *eval_id, char **name,
                                           char **args, size_t *args_length);

/**
 * Answers a request with a result; the script goes on. The request need not have been taken first.
 *
 * @param json   copied; any JSON value
 * @param length bytes, or LUAWAIT_NUL_TERMINATED
 * @param error  out, nullable
 * @retval LUAWAIT_ERR_NOT_FOUND no such open request: answered already, withdrawn (its eval was cancelled or has
 *                               ended, or the call timed out), or never posted. Nothing happens
 * @retval LUAWAIT_ERR_JSON      malformed, or nested too deep; `line` and `column` say where. The request stays open
 * @retval LUAWAIT_ERR_MEMORY    out of memory; the request stays open
 * @retval LUAWAIT_ERR_ARGUMENT  a NULL pointer
 * @since 0.1
 */
luawait_status luawait_provide_result(luawait_engine *engine, uint64_t request_id, const char *json, size_t length,
                                      luawait_error *error);

/**
 * Answers a request with an error, which the script can catch.
 *
 * @param json   copied; a string (the message), or an object with `message` (string) and optionally `type` (string) and
 *               `data` (any value)
 * @param length bytes, or LUAWAIT_NUL_TERMINATED
 * @param error  out, nullable
 * @retval LUAWAIT_ERR_OPTION an unknown key or a wrong type in the object; the request stays open
 * Other statuses: luawait_provide_result(); JSON that is neither string nor object is LUAWAIT_ERR_JSON.
 * @since 0.1
 */
luawait_status luawait_provide_error(luawait_engine *engine, uint64_t request_id, const char *json, size_t length,
                                     luawait_error *error);

/**
 * The calling thread becomes the host's main thread: the only one to which requests of functions registered with
 * `"thread": "main"` are handed out, by luawait_get_pending_request() and luawait_next_events(). Other threads do not
 * see them; until a thread is bound, nobody does. Everything else goes to any thread, the main one included, and any
 * thread may answer. A later call binds another thread.
 *
 * With executor "host", that scripts are ready to run is then told to the main thread alone: threads that serve
 * requests need not hear of it. Any thread may still call luawait_run().
 *
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL
 * @since 0.1
 */
luawait_status luawait_bind_main_thread(luawait_engine *engine);

/* ----------------------------------------------------------------------------------------------------- Events -- */

/** What an event is about. More kinds may come: skip those you do not know. */
enum LUAWAIT_OF_INT32 {
    LUAWAIT_EVENT_REQUEST = 1,   /**< a host call waits for its answer: `name`, and `text` is its arguments as JSON */
    LUAWAIT_EVENT_WITHDRAWN = 2, /**< a request handed out as an event needs no answer any more: stop working on it */
    LUAWAIT_EVENT_FINISHED = 3,  /**< an eval has ended: `state`, and `text` is its outcome. The id is forgotten */
    LUAWAIT_EVENT_OUTPUT = 4     /**< a script printed `text`, without the newline (config `"print": "event"`) */
};

/**
 * Something to take. All its texts are borrowed until luawait_release_events(). Only ever grows at its end.
 */
typedef struct luawait_event {
    uint32_t struct_size; /**< set by the caller in the first element of the array */
    int32_t kind;         /**< LUAWAIT_EVENT_… */
    uint64_t eval_id;     /**< the eval it is about; 0 for output of luawait_eval() */
    uint64_t request_id;  /**< LUAWAIT_EVENT_REQUEST and WITHDRAWN; else 0 */
    int32_t state;        /**< LUAWAIT_EVENT_FINISHED: LUAWAIT_SUCCEEDED, FAILED or CANCELLED; else 0 */
    uint32_t reserved;
    const char *name; /**< LUAWAIT_EVENT_REQUEST and WITHDRAWN: the host function, NUL-terminated; else NULL */
    size_t name_length;
    const char *text; /**< NUL-terminated; NULL for LUAWAIT_EVENT_WITHDRAWN */
    size_t text_length;
    void *owner; /**< the library's own */
} luawait_event;

/**
 * Takes the oldest events, many at once: requests, withdrawn requests, ended evals, script output, in the order in
 * which they came. A host that uses it needs neither luawait_get_pending_request() nor luawait_poll(). One that mixes
 * them gets each request and each outcome once, by whichever call comes first; requests that it took one by one are
 * withdrawn silently.
 *
 * @param events   out: an array of the caller's; `events[0].struct_size` says how large its elements are
 * @param capacity how many elements it has, at least 1
 * @param count    out: how many were written, 0 with LUAWAIT_NONE. Each is to be released
 * @retval LUAWAIT_NONE         there is nothing now
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer, no capacity, or a `struct_size` that is too small
 * @since 0.1
 */
luawait_status luawait_next_events(luawait_engine *engine, luawait_event *events, size_t capacity, size_t *count);

/**
 * Frees the texts of events. Each event once, in any order and grouping, on any thread, also after
 * luawait_engine_free().
 *
 * @param events as luawait_next_events() filled them; `owner` becomes NULL, and an event released again does nothing
 * @param count  how many; 0 does nothing
 * @since 0.1
 */
void luawait_release_events(luawait_event *events, size_t count);

/* ----------------------------------------------------------------------------------------------- Notification -- */

/**
 * Blocks until there is something for the calling thread to take, or the time is up: for a thread that has nothing else
 * to do. It is woken, it does not poll. With executor "host", scripts that are ready and deadlines that have come count
 * as something: call luawait_run().
 *
 * @param timeout_ms milliseconds; 0 does not block, negative waits without limit
 * @retval LUAWAIT_OK           there is something (unless another thread takes it first)
 * @retval LUAWAIT_NONE         the time is up
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL
 * @since 0.1
 */
luawait_status luawait_wait_any(luawait_engine *engine, int64_t timeout_ms);

/**
 * What is woken when one eval ends: what a future of the host's needs. The caller sets `struct_size`; the struct is
 * copied.
 */
typedef struct luawait_waker {
    uint32_t struct_size; /**< set by the caller */
    uint32_t reserved;
    void *data;               /**< given to both functions; borrowed until `drop` is called */
    void (*wake)(void *data); /**< called at most once, any thread, no lock held: poll the eval soon */
    luawait_drop drop;        /**< nullable; called exactly once, after `wake` or when it can no longer be called */
} luawait_waker;

/**
 * Sets, replaces or (with NULL) removes an eval's waker. It is woken once, when the eval ends; at once if it has ended
 * already. A waker that is replaced is dropped without being woken, unless the eval's end came first.
 *
 * @param waker nullable; copied
 * @retval LUAWAIT_ERR_NOT_FOUND no such eval, or its outcome has been taken; `drop` is not called
 * @retval LUAWAIT_ERR_ARGUMENT  `engine` or `wake` is NULL, or `struct_size` too small; `drop` is not called
 * @since 0.1
 */
luawait_status luawait_set_waker(luawait_engine *engine, uint64_t eval_id, const luawait_waker *waker);

/**
 * A descriptor that polls readable while there is something to take: a pending request, the outcome of an eval that is
 * not detached, output. With executor "host" also while scripts are ready to run, or a deadline has come: then call
 * luawait_run(). Level-triggered. Poll it for reading, never read, write or close it: the engine does. Being woken for
 * nothing is possible, being left asleep is not. The same descriptor every time; created by the first call.
 *
 * What is for the main thread alone shows on the main thread's own descriptor, which shows everything else, too: after
 * luawait_bind_main_thread() that thread gets another one than the others.
 *
 * @param fd out: the descriptor, owned by the engine, open until luawait_engine_free()
 * @retval LUAWAIT_ERR_ARGUMENT a NULL pointer
 * @retval LUAWAIT_ERR_SYSTEM   no descriptor could be created
 * @since 0.1
 */
luawait_status luawait_event_fd(luawait_engine *engine, int *fd);

/** Tells the host that there is something to take. Any thread, no lock held, nothing borrowed: schedule a drain. */
typedef void (*luawait_notifier)(void *user_data);

/**
 * Sets, replaces or (with NULL) removes the notifier: for hosts that are woken by a callback, not by a descriptor.
 *
 * It is called once when something becomes available after the host last found nothing, where "found nothing" is: all
 * was taken, luawait_get_pending_request() gave LUAWAIT_NONE, or luawait_poll() gave LUAWAIT_IN_PROGRESS. So a host
 * that drains after each call, until it finds nothing, misses nothing and is not called more often than it drains. If
 * something is there already, it is called before luawait_set_notifier() returns; but if a notifier sets it, after that
 * one's call has returned, and only for what that call could not tell: so a notifier may set itself again.
 *
 * @param fn        nullable
 * @param user_data given to `fn`; borrowed until `drop` is called
 * @param drop      nullable; called once when `fn` will not be called any more: after it was replaced or removed and
 *                  any call in progress has returned, or by luawait_engine_free()
 * @retval LUAWAIT_ERR_ARGUMENT `engine` is NULL; `drop` is not called
 * @since 0.1
 */
luawait_status luawait_set_notifier(luawait_engine *engine, luawait_notifier fn, void *user_data, luawait_drop drop);

#ifdef __cplusplus
}
#endif

#endif /* LUAWAIT_H */
