#include "corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "--# ";

unsigned ending_named(const char *word, size_t length) {
    static const char *const names[] = {"value", "syntax", "runtime",    "host",  "timeout",
                                        "cpu",   "memory", "conversion", "limit", "cancelled"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], word, length) == 0) return 1u << i;
    }
    return 0;
}

static void *checked(void *memory) {
    if (memory == NULL) abort();
    return memory;
}

static char *copy_of(const char *text, size_t length) {
    char *copy = checked(malloc(length + 1));
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static char *path_of(const char *folder, const char *name) {
    size_t length = strlen(folder) + strlen(name) + 2;
    char *path = checked(malloc(length));
    snprintf(path, length, "%s/%s", folder, name);
    return path;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = NULL;
    size_t length = 0, got;
    char block[4096];
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        text = checked(realloc(text, length + got + 1));
        memcpy(text + length, block, got);
        length += got;
    }
    if (text == NULL) text = copy_of("", 0);
    text[length] = '\0';
    fclose(file);
    return text;
}

/* One of the words between semicolons, without the spaces around it. */
static bool read_word(script *script, const char *word, size_t length, bool is_first) {
    if (is_first) {
        while (length > 0) {
            size_t part = strcspn(word, ", ");
            if (part > length) part = length;
            unsigned ending = ending_named(word, part);
            if (ending == 0) return false;
            script->allowed |= ending;
            word += part, length -= part;
            while (length > 0 && (*word == ',' || *word == ' '))
                word++, length--;
        }
        return script->allowed != 0;
    }
    char *text = copy_of(word, length);
    bool is_known = true;
    if (strcmp(text, "host echo") == 0) {
        script->host = HOST_ECHOES;
    } else if (strcmp(text, "host error") == 0) {
        script->host = HOST_FAILS;
    } else if (strcmp(text, "host never") == 0) {
        script->host = HOST_NEVER_ANSWERS;
    } else if (strcmp(text, "shared") == 0) {
        script->is_shared = true;
    } else if (strcmp(text, "fills") == 0) {
        script->fills = true;
    } else if (strncmp(text, "repeat ", 7) == 0) {
        script->repeat = strtoul(text + 7, NULL, 10);
        is_known = script->repeat > 0;
    } else if (strncmp(text, "after ", 6) == 0) {
        script->after = copy_of(text + 6, length - 6);
    } else {
        is_known = false;
    }
    free(text);
    return is_known;
}

/* `line` is what follows the mark, without the line's end. */
static bool read_heading(script *script, const char *line, size_t length) {
    char *heading = copy_of(line, length);
    char *arrow = strstr(heading, " -> ");
    bool is_good = arrow != NULL;
    if (is_good) {
        script->name = copy_of(heading, (size_t)(arrow - heading));
        bool is_first = true;
        for (const char *word = arrow + 4; is_good && word != NULL; is_first = false) {
            const char *end = strstr(word, "; ");
            is_good = read_word(script, word, end != NULL ? (size_t)(end - word) : strlen(word), is_first);
            word = end != NULL ? end + 2 : NULL;
        }
    }
    free(heading);
    return is_good;
}

/* Puts what is between << and >> there as many times as the heading says. */
static bool repeat_part(script *script) {
    if (script->repeat == 0) return true;
    char *begin = strstr(script->code, "<<"), *end = strstr(script->code, ">>");
    if (begin == NULL || end == NULL || end < begin) return false;
    size_t before = (size_t)(begin - script->code), part = (size_t)(end - begin) - 2, after = strlen(end + 2);
    char *code = checked(malloc(before + script->repeat * part + after + 1)), *at = code;
    memcpy(at, script->code, before);
    at += before;
    for (size_t i = 0; i < script->repeat; i++, at += part)
        memcpy(at, begin + 2, part);
    memcpy(at, end + 2, after + 1);
    free(script->code);
    script->code = code;
    script->length = (size_t)(at - code) + after;
    return true;
}

static bool add(corpus *corpus, const char *kind, const char *path, const char *heading, const char *end) {
    size_t length = strcspn(heading, "\n");
    script made = {0};
    if (!read_heading(&made, heading + sizeof mark - 1, length - (sizeof mark - 1))) {
        fprintf(stderr, "%s: not a script's heading: %.*s\n", path, (int)length, heading);
        return false;
    }
    if (corpus_find(corpus, made.name) != NULL) {
        fprintf(stderr, "%s: there are two scripts %s\n", path, made.name);
        return false;
    }
    const char *code = heading + length;
    made.kind = copy_of(kind, strlen(kind));
    made.length = (size_t)(end - code);
    made.code = copy_of(code, made.length);
    if (!repeat_part(&made)) {
        fprintf(stderr, "%s: %s: nothing to repeat\n", path, made.name);
        return false;
    }
    corpus->scripts = checked(realloc(corpus->scripts, (corpus->count + 1) * sizeof *corpus->scripts));
    corpus->scripts[corpus->count++] = made;
    return true;
}

static const char *next_mark(const char *text) {
    if (strncmp(text, mark, sizeof mark - 1) == 0) return text;
    const char *found = strstr(text, "\n--# ");
    return found != NULL ? found + 1 : NULL;
}

static bool read_scripts(corpus *corpus, const char *kind, const char *path) {
    char *text = read_file(path);
    if (text == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        return false;
    }
    bool is_good = true;
    for (const char *at = next_mark(text); is_good && at != NULL;) {
        const char *next = next_mark(at + 1);
        is_good = add(corpus, kind, path, at, next != NULL ? next : at + strlen(at));
        at = next;
    }
    free(text);
    return is_good;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Calls read_scripts for the Lua files of a folder, in the order of their names. */
static bool read_kind(corpus *corpus, const char *folder, const char *kind) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    bool is_good = true;
    for (int i = 0; i < count; i++) {
        const char *dot = strrchr(entries[i]->d_name, '.');
        char *path = path_of(folder, entries[i]->d_name);
        if (is_good && dot != NULL && strcmp(dot, ".lua") == 0) is_good = read_scripts(corpus, kind, path);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return is_good;
}

static bool check_references(const corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) {
        const char *after = corpus->scripts[i].after;
        if (after == NULL || corpus_find(corpus, after) != NULL) continue;
        fprintf(stderr, "%s: there is no script %s\n", corpus->scripts[i].name, after);
        return false;
    }
    return true;
}

bool corpus_read(corpus *corpus, const char *folder) {
    char *canary = path_of(folder, "canary.lua");
    corpus->canary = read_file(canary);
    free(canary);
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    bool is_good = corpus->canary != NULL && count > 0;
    for (int i = 0; i < count; i++) {
        char *path = path_of(folder, entries[i]->d_name);
        if (is_good && strchr(entries[i]->d_name, '.') == NULL) is_good = read_kind(corpus, path, entries[i]->d_name);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return is_good && corpus->count > 0 && check_references(corpus);
}

void corpus_free(corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) {
        script *script = &corpus->scripts[i];
        free(script->name);
        free(script->kind);
        free(script->code);
        free(script->after);
    }
    free(corpus->scripts);
    free(corpus->canary);
    *corpus = (struct corpus){0};
}

const script *corpus_find(const corpus *corpus, const char *name) {
    for (size_t i = 0; i < corpus->count; i++) {
        if (strcmp(corpus->scripts[i].name, name) == 0) return &corpus->scripts[i];
    }
    return NULL;
}
