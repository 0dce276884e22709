// The shortest text that reads back to the same number. Nothing here raises.
#ifndef LUAWAIT_BRIDGE_NUMBER_FORMAT_H
#define LUAWAIT_BRIDGE_NUMBER_FORMAT_H

#include <stddef.h>

// `buffer` has room for LWB_NUMBER_ROOM bytes; returns the length.
#define LWB_NUMBER_ROOM 40
size_t lwb_format_double(char *buffer, double value);
size_t lwb_format_integer(char *buffer, long long value);

#endif
