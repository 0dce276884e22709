// Standard output, written to without being held by whoever does not read it. Knows nothing of Lua.
#ifndef LUAWAIT_BRIDGE_STANDARD_OUTPUT_H
#define LUAWAIT_BRIDGE_STANDARD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

// What is left to write.
typedef struct lwb_line {
    const char *bytes;
    size_t left;
} lwb_line;

// Asked after each part, and each millisecond or so of waiting (`has_waited`): whether to give up for now. Lua may not
// be called in it.
typedef bool (*lwb_asked)(void *owner, bool has_waited);

// Writes a line, or what is left of it. One that nobody will ever take is dropped, as Lua's print does.
void lwb_write_standard_output(lwb_line *line, lwb_asked is_to_stop, void *owner);

#endif
