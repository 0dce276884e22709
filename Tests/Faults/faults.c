#include "faults.h"

#include <jansson.h>
#include <stdlib.h>

const char *const faults_mode_names[FAULTS_MODES] = {"one", "two", "all", "every"};

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
}

void faults_disarm(void) {
    armed--;
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
    case FAULTS_MODES: abort();
    }
    if (hit) failed++;
    return hit;
}

// The linker's names for what is wrapped.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t members, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) {
    if (fails()) return NULL;
    void *block = __real_malloc(size);
    if (block != NULL) live++;
    return block;
}

void *__wrap_calloc(size_t members, size_t size) {
    if (fails()) return NULL;
    void *block = __real_calloc(members, size);
    if (block != NULL) live++;
    return block;
}

void *__wrap_realloc(void *block, size_t size) {
    if (fails()) return NULL;
    void *moved = __real_realloc(block, size);
    if (moved != NULL && block == NULL) live++;
    return moved;
}

void __wrap_free(void *block) {
    if (block != NULL) live--;
    __real_free(block);
}

void faults_take_in_jansson(void) {
    json_set_alloc_funcs(malloc, free);
}
