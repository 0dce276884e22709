// What the bridge keeps of one Lua world, and how a Lua state leads to it.
//
// In all headers of the bridge, unless they say otherwise: what is given a lua_State may raise, and is called inside
// protected calls only; what is given none does not raise.
#ifndef LUAWAIT_BRIDGE_CONTEXT_RECORD_H
#define LUAWAIT_BRIDGE_CONTEXT_RECORD_H

#include "CLuaBridge.h"
#include "core/buffer.h"
#include "core/failure.h"
#include "core/memory_place.h"

#include <locale.h>
#include <lua.h>
#include <signal.h>

// Why the running coroutine yielded.
typedef enum lwb_yield {
    LWB_YIELD_SCRIPT, // the script's own coroutine.yield
    LWB_YIELD_PARK,   // a host call; travels through all resumers to lwb_eval_resume
    LWB_YIELD_SLICE,  // a time slice is over; travels the same way
} lwb_yield;

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
    // In this stay orders are looked for by counting, as signals do not arrive: coroutines from other stays have no
    // hook.
    bool counts_for_once;
    // Where orders are looked for by counting instructions: how much work that few of them do is left before a look.
    int64_t work_until_look;

    lwb_eval *evals; // those that have not been freed
    json_t *held;    // an answer on its way into Lua: here, because a longjmp may skip the frame that would release it
    lwb_buffer output;
    struct lwb_path_entry *path; // max_depth + 1 entries

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

// A coroutine that waits in the middle of a resume of its eval's: parked, sliced, or between two evals of a shared
// context. To scripts it is not suspended: one that has found it in a shared table must not resume or close it. Kept in
// the lowest bit of the extra space, because a context's address is even.
static inline void lwb_set_held_up(lua_State *L, bool held_up) {
    *(uintptr_t *)lua_getextraspace(L) = (uintptr_t)lwb_context_of(L) | held_up;
}

static inline bool lwb_is_held_up(lua_State *L) {
    return *(uintptr_t *)lua_getextraspace(L) & 1;
}

#endif
