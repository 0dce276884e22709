// What the bridge's files share. Nothing outside this target includes it.
#ifndef LUAWAIT_BRIDGE_INTERNAL_H
#define LUAWAIT_BRIDGE_INTERNAL_H

#include "CLuaBridge.h"

#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>

#ifdef __cplusplus
#error "the bridge is C, but for number_format.cpp, which needs none of this"
#endif

// Bytes that outlive a longjmp: they belong to the context, never to a C frame.
typedef struct lwb_buffer {
    char *bytes;
    size_t length, capacity;
} lwb_buffer;

// False when out of memory, which the caller turns into Lua's memory error where it may raise.
bool lwb_buffer_append(lwb_buffer *buffer, const char *bytes, size_t length);
void lwb_buffer_clear(lwb_buffer *buffer);
void lwb_buffer_free(lwb_buffer *buffer);

// Where the encoder is: one entry for each table it is inside of, so that an error can name the path.
typedef struct lwb_path_entry {
    const void *table; // for the search for cycles
    const char *key;   // NULL for an index
    size_t key_length;
    lua_Integer index;
} lwb_path_entry;

// Why the running coroutine yielded.
typedef enum lwb_yield {
    LWB_YIELD_SCRIPT, // the script's own coroutine.yield
    LWB_YIELD_PARK,   // a host call; travels through all resumers to lwb_eval_resume
    LWB_YIELD_SLICE,  // a time slice is over; travels the same way
} lwb_yield;

// One place a failure's text is kept: offsets into its `text`, because that may move as it grows.
typedef struct lwb_span {
    size_t start, length;
    bool present;
} lwb_span;

// What has been noted of an error. It belongs to the eval: one whose __close handlers wait on the host after its error lets
// the others of its context run, and fail, in between.
typedef struct lwb_note {
    int script_status; // how the script's call ended, when it failed
    bool noted;        // lwb_note_error has described an error: this one
    bool lost_message; // there was a message, but no memory to keep it
    int noted_type;
    const void *noted_value;
    lwb_buffer text;
    lwb_failure_type type;
    int line;
    lwb_span message, chunk, traceback, function, host_type, data;
} lwb_note;

struct lwb_eval {
    lwb_context *context;
    lwb_eval *previous, *next; // of the context's evals
    lua_State *coroutine;      // the script's main coroutine, kept alive by `reference`
    int reference;
    int globals; // reference to globals of its own; LUA_NOREF: the context's are its own
    lwb_note note;
    lwb_setup setup;   // its script is there until it has run for the first time; globals and arguments until then
    int compiled;      // how compiling the script went: Lua's status
    uint32_t function; // the host function it is parked at
    lwb_answer_kind answer_kind; // what the context's held value is, for the call it is parked at
    int64_t cpu_left_ns;         // INT64_MAX: no limit
    uint64_t calls_left;         // host calls; UINT64_MAX: no limit
    bool cpu_exceeded, has_begun;
    char *chunk_name; // NUL-terminated; behind this
};

// Where a script was when it was last seen to take memory.
typedef struct lwb_memory_place {
    const lwb_eval *eval; // whose place it is; NULL: nobody's
    int line;             // 0: nowhere
    char chunk[LUA_IDSIZE];
    bool in_deep_calls; // so many were nested that they are where the memory goes
} lwb_memory_place;

struct lwb_context {
    lua_State *main; // runs no script: protected calls that prepare, convert and describe
    lwb_options options;
    size_t memory_used;
    size_t memory_mark; // when more than this is used, it is noted where; never beyond the limit
    int evals_until_collection;
    size_t garbage_limit;     // when more than this is used, garbage is collected
    size_t refused;           // the size of the last request for more, if it was refused
    size_t coroutine_size;    // of the block in which Lua keeps one
    size_t c_stack_margin;    // how much of the C stack Lua may need until it comes to the bridge again
    uintptr_t c_stack_limit;  // of the thread inside: an address below which nothing is nested; 0: not known yet
    size_t coroutines;        // that Lua has not collected
    size_t eval_coroutines;   // those among them that are the main coroutine of an eval
    lua_CFunction raisers[2]; // Lua's error and assert
    bool memory_refused;      // since somebody last set this to false

    // Read by the signal handler, which runs on the thread that writes them: volatile is enough.
    lua_State *volatile running;     // the coroutine that executes now
    volatile sig_atomic_t orders;    // lwb_order bits not obeyed yet
    volatile sig_atomic_t condemned; // until the eval has been unwound: every instruction raises again
    sig_atomic_t signals_in_vain;    // that have found their hook set
    bool is_seeded;                  // the random numbers of its own globals
    bool can_travel;                 // whether a yield of `running` gets through all its resumers
    bool stop_described;             // where the script was when it was condemned has been noted
    lwb_yield yield;
    lwb_eval *current;    // the eval inside lwb_eval_resume
    lwb_stopper *stopper; // of the thread inside lwb_eval_resume
    locale_t host_locale; // that thread's, while the script is inside
    int64_t cpu_end_ns;   // of the thread's clock, when the eval's budget ends
    // In this stay orders are looked for by counting, as signals do not arrive: coroutines from other stays have no hook.
    bool counts_for_once;
    // Where orders are looked for by counting instructions: how much work that few of them do is left before a look.
    int64_t work_until_look;

    lwb_eval *evals; // those that have not been freed
    json_t *held;    // an answer on its way into Lua: here, because a longjmp may skip the frame that would release it
    lwb_buffer output;
    lwb_path_entry *path; // max_depth + 1 entries

    bool describing; // an error is being described, for which there is a reserve of memory
    bool beginning;  // likewise: an eval begins in a shared context
    // The hook is to note where the script is; and to collect garbage.
    bool memory_look_due, collection_due;
    lwb_memory_place memory_place;

    lwb_note note; // of the eval that runs, or has run last
};

// The context of any Lua state in it. Cannot raise: the extra space of a new thread is a copy of its main thread's.
static inline lwb_context *lwb_context_of(lua_State *L) {
    return (lwb_context *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}

// A coroutine that waits in the middle of a resume of its eval's: parked, sliced, or between two evals of a shared context.
// To scripts it is not suspended: one that has found it in a shared table must not resume or close it. Kept in the lowest bit
// of the extra space, because a context's address is even.
static inline void lwb_set_held_up(lua_State *L, bool held_up) {
    *(uintptr_t *)lua_getextraspace(L) = (uintptr_t)lwb_context_of(L) | held_up;
}

static inline bool lwb_is_held_up(lua_State *L) {
    return *(uintptr_t *)lua_getextraspace(L) & 1;
}

// ---- Everything below may raise, unless it says otherwise: only inside protected calls. ----

// memory.c: Lua's allocator, of a context. Does not raise.
void *lwb_allocate(void *context, void *block, size_t old_size, size_t new_size);
// What `lwb_context.coroutine_size` is; 0 when out of memory. Does not raise.
size_t lwb_coroutine_size(void);
// Called before a script makes a coroutine.
void lwb_admit_coroutine(lua_State *L);

// Whether what is left below the memory limit is less than there is in reserve to begin an eval. Does not raise.
bool lwb_is_nearly_full(const lwb_context *context);

// memory_place.c: where a script takes its memory, for the error that it has none left. Some of them may raise.
// Memory in use has grown beyond the mark: the next instruction is where.
void lwb_memory_has_grown(lwb_context *context, size_t used);
// Sets the mark anew, for less memory in use.
void lwb_set_memory_mark(lwb_context *context, size_t used);
// Does that for another limit.
void lwb_set_garbage_limit(lwb_context *context);
// An eval begins, in what others may have left. May raise.
void lwb_begin_to_use_memory(lua_State *L, lwb_context *context);
// What the hook does then. May raise.
void lwb_look_at_memory(lua_State *L, lwb_context *context);
// Notes where the script is. It reads the stack: not from the allocator.
void lwb_note_memory_place(lua_State *L, lwb_context *context);

// Raises Lua's own error for a lack of memory, which no script can tell from one that Lua has raised.
int lwb_raise_lack_of_memory(lua_State *L);
// Makes room for `count` values on the stack of `target`. False when they are too many; a lack of memory, which Lua does not
// tell from that, is raised in L.
bool lwb_reserve_stack(lua_State *L, lua_State *target, int count);
// As luaL_checkstack, but for a lack of memory. `message` may be NULL.
void lwb_check_stack(lua_State *L, int count, const char *message);

// lua_identity.c: what the next state that this thread makes takes for its hashes. Does not raise.
void lwb_set_lua_hash_seed(uint32_t seed);

// libraries.c: opens those that only trusted scripts get, behind the sandbox; lwb_library bits.
void lwb_open_libraries(lua_State *L, unsigned libraries);

// sandbox.c: opens the libraries, on a new state.
void lwb_open_sandbox(lua_State *L);
// Raises if the metatable of the value at 1 is protected.
void lwb_check_metatable(lua_State *L);
// Seeds the random numbers of the context's own `math`.
void lwb_seed_random(lua_State *L, uint64_t seed);
// Gives the copy of `math` at the top random numbers of its own.
void lwb_renew_random(lua_State *L, uint64_t seed);
void lwb_open_coroutine(lua_State *L); // coroutine_library.c: pushes the table
void lwb_open_json(lua_State *L);      // json_library.c: pushes the table
void lwb_open_table(lua_State *L);     // table_library.c
void lwb_open_utf8(lua_State *L);      // utf8_library.c
// string_library.c: sets its functions in the table at the top.
void lwb_add_string_functions(lua_State *L);
void lwb_bound_string_formats(lua_State *L); // bounded_formats.c: the same for `string`
void lwb_look_before_numbers(lua_State *L);  // and for the globals
void lwb_bound_date(lua_State *L);           // and for `os`
void lwb_add_base_functions(lua_State *L);   // base_library.c: the same
int lwb_print_line(lua_State *L);            // print.c: a function of Lua's
int lwb_next_pair(lua_State *L);             // the script's `next`
// The end of pcall and xpcall, with `below` values below the results.
int lwb_protected_call_done(lua_State *L, int status, lua_KContext below);
// json_library.c: pushes the metatable that marks arrays.
void lwb_push_array_mark(lua_State *L);

// shared_globals.c: a context whose evals have globals of their own, laid over what all of them see.
// Keeps a copy of what is there for them, on a new state, and gives all of them the members of `globals`; NULL: none.
void lwb_keep_prototype(lua_State *L, const json_t *globals);
// Pushes new globals of an eval's own.
void lwb_push_overlay(lua_State *L);
// Pushes the globals of the eval that runs.
void lwb_push_globals(lua_State *L, const lwb_eval *eval);

// eval.c
// Lets go of the globals and arguments that the eval still has as JSON. Does not raise.
void lwb_forget_input(lwb_eval *eval);
// Sets the members of an object as globals, in the table that is at the top.
void lwb_set_globals_at_top(lua_State *L, const json_t *globals, bool keep_nulls);

// string_find.c: puts the bridge's find, match, gmatch and gsub into the table at the top.
void lwb_replace_patterns(lua_State *L);

// host_call.c
void lwb_define_functions(lua_State *L, const lwb_function *functions, size_t count);
// Pushes `context->held` as a value and releases it.
void lwb_push_held(lua_State *L, lwb_context *context);

// json_decode.c
void lwb_push_json(lua_State *L, const json_t *value, bool keep_nulls);

// json_encode.c: appends the value at `index` to the context's output. `root` names it in errors, `function` is the host
// function the value goes to (NULL for the script's own result).
void lwb_encode(lua_State *L, lwb_context *context, int index, const char *root, const char *function);
// Appends the values from 1 to the top as an array: root[1], root[2] …
void lwb_encode_all(lua_State *L, lwb_context *context, const char *root, const char *function);
void lwb_append(lua_State *L, lwb_context *context, const char *bytes, size_t length, const char *function);
bool lwb_is_utf8(const char *bytes, size_t length); // utf8.c; does not raise

// error_object.c: the table a script sees for a failed host call.
#define LWB_ERROR_METATABLE "luawait.error"
void lwb_open_error_object(lua_State *L);
// Takes the message from the top of the stack, leaves the error object there.
void lwb_push_error_object(lua_State *L, const char *type, const char *function);
int lwb_raise_error(lua_State *L, const char *type, const char *function, const char *format, ...);

// failure.c
// Keeps which functions raise what the script wants, on a new state.
void lwb_note_raisers(lua_State *L);
// The script's message handler: describes the error where it was raised, with the stack still there.
int lwb_note_error(lua_State *L);
// Describes the error that is alone on the main state's stack, and takes it from there. `status` is that of the call that
// failed. Does not raise.
void lwb_describe(lwb_context *context, int status);
void lwb_clear_failure(lwb_context *context); // does not raise
void lwb_note_stop(lua_State *L, lwb_context *context);
// memory.c: collects garbage if a string of this size would meet the memory limit, and notes the place if that does not
// help. Lua collects by itself but for the boxes of luaL_Buffer, for which it asks the allocator alone. To be called
// before they grow, where a collection may be.
void lwb_make_room(lua_State *L, size_t size);
// Turns the end of a budget of processor time into a stop. It asks the system for the time.
void lwb_check_budget(lwb_context *context);
// Sets a failure that needs no Lua. Does not raise.
void lwb_set_failure(lwb_context *context, lwb_failure_type type, const char *message);

// preemption.c
// Sets the hook that orders need, if they need one, or that this stay needs, on the coroutine that runs. Does not raise.
void lwb_hook_running(lwb_context *context);
int lwb_raise_stop(lua_State *L, lwb_context *context);
// Has the hook call lwb_look_at_memory() at the next instruction. Does not raise.
void lwb_look_at_memory_soon(lwb_context *context);

// A look where nothing can be raised and no yield is possible, an allocation, say: what there is to obey, the hook does at
// the next instruction. Only where orders are looked for by counting. Does not raise.
void lwb_look_in_passing(lwb_context *context);

// In bytes, what an instruction copies or hashes is about as long as what it allocates for it: some tens of microseconds.
enum {
    LWB_WORK_BETWEEN_LOOKS = 256 * 1024,
    LWB_WORK_OF_A_SWITCH = LWB_WORK_BETWEEN_LOOKS / 64,
    LWB_WORK_OF_A_STEP = LWB_WORK_BETWEEN_LOOKS / 16, // through a table
    // Lua visits all frames of the stack, of which there may be a hundred thousand, for each error that is caught.
    LWB_WORK_OF_A_CAUGHT_ERROR = LWB_WORK_BETWEEN_LOOKS / 4,
};

// Notes work that takes long for the few instructions it is. Does not raise.
static inline void lwb_do_work(lwb_context *context, size_t work) {
    if ((context->work_until_look -= (int64_t)work) < 0) lwb_look_in_passing(context);
}

// Both of these are done at each switch between coroutines, most often in vain.
// Publishes which coroutine executes, and passes on orders that came meanwhile. Does not raise.
static inline void lwb_set_running(lwb_context *context, lua_State *L) {
    context->running = L;
    // A handler that ran before this line has set its hook on the coroutine that ran before; one that runs after sees L.
    bool needs = context->condemned || context->orders || context->counts_for_once || context->memory_look_due;
    if (needs) lwb_hook_running(context);
    // Each coroutine counts its own instructions: those that never come to a count would not look in all their lives.
    lwb_do_work(context, LWB_WORK_OF_A_SWITCH);
}

// Obeys orders that came while the script was in C. Raises when condemned.
static inline void lwb_check_stop(lua_State *L, lwb_context *context) {
    if (context->condemned) lwb_raise_stop(L, context);
}

// Neither raises. The second is what the signal handler calls: it is async-signal-safe.
void lwb_obey(lwb_context *context, int orders);
void lwb_obey_signal(lwb_context *context, int orders);
enum { LWB_SIGNALS_IN_VAIN = 8 }; // so many find a hook set before it is set anew
void lwb_hook_counting(lua_State *L, const lwb_stopper *stopper);
// What a look for orders does, in the hook and in loops in C: takes in those that are counted, and condemns an eval that
// is told to yield when its processor time is over. Does not raise.
void lwb_take_in_orders(lwb_context *context);
// The slice's end has been obeyed, or cannot be here. Does not raise.
void lwb_forget_slice(lua_State *L, lwb_context *context);

// interrupt.c: for library functions that may loop for long in C. One is begun where the function begins or goes on.
typedef struct lwb_interrupt {
    lua_State *L; // that runs the function
    int steps;    // until the next look
} lwb_interrupt;

// A step is some nanoseconds' work; a look costs about a step, but where orders are counted it reads a clock. Tests make it
// small, to have looks everywhere.
#ifndef LWB_STEPS_BETWEEN_LOOKS
#define LWB_STEPS_BETWEEN_LOOKS 1000
#endif

void lwb_interrupt_look(lwb_interrupt *interrupt);
bool lwb_interrupt_look_for_slice(lwb_interrupt *interrupt);

static inline lwb_interrupt lwb_interrupt_begin(lua_State *L) {
    return (lwb_interrupt){L, LWB_STEPS_BETWEEN_LOOKS};
}

// For a function that cannot go on after a yield: raises when the eval is condemned, and leaves the end of a slice for
// later. `cost` is in steps, at most INT_MAX - LWB_STEPS_BETWEEN_LOOKS.
static inline void lwb_checkpoint(lwb_interrupt *interrupt, int cost) {
    if ((interrupt->steps -= cost) <= 0) lwb_interrupt_look(interrupt);
}

// For a function that can: the same, and true when the slice is over and can be ended here. The function then keeps what
// it needs on its Lua stack and returns lwb_end_slice(...).
static inline bool lwb_slice_is_due(lwb_interrupt *interrupt, int cost) {
    return (interrupt->steps -= cost) <= 0 && lwb_interrupt_look_for_slice(interrupt);
}

// Ends the slice: yields all the way out, with the Lua stack as it is. `go_on` is called with the same stack when the eval
// has its next turn, and returns the function's results.
int lwb_end_slice(lua_State *L, lua_KContext extra, lua_KFunction go_on);

// stay.c; none of them raises.
// A stay of the context's eval on this thread begins, ends.
void lwb_begin_stay(lwb_context *context);
void lwb_end_stay(lwb_context *context);
// Around a call of the host's inside a stay.
void lwb_step_out(lwb_context *context);
void lwb_step_in(lwb_context *context);
// Where Lua works outside of stays. Gives the locale that the calling thread had.
locale_t lwb_use_c_locale(void);
void lwb_use_locale(locale_t locale);

// stopper.c; none of them raises.
void lwb_stopper_enter(lwb_stopper *stopper, lwb_context *context);
void lwb_stopper_leave(lwb_stopper *stopper);
void lwb_stopper_pause(lwb_stopper *stopper);
void lwb_stopper_resume(lwb_stopper *stopper);
// Whether orders are looked for by counting in this run; and whether that is so because signals do not arrive.
bool lwb_stopper_counts(const lwb_stopper *stopper);
bool lwb_stopper_counts_for_once(const lwb_stopper *stopper);
// How many instructions pass between two looks for orders.
int lwb_stopper_interval(const lwb_stopper *stopper);
bool lwb_stopper_slices_by_instructions(const lwb_stopper *stopper);
// Takes the orders that no signal brings. Where they are looked for by counting, looks at the clock, too, for the ends of
// slice and run.
int lwb_stopper_look(lwb_stopper *stopper);
int64_t lwb_stopper_cpu_mark(const lwb_stopper *stopper);
int64_t lwb_thread_cpu_ns(void);

// number_format.cpp; none of them raises. `buffer` has room for LWB_NUMBER_ROOM bytes; returns the length.
#define LWB_NUMBER_ROOM 40
size_t lwb_format_double(char *buffer, double value);
size_t lwb_format_integer(char *buffer, long long value);

#endif
