// Lua's allocator.
#ifndef LUAWAIT_BRIDGE_MEMORY_H
#define LUAWAIT_BRIDGE_MEMORY_H

#include "CLuaBridge.h"

#include <stdbool.h>
#include <stddef.h>

// Of a context. Does not raise.
void *lwb_allocate(void *context, void *block, size_t old_size, size_t new_size);
// Whether what is left below the memory limit is less than there is in reserve to begin an eval. Does not raise.
bool lwb_is_nearly_full(const lwb_context *context);

#endif
