// UTF-8.
#ifndef LUAWAIT_BRIDGE_UTF8_H
#define LUAWAIT_BRIDGE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Does not raise.
bool lwb_is_utf8(const char *bytes, size_t length);

#endif
