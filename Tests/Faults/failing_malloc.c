// Preloaded into abi_faults, or linked into it: an allocator some of whose allocations fail, by plan.
//
// Which callers it fails is told by their return address: those in libjansson, whose values are what comes from
// outside; and the functions of the bridge that allocate, one of them for Lua. Where these are in libluawait,
// scripts/test-faults.sh has looked up: FAILING_MALLOC_RANGES holds their offsets and sizes in hexadecimal. Swift's own
// callers are let alone: without memory Swift ends the process.
#define _GNU_SOURCE
#include "failing_malloc.h"

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Who allocates what does not fail: glibc's own, which are exported for such as this, or those of a sanitizer.
#ifndef BELOW
#define BELOW(name) __libc_##name
#endif
void *BELOW(malloc)(size_t size);
void *BELOW(calloc)(size_t count, size_t size);
void *BELOW(realloc)(void *block, size_t size);

typedef struct range {
    uintptr_t begin, end;
} range;

enum { MOST_RANGES = 16 };
static range meant[MOST_RANGES]; // the first is jansson's
static int meant_count;
static atomic_bool armed;
static atomic_ulong count, chosen, failed;
static atomic_int how_many;

static void note_bridge(uintptr_t base) {
    const char *text = getenv("FAILING_MALLOC_RANGES");
    char *end;
    while (text != NULL && *text != '\0' && meant_count < MOST_RANGES) {
        uintptr_t begin = base + strtoul(text, &end, 16);
        meant[meant_count++] = (range){begin, begin + strtoul(end, &end, 16)};
        text = end + strspn(end, " ");
    }
}

static int note_library(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    (void)data;
    if (strstr(info->dlpi_name, "libluawait") != NULL) note_bridge(info->dlpi_addr);
    if (strstr(info->dlpi_name, "libjansson") == NULL) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        meant[0] = (range){begin, begin + part->p_memsz};
    }
    return 0;
}

bool failing_malloc_arm(unsigned long n, int in_a_row) {
    if (meant_count == 0) {
        meant_count = 1;
        dl_iterate_phdr(note_library, NULL);
    }
    atomic_store(&count, 0);
    atomic_store(&failed, 0);
    atomic_store(&chosen, n);
    atomic_store(&how_many, in_a_row);
    atomic_store(&armed, true);
    return meant[0].begin != 0 && meant_count > 1;
}

unsigned long failing_malloc_disarm(void) {
    atomic_store(&armed, false);
    return atomic_load(&failed);
}

static bool is_meant(uintptr_t caller) {
    for (int i = 0; i < meant_count; i++) {
        if (caller >= meant[i].begin && caller < meant[i].end) return true;
    }
    return false;
}

static bool fails(const void *caller) {
    if (!atomic_load(&armed) || !is_meant((uintptr_t)caller)) return false;
    unsigned long number = atomic_fetch_add(&count, 1) + 1, first = atomic_load(&chosen);
    int row = atomic_load(&how_many);
    if (number < first || (row != 0 && number >= first + (unsigned long)row)) return false;
    atomic_fetch_add(&failed, 1);
    return true;
}

void *malloc(size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : BELOW(malloc)(size);
}

void *calloc(size_t members, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : BELOW(calloc)(members, size);
}

void *realloc(void *block, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : BELOW(realloc)(block, size);
}
