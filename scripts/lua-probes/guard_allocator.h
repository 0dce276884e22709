/* An allocator for a Lua state in which every use of memory that is not the state's ends the process by a signal. */
#ifndef GUARD_ALLOCATOR_H
#define GUARD_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* Reserves the addresses from which all blocks come; false when the system refuses them. */
bool guard_reserve(void);

/* A lua_Alloc. Each block has pages of its own, ends where they end, and is followed by a page that cannot be accessed.
   A block that is resized always moves, and a freed one can never be accessed again. */
void *guard_allocate(void *unused, void *block, size_t old_size, size_t size);

/* Refuses the nth growing allocation from now, as often in a row as `times` says. Lua answers the first refusal with an
   emergency collection and asks again; after a second one it raises "not enough memory". */
void guard_refuse(unsigned nth, unsigned times);

/* Whether an allocation has failed that nobody asked to refuse: then a probe's verdict is worth nothing. */
bool guard_is_exhausted(void);

#endif
