#ifndef LUAWAIT_TESTS_FAILING_MALLOC_H
#define LUAWAIT_TESTS_FAILING_MALLOC_H

#include <stdbool.h>

// From here on, on all threads, the n-th allocation of those that are meant fails, and so do the next ones: `in_a_row`
// in all, 0 for all further ones. False when the library is not there.
bool failing_malloc_arm(unsigned long n, int in_a_row);
// Gives how many have failed.
unsigned long failing_malloc_disarm(void);

#endif
