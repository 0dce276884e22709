/*
 * What the fuzz targets share. A target reads its input, does something with it that must go well whatever the input
 * is, and aborts where it did not: the fuzzer, or who replays the input, sees the crash.
 */
#ifndef LUAWAIT_FUZZ_H
#define LUAWAIT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, saying what does not hold, and more about it by a format of printf's. */
#define FUZZ_REQUIRE(condition, ...)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            fprintf(stderr, "  " __VA_ARGS__);                                                                         \
            fprintf(stderr, "\n");                                                                                     \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
