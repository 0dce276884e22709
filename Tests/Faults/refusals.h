// Which of Lua's allocations are refused, in programs that are linked with --wrap=lwb_allocate (refusals.c).
#ifndef LUAWAIT_TESTS_REFUSALS_H
#define LUAWAIT_TESTS_REFUSALS_H

#include <stddef.h>
#include <stdint.h>

// Between these two each request for more memory is refused at first, and granted when Lua asks again: the next `most`
// ones, or all of them.
#define REFUSALS_ALL SIZE_MAX
void refusals_begin(size_t most);
void refusals_end(void);

// The most that a context has used since it was forgotten.
size_t refusals_most_used(void);
void refusals_forget_most_used(void);

#endif
