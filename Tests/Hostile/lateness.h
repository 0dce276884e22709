/* How long after its deadline or its cancel each script ended: measured and printed, never judged. */
#ifndef LUAWAIT_HOSTILE_LATENESS_H
#define LUAWAIT_HOSTILE_LATENESS_H

#include <stddef.h>
#include <stdint.h>

typedef struct lateness_sample {
    const char *name;
    int64_t ns;
} lateness_sample;

typedef struct lateness {
    lateness_sample *samples;
    size_t count;
} lateness;

void lateness_add(lateness *lateness, const char *name, int64_t ns);
/**
 * Prints two lines that begin with "# ": median, 99th percentile and maximum, and the five worst. After more than one round
 * it prints the same of each script's own median, which tells scripts that are late from a machine that was busy. Frees the
 * samples.
 */
void lateness_report(lateness *lateness, const char *executor, const char *what, int rounds);

#endif
