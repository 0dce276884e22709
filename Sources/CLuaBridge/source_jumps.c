// How many jumps a source has. Lua compiles each in time that grows with the number of those it has not resolved yet: a
// megabyte of gotos to one label at the end takes seconds, sixteen take the better part of an hour, and nothing can stop the
// compiler in between. So their number is bounded, before it sees them.
#include "internal.h"

// Ten thousand gotos to one label take some tens of milliseconds; scripts that people write have hundreds.
enum { MOST_JUMPS = 10000 };

// Counts in texts and comments, too: knowing better would take a lexer.
bool lwb_count_jumps(lwb_jumps *jumps, const char *bytes, size_t length) {
    uint64_t window = jumps->window; // the last eight bytes, so that a word may lie across two pieces
    for (size_t i = 0; i < length; i++) {
        window = window << 8 | (unsigned char)bytes[i];
        bool is_jump = (window & 0xffff) == 0x3a3a                      // :: on either side of a label
                       || (window & 0xffffffff) == 0x676f746f           // goto
                       || (window & 0xffffffffff) == 0x627265616b       // break
                       || (window & 0xffffffffffff) == 0x656c73656966u; // elseif
        jumps->count += is_jump;
    }
    jumps->window = window;
    return jumps->count <= MOST_JUMPS;
}

void lwb_push_too_many_jumps(lua_State *L, const char *chunk_name) {
    lua_pushfstring(L, "%s: too many jumps (limit is %d goto, break, elseif and :: in a chunk)", chunk_name,
                    MOST_JUMPS);
}
