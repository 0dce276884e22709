/*
 * Just enough JSON for the tests to look into outcomes and arguments: it validates strictly (UTF-8 included), compares
 * by structure, and picks members and elements out. It shares no code with the library under test.
 */
#ifndef LUAWAIT_TESTS_JSON_H
#define LUAWAIT_TESTS_JSON_H

#include <stdbool.h>
#include <stddef.h>

/** Whether the text is one JSON value and nothing after it, all of it UTF-8. */
bool json_valid(const char *text, size_t length);

/**
 * Whether two JSON texts say the same: members in any order, strings by their decoded bytes, numbers by their spelling
 * (`1` and `1.0` differ: one is an integer in Lua, the other is not). False if either is not JSON.
 */
bool json_equal(const char *left, const char *right);

/** The raw text of an object's member, or NULL; free() it. */
char *json_member(const char *object, const char *key);

/** The raw text of an array's element, counted from 0, or NULL; free() it. */
char *json_element(const char *array, size_t index);

/** How many elements an array has; -1 if it is not an array. */
long json_count(const char *array);

/** The decoded bytes of a JSON string, with a NUL behind them, or NULL; free() it. `length` is nullable. */
char *json_string(const char *text, size_t *length);

#endif
