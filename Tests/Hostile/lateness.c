#include "lateness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lateness_add(lateness *lateness, const char *name, int64_t ns) {
    lateness->samples = realloc(lateness->samples, (lateness->count + 1) * sizeof *lateness->samples);
    if (lateness->samples == NULL) abort();
    lateness->samples[lateness->count++] = (lateness_sample){name, ns};
}

static int by_length(const void *left, const void *right) {
    int64_t a = ((const lateness_sample *)left)->ns, b = ((const lateness_sample *)right)->ns;
    return a < b ? -1 : a > b;
}

static int by_name_and_length(const void *left, const void *right) {
    int names = strcmp(((const lateness_sample *)left)->name, ((const lateness_sample *)right)->name);
    return names != 0 ? names : by_length(left, right);
}

/* Leaves one sample of each script: the median of its own. */
static void keep_medians(lateness *lateness) {
    qsort(lateness->samples, lateness->count, sizeof *lateness->samples, by_name_and_length);
    size_t kept = 0;
    for (size_t begin = 0, end; begin < lateness->count; begin = end) {
        for (end = begin + 1; end < lateness->count; end++)
            if (strcmp(lateness->samples[end].name, lateness->samples[begin].name) != 0) break;
        lateness->samples[kept++] = lateness->samples[begin + (end - begin) / 2];
    }
    lateness->count = kept;
}

static double milliseconds(const lateness *of, size_t index) {
    return (double)of->samples[index].ns / 1e6;
}

static void print(lateness *lateness, const char *executor, const char *what, const char *of) {
    size_t count = lateness->count;
    qsort(lateness->samples, count, sizeof *lateness->samples, by_length);
    printf("# %s, %s: median %.2f ms, p99 %.2f ms, maximum %.2f ms (%zu %s)\n", executor, what,
           milliseconds(lateness, count / 2), milliseconds(lateness, (count - 1) * 99 / 100),
           milliseconds(lateness, count - 1), count, of);
    printf("#   worst:");
    for (size_t i = count; i > 0 && i + 5 > count; i--)
        printf(" %s %.2f", lateness->samples[i - 1].name, milliseconds(lateness, i - 1));
    printf("\n");
    fflush(stdout);
}

void lateness_report(lateness *lateness, const char *executor, const char *what, int rounds) {
    if (lateness->count > 0) {
        print(lateness, executor, what, "stops");
        if (rounds > 1) {
            keep_medians(lateness);
            print(lateness, executor, what, "scripts, each by its median");
        }
    }
    free(lateness->samples);
    *lateness = (struct lateness){0};
}
