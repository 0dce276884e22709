/* The pages of a block come from one large reservation and are never used twice, so that a pointer to a freed block hits
   an inaccessible page however late it is used. */
#define _GNU_SOURCE
#include "guard_allocator.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESERVED ((size_t)1 << 36)
#define CANARY 0xA5

static struct {
    char *next, *end;
    size_t page;
    unsigned refuse_in, refuse_times;
    bool exhausted;
} guard;

/* Addresses that have been mapped anew merge with their neighbours; a process has only so many mappings. */
static void *map_inaccessible(void *where, size_t length) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (where != NULL ? MAP_FIXED : 0);
    void *memory = mmap(where, length, PROT_NONE, flags, -1, 0);
    if (memory == MAP_FAILED) {
        guard.exhausted = true;
        return NULL;
    }
    return memory;
}

bool guard_reserve(void) {
    guard.page = (size_t)sysconf(_SC_PAGESIZE);
    guard.next = map_inaccessible(NULL, RESERVED);
    if (guard.next == NULL) {
        return false;
    }
    guard.end = guard.next + RESERVED;
    return true;
}

void guard_refuse(unsigned nth, unsigned times) {
    guard.refuse_in = nth;
    guard.refuse_times = times;
}

bool guard_is_exhausted(void) {
    return guard.exhausted;
}

static size_t pages_of(size_t size) {
    return (size + guard.page - 1) & ~(guard.page - 1);
}

/* What a block needs by its size: objects of Lua are aligned to 8 bytes, vectors of smaller elements end at the byte. */
static size_t alignment_of(size_t size, bool is_vector) {
    size_t lowest_bit = size & (~size + 1);
    return is_vector && lowest_bit < 8 ? lowest_bit : 8;
}

static bool is_refused(void) {
    if (guard.refuse_in == 0 || --guard.refuse_in > 0) {
        return false;
    }
    guard.refuse_in = --guard.refuse_times > 0 ? 1 : 0;
    return true;
}

static char *new_block(size_t size, bool is_vector) {
    size_t length = pages_of(size);
    if (length + guard.page > (size_t)(guard.end - guard.next) ||
        mprotect(guard.next, length, PROT_READ | PROT_WRITE) != 0) {
        guard.exhausted = true;
        return NULL;
    }
    char *first = guard.next;
    guard.next += length + guard.page;
    size_t alignment = alignment_of(size, is_vector);
    char *block = first + ((length - size) & ~(alignment - 1));
    memset(block + size, CANARY, (size_t)(first + length - (block + size)));
    return block;
}

/* Touches the block, so that freeing one twice ends here, too. */
static void free_block(char *block, size_t size) {
    char *first = (char *)((uintptr_t)block & ~(uintptr_t)(guard.page - 1));
    size_t length = pages_of(size);
    for (char *behind = block + size; behind < first + length; behind++) {
        if (*(volatile unsigned char *)behind != CANARY) {
            abort();
        }
    }
    *(volatile char *)block = 0;
    map_inaccessible(first, length);
}

void *guard_allocate(void *unused, void *block, size_t old_size, size_t size) {
    (void)unused;
    if (size == 0) {
        if (block != NULL) {
            free_block(block, old_size);
        }
        return NULL;
    }
    if ((block == NULL || size > old_size) && is_refused()) {
        return NULL;
    }
    /* For a new block `old_size` is the type of an object, and 0 for a vector. Those that move are vectors. */
    char *moved = new_block(size, block != NULL || old_size == 0);
    if (moved != NULL && block != NULL) {
        memcpy(moved, block, old_size < size ? old_size : size);
        free_block(block, old_size);
    }
    return moved;
}
