#include "harness.h"

#include "json.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Results go to a copy of standard output, so that a test may redirect the original. */
static FILE *report;
static jmp_buf end_of_test;
static pthread_t test_thread;
static atomic_int failures;
static const char *skip_reason;

void harness_fail(harness_place at, const char *format, ...) {
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    atomic_fetch_add(&failures, 1);
    fprintf(report, "  %s:%d: %s\n", at.file, at.line, message);
    fflush(report);
}

void harness_stop(void) {
    if (!pthread_equal(pthread_self(), test_thread)) abort();
    longjmp(end_of_test, 1);
}

void harness_skip(const char *reason) {
    skip_reason = reason;
    harness_stop();
}

bool harness_in_process(void (*body)(void)) {
    fflush(report);
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&failures, 0);
        if (setjmp(end_of_test) == 0) body();
        fflush(report);
        _exit(atomic_load(&failures) == 0 ? 0 : 1);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

size_t harness_scale(size_t full, size_t small) {
    const char *scale = getenv("LUAWAIT_TEST_SCALE");
    return scale != NULL && strcmp(scale, "small") == 0 ? small : full;
}

char *text_of(char character, size_t length) {
    char *text = malloc(length + 1);
    if (text == NULL) abort();
    memset(text, character, length);
    text[length] = '\0';
    return text;
}

char *text_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = text_of(' ', (size_t)length);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

bool harness_check(harness_place at, bool holds, const char *words) {
    if (!holds) harness_fail(at, "does not hold: %s", words);
    return holds;
}

bool harness_check_status(harness_place at, luawait_status actual, luawait_status expected, const char *words) {
    if (actual != expected) {
        harness_fail(at, "%s: expected %s, got %s (%d)", words, luawait_status_name(expected),
                     luawait_status_name(actual), (int)actual);
    }
    return actual == expected;
}

bool harness_check_int(harness_place at, int64_t actual, int64_t expected, const char *words) {
    if (actual != expected) harness_fail(at, "%s: expected %" PRId64 ", got %" PRId64, words, expected, actual);
    return actual == expected;
}

static const char *shown(const char *text) {
    return text != NULL ? text : "(NULL)";
}

bool harness_check_text(harness_place at, const char *actual, const char *expected, const char *words) {
    bool same = actual != NULL && strcmp(actual, expected) == 0;
    if (!same) harness_fail(at, "%s:\n    expected %.400s\n    got      %.400s", words, expected, shown(actual));
    return same;
}

bool harness_check_contains(harness_place at, const char *text, const char *part, const char *words) {
    bool holds = text != NULL && strstr(text, part) != NULL;
    if (!holds) harness_fail(at, "%s:\n    expected to contain %.400s\n    got %.400s", words, part, shown(text));
    return holds;
}

bool harness_check_json(harness_place at, const char *actual, const char *expected, const char *words) {
    bool same = actual != NULL && json_equal(actual, expected);
    if (!same) harness_fail(at, "%s:\n    expected %.400s\n    got      %.400s", words, expected, shown(actual));
    return same;
}

bool harness_check_member(harness_place at, const char *object, const char *key, const char *expected) {
    char *member = object != NULL ? json_member(object, key) : NULL;
    bool same = expected == NULL ? object != NULL && member == NULL : member != NULL && json_equal(member, expected);
    if (!same) {
        harness_fail(at, "member %s:\n    expected %.400s\n    got      %.400s\n    in       %.800s", key,
                     expected != NULL ? expected : "(absent)", member != NULL ? member : "(absent)", shown(object));
    }
    free(member);
    return same;
}

bool harness_check_member_contains(harness_place at, const char *object, const char *key, const char *part) {
    char *member = object != NULL ? json_member(object, key) : NULL;
    char *text = member != NULL ? json_string(member, NULL) : NULL;
    bool holds = text != NULL && strstr(text, part) != NULL;
    if (!holds) {
        harness_fail(at, "member %s:\n    expected to contain %.400s\n    in %.1200s", key, part, shown(object));
    }
    free(member);
    free(text);
    return holds;
}

static bool run_one(const harness_test *test) {
    atomic_store(&failures, 0);
    skip_reason = NULL;
    test_thread = pthread_self();
    if (setjmp(end_of_test) == 0) test->run();
    bool passed = atomic_load(&failures) == 0;
    if (passed && skip_reason != NULL) {
        fprintf(report, "skipped %s: %s\n", test->name, skip_reason);
    } else {
        fprintf(report, "%s %s\n", passed ? "ok" : "FAILED", test->name);
    }
    fflush(report);
    return passed;
}

static bool is_wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) return true;
    }
    return argc == 1;
}

static bool is_known(const char *name, const harness_test *tests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tests[i].name, name) == 0) return true;
    }
    return false;
}

static void *do_nothing(void *nothing) {
    return nothing;
}

/* Sanitizers start a thread of their own along with the program's first: before any test counts threads. */
static bool start_first_thread(void) {
    pthread_t first;
    return pthread_create(&first, NULL, do_nothing, NULL) == 0 && pthread_join(first, NULL) == 0;
}

int harness_main(int argc, char **argv, const harness_test *tests, size_t count) {
    report = fdopen(dup(STDOUT_FILENO), "w");
    if (report == NULL || !start_first_thread()) return 2;
    for (int i = 1; i < argc; i++) {
        if (!is_known(argv[i], tests, count)) {
            fprintf(stderr, "%s: no test is called %s\n", argv[0], argv[i]);
            return 2;
        }
    }
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(tests[i].name, argc, argv) && !run_one(&tests[i])) failed++;
    }
    fclose(report);
    return failed == 0 ? 0 : 1;
}
