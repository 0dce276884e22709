/*
 * The tests' harness: checks with file and line, tests registered by name, one line per test on standard output.
 *
 * A test program lists its tests with TESTS(TEST(name), ...). Run without arguments it runs all, else those named; it
 * exits with 1 if one failed. CHECK notes a failure and goes on, from any thread; REQUIRE also ends the test, and is
 * for the thread that runs it alone. A test that is listed nowhere is a compiler warning, hence an error.
 */
#ifndef LUAWAIT_TESTS_HARNESS_H
#define LUAWAIT_TESTS_HARNESS_H

#include <inttypes.h>
#include <luawait.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct harness_test {
    const char *name;
    void (*run)(void);
} harness_test;

/** Where a check stands. */
typedef struct harness_place {
    const char *file;
    int line;
} harness_place;

#define HERE ((harness_place){__FILE__, __LINE__})

int harness_main(int argc, char **argv, const harness_test *tests, size_t count);

#define TEST(name)                                                                                                     \
    { #name, name }
#define TESTS(...)                                                                                                     \
    static const harness_test harness_tests[] = {__VA_ARGS__};                                                         \
    int main(int argc, char **argv) {                                                                                  \
        return harness_main(argc, argv, harness_tests, sizeof harness_tests / sizeof *harness_tests);                  \
    }

/** `full`, or `small` when LUAWAIT_TEST_SCALE=small says that the run is slow (under valgrind). */
size_t harness_scale(size_t full, size_t small);

/** How long anything may take before a test calls it a hang. Never a measure of how fast it should be. */
#define HANG_GUARD_MS ((int)harness_scale(30000, 120000))

/** Notes a failure of the test that runs. */
void harness_fail(harness_place at, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Ends the test that runs without a verdict. Only on its own thread, and only for what a tool prevents. */
_Noreturn void harness_skip(const char *reason);

/** Ends the test that runs. Only on its own thread: elsewhere it ends the program. */
_Noreturn void harness_stop(void);

/** Runs a body in a process of its own, for what a process can do only once: whether all its checks held. */
bool harness_in_process(void (*body)(void));

/** A number of bytes of the same character, with a NUL behind them; free() it. */
char *text_of(char character, size_t length);

/** A text made like printf's; free() it. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool harness_check(harness_place at, bool holds, const char *words);
bool harness_check_status(harness_place at, luawait_status actual, luawait_status expected, const char *words);
bool harness_check_int(harness_place at, int64_t actual, int64_t expected, const char *words);
bool harness_check_text(harness_place at, const char *actual, const char *expected, const char *words);
bool harness_check_contains(harness_place at, const char *text, const char *part, const char *words);
bool harness_check_json(harness_place at, const char *actual, const char *expected, const char *words);
bool harness_check_member(harness_place at, const char *object, const char *key, const char *expected);
bool harness_check_member_contains(harness_place at, const char *object, const char *key, const char *part);

#define CHECK(condition) harness_check(HERE, (condition), #condition)
#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!harness_check(HERE, (condition), #condition)) harness_stop();                                             \
    } while (0)
#define CHECK_STATUS(call, expected) harness_check_status(HERE, (call), (expected), #call)
#define REQUIRE_OK(call)                                                                                               \
    do {                                                                                                               \
        if (!harness_check_status(HERE, (call), LUAWAIT_OK, #call)) harness_stop();                                    \
    } while (0)
#define CHECK_INT(actual, expected) harness_check_int(HERE, (int64_t)(actual), (int64_t)(expected), #actual)
#define CHECK_TEXT(actual, expected) harness_check_text(HERE, (actual), (expected), #actual)
#define CHECK_CONTAINS(text, part) harness_check_contains(HERE, (text), (part), #text)
/** Two JSON texts say the same; see json_equal(). */
#define CHECK_JSON(actual, expected) harness_check_json(HERE, (actual), (expected), #actual)
/** An object's member is this JSON; with NULL: there is no such member. */
#define CHECK_MEMBER(object, key, json) harness_check_member(HERE, (object), (key), (json))
/** An object's member is a string that contains this. */
#define CHECK_MEMBER_CONTAINS(object, key, part) harness_check_member_contains(HERE, (object), (key), (part))

#endif
