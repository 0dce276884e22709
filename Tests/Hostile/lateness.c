#include "lateness.h"

#include <stdio.h>
#include <stdlib.h>

void lateness_add(lateness *lateness, const char *name, int64_t ns) {
    lateness->samples = realloc(lateness->samples, (lateness->count + 1) * sizeof *lateness->samples);
    if (lateness->samples == NULL) abort();
    lateness->samples[lateness->count++] = (lateness_sample){name, ns};
}

static int by_length(const void *left, const void *right) {
    int64_t a = ((const lateness_sample *)left)->ns, b = ((const lateness_sample *)right)->ns;
    return a < b ? -1 : a > b;
}

static double milliseconds(const lateness *of, size_t index) {
    return (double)of->samples[index].ns / 1e6;
}

void lateness_report(lateness *lateness, const char *executor, const char *what) {
    size_t count = lateness->count;
    if (count > 0) {
        qsort(lateness->samples, count, sizeof *lateness->samples, by_length);
        printf("# %s, %s: median %.2f ms, p99 %.2f ms, maximum %.2f ms (%zu scripts)\n", executor, what,
               milliseconds(lateness, count / 2), milliseconds(lateness, (count - 1) * 99 / 100),
               milliseconds(lateness, count - 1), count);
        printf("#   worst:");
        for (size_t i = count; i > 0 && i + 5 > count; i--)
            printf(" %s %.2f", lateness->samples[i - 1].name, milliseconds(lateness, i - 1));
        printf("\n");
        fflush(stdout);
    }
    free(lateness->samples);
    *lateness = (struct lateness){0};
}
