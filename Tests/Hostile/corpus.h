/*
 * The hostile scripts: files of Lua with many scripts each, in a folder for each kind. A line begins a script:
 *
 *     --# name -> cpu, memory; host never; shared
 *
 * says its name, how it may end (`value` or the type of an error), and how it is run:
 *
 *   host echo|error|never   how its requests are answered: by their first argument (without this word), by an error, not
 *   shared                  in a named context with the context's globals, beside or after others; not run in a private one
 *   fills                   leaves the shared context full, by right: nothing runs in it afterwards
 *   repeat N                what is between << and >> in it stands there so many times
 *   after NAME              NAME is started before it, in the same context, and is still there while it runs
 */
#ifndef LUAWAIT_HOSTILE_CORPUS_H
#define LUAWAIT_HOSTILE_CORPUS_H

#include <stdbool.h>
#include <stddef.h>

/** How an eval may end. */
enum {
    ENDS_VALUE = 1 << 0,
    ENDS_SYNTAX = 1 << 1,
    ENDS_RUNTIME = 1 << 2,
    ENDS_HOST = 1 << 3,
    ENDS_TIMEOUT = 1 << 4,
    ENDS_CPU = 1 << 5,
    ENDS_MEMORY = 1 << 6,
    ENDS_CONVERSION = 1 << 7,
    ENDS_LIMIT = 1 << 8,
    ENDS_CANCELLED = 1 << 9
};

typedef enum host_manner { HOST_ECHOES, HOST_FAILS, HOST_NEVER_ANSWERS } host_manner;

typedef struct script {
    char *name, *kind, *code;
    size_t length;
    unsigned allowed;
    host_manner host;
    bool is_shared, fills;
    size_t repeat;
    char *after; /* NULL: nobody */
} script;

typedef struct corpus {
    script *scripts;
    size_t count;
    char *canary; /* what must work after each of them */
} corpus;

/** Reads all there is below a folder; says on standard error what is wrong with it, and then gives false. */
bool corpus_read(corpus *corpus, const char *folder);
void corpus_free(corpus *corpus);
const script *corpus_find(const corpus *corpus, const char *name);

/** The bit for a word such as "cpu", 0 for any other. */
unsigned ending_named(const char *word, size_t length);

#endif
