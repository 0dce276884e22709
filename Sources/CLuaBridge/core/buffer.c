#include "core/buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool lwb_buffer_append(lwb_buffer *buffer, const char *bytes, size_t length) {
    // One byte more, always: the text is handed out with a NUL behind it.
    if (length >= SIZE_MAX / 2 - buffer->length) return false;
    size_t needed = buffer->length + length + 1;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity * 2 > needed ? buffer->capacity * 2 : needed;
        if (capacity < 64) capacity = 64;
        char *grown = realloc(buffer->bytes, capacity);
        if (grown == NULL) return false;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return true;
}

void lwb_buffer_clear(lwb_buffer *buffer) {
    buffer->length = 0;
    if (buffer->bytes != NULL) buffer->bytes[0] = '\0';
}

void lwb_buffer_free(lwb_buffer *buffer) {
    free(buffer->bytes);
    *buffer = (lwb_buffer){0};
}
