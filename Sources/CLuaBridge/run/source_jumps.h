// Counting the jumps in a source, before Lua compiles it.
#ifndef LUAWAIT_BRIDGE_SOURCE_JUMPS_H
#define LUAWAIT_BRIDGE_SOURCE_JUMPS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LWB_NESTED_FUNCTIONS = 200 }; // LUAI_MAXCCALLS, which the compiler counts its nesting by

typedef struct lwb_function_jumps {
    uint32_t blocks;
    uint16_t exits, branches; // no more than are allowed
} lwb_function_jumps;

// What has been read of a source, and where in it we are.
typedef struct lwb_jumps {
    int line;                 // from 1
    uint32_t blocks;          // that are open, without functions
    uint16_t exits, branches; // of the innermost function
    size_t level, closing;    // '=' of a long bracket
    size_t functions;         // that are open
    size_t word_length;
    char word[9];
    char quote;
    bool is_comment; // the bracket that opens
    unsigned char state;
    lwb_function_jumps outer[LWB_NESTED_FUNCTIONS];
} lwb_jumps;

void lwb_begin_counting_jumps(lwb_jumps *jumps);
// Counts those in the next piece of a source. False when they are too many for a function. Does not raise.
bool lwb_count_jumps(lwb_jumps *jumps, const char *bytes, size_t length);
// Raises the error to give then: a text with the place, as Lua's compiler makes it.
int lwb_raise_too_many_jumps(lua_State *L, const lwb_jumps *jumps, const char *chunk_name);

#endif
