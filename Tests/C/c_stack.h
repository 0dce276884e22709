/* Stacks of any size, and scripts that nest calls through C in every way there is. */
#ifndef LUAWAIT_TESTS_C_STACK_H
#define LUAWAIT_TESTS_C_STACK_H

#include "harness.h"

/** Runs a body on a thread of its own with a stack of so many bytes, and waits for it. */
void on_thread(size_t stack_size, void (*body)(void *), void *data);

/** Runs a body on a fiber: a stack that the thread which runs it knows nothing of, with a guard page below. */
void on_fiber(size_t stack_size, void (*body)(void *), void *data);

/** The ways to nest, by name. */
size_t way_count(void);
const char *way_name(size_t way);

/**
 * A script that nests in these ways, one inside the other and over again, until something ends that. Its value is what
 * it caught, as text, and how deep it came: ["C stack overflow", 190]. free() it.
 */
char *nesting_script(const size_t *ways, size_t count);

#endif
