// Text that grows.
#ifndef LUAWAIT_BRIDGE_BUFFER_H
#define LUAWAIT_BRIDGE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

// Bytes that outlive a longjmp: they belong to the context, never to a C frame.
typedef struct lwb_buffer {
    char *bytes;
    size_t length, capacity;
} lwb_buffer;

// False when out of memory, which the caller turns into Lua's memory error where it may raise.
bool lwb_buffer_append(lwb_buffer *buffer, const char *bytes, size_t length);
void lwb_buffer_clear(lwb_buffer *buffer);
void lwb_buffer_free(lwb_buffer *buffer);

#endif
