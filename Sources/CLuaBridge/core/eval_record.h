// What the bridge keeps of an eval, one run of one script.
#ifndef LUAWAIT_BRIDGE_EVAL_RECORD_H
#define LUAWAIT_BRIDGE_EVAL_RECORD_H

#include "CLuaBridge.h"
#include "core/failure.h"

#include <lua.h>

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

// Pushes the globals of the eval.
void lwb_push_globals(lua_State *L, const lwb_eval *eval);
// Lets go of the globals and arguments that the eval still has as JSON. Does not raise.
void lwb_forget_input(lwb_eval *eval);

#endif
