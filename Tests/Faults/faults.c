#include "faults.h"

#include "refusals.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const faults_mode_names[FAULTS_MODES] = {"one", "two", "all", "every", "collect"};

static faults_mode mode;
static unsigned long chosen, count, failed;
static long live;
static int armed;

void faults_plan(faults_mode new_mode, unsigned long n) {
    mode = new_mode;
    chosen = n;
    count = failed = 0;
}

void faults_arm(void) {
    armed++;
    if (armed > 0 && mode == FAULTS_COLLECT) refusals_begin(REFUSALS_ALL);
}

void faults_disarm(void) {
    armed--;
    if (armed <= 0) refusals_end();
}

void faults_end(void) {
    chosen = 0;
}

unsigned long faults_failed(void) {
    return failed;
}

long faults_live(void) {
    return live;
}

static bool fails(void) {
    if (armed <= 0 || chosen == 0) return false;
    count++;
    bool hit = false;
    switch (mode) {
    case FAULTS_ONE: hit = count == chosen; break;
    case FAULTS_TWO: hit = count == chosen || count == chosen + 1; break;
    case FAULTS_ALL: hit = count >= chosen; break;
    case FAULTS_EVERY: hit = count % chosen == 0; break;
    case FAULTS_COLLECT: break;
    case FAULTS_MODES: abort();
    }
    if (hit) failed++;
    return hit;
}

// ---- Guarded blocks ------------------------------------------------------------------------------------------------
//
// Lua itself is not instrumented: a sanitizer does not see what it writes behind the end of a block, when one pushes
// values for which there is no room on its stack, say. So each block has a guard behind it, which is looked at when the
// block goes.

enum { GUARD_BYTES = 512, GUARD = 0xA5 };

typedef struct header {
    size_t size;
    size_t unused; // keeps what follows aligned for anything
} header;

// The linker's names for what is wrapped.
void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t members, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static void *make_guarded(size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    header *made = __real_malloc(sizeof *made + size + GUARD_BYTES);
    if (made == NULL) return NULL;
    made->size = size;
    memset((char *)(made + 1) + size, GUARD, GUARD_BYTES);
    live++;
    return made + 1;
}

static size_t size_of(const void *block) {
    return ((const header *)block - 1)->size;
}

static void free_guarded(void *block) {
    if (block == NULL) return;
    size_t size = size_of(block);
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (((unsigned char *)block)[size + i] == GUARD) continue;
        fprintf(stderr, "a block of %zu bytes has been written to %zu bytes behind its end\n", size, i);
        abort();
    }
    live--;
    __real_free((header *)block - 1);
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : make_guarded(size);
}

void *__wrap_calloc(size_t members, size_t size) {
    if (fails() || (size != 0 && members > SIZE_MAX / size)) return NULL;
    void *block = make_guarded(members * size);
    return block == NULL ? NULL : memset(block, 0, members * size);
}

void *__wrap_realloc(void *block, size_t size) {
    void *moved = fails() ? NULL : make_guarded(size);
    if (moved == NULL || block == NULL) return moved;
    size_t kept = size_of(block);
    memcpy(moved, block, kept < size ? kept : size);
    free_guarded(block);
    return moved;
}

void __wrap_free(void *block) {
    free_guarded(block);
}

void faults_take_in_jansson(void) {
    json_set_alloc_funcs(malloc, free);
}
