/*
 * Fuzzes JSON on its way in and out of scripts. The first byte chooses the way, the second the limits, the rest is a
 * JSON text as a host might give it. Whatever jansson takes is pushed into Lua as an answer, as an argument, as a
 * global, or as an error, and comes back as the script's result: it must be the same value.
 */
#include "fuzz.h"

#include "CLuaBridge.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_DEPTH = 20, SMALL_OUTPUT = 64, SMALL_MEMORY = 8 * 1024 };

typedef enum way { WAY_ANSWER, WAY_CALLBACK, WAY_ARGUMENT, WAY_GLOBAL, WAY_ERROR, WAY_UNCAUGHT, WAY_COUNT } way;

static const char *const scripts[WAY_COUNT] = {
    [WAY_ANSWER] = "return (ask())",
    [WAY_CALLBACK] = "return (call())",
    [WAY_ARGUMENT] = "return (...)",
    [WAY_GLOBAL] = "return given",
    [WAY_ERROR] = "local ok, e = pcall(ask)\n"
                  "if e == 'not enough memory' then error(e, 0) end\n"
                  "assert(not ok and e.type == 'host' and e['function'] == 'ask' and tostring(e) == e.message)\n"
                  "return {message = e.message, type = e.host_type, data = e.data}",
    [WAY_UNCAUGHT] = "ask()",
};

static lwb_stopper *stopper;

/* ---- Values ---- */

/* A copy without nulls as members of objects, which scripts see as nil. */
static json_t *without_null_members(const json_t *value) {
    json_t *source = (json_t *)(uintptr_t)value;
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(copy, without_null_members(json_array_get(value, i)));
        return copy;
    }
    if (!json_is_object(value)) return json_incref(source);
    json_t *copy = json_object(), *member;
    const char *key;
    size_t length;
    json_object_keylen_foreach(source, key, length, member) {
        if (!json_is_null(member)) json_object_setn_new(copy, key, length, without_null_members(member));
    }
    return copy;
}

/* The error object that is made of a value: a host gives one of this shape, and the library has checked that. */
static json_t *error_of(json_t *value) {
    json_t *error = json_object();
    const json_t *message = json_object_get(value, "message"), *type = json_object_get(value, "type");
    json_object_set_new(error, "message",
                        json_is_string(message) ? json_incref((json_t *)(uintptr_t)message) : json_string("failed"));
    if (json_is_string(type)) json_object_set_new(error, "type", json_incref((json_t *)(uintptr_t)type));
    if (!json_is_null(value)) json_object_set(error, "data", value);
    return error;
}

static int depth_of(const json_t *value) {
    int deepest = 0, depth;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            depth = depth_of(json_array_get(value, i));
            if (depth > deepest) deepest = depth;
        }
        return deepest + 1;
    }
    if (!json_is_object(value)) return 0;
    json_t *source = (json_t *)(uintptr_t)value, *member;
    const char *key;
    json_object_foreach(source, key, member) {
        depth = depth_of(member);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

/* ---- One eval ---- */

/* Numbers that compare equal may be of different kinds: 1 and 1.0. These are to stay what they are. */
static bool same(const json_t *a, const json_t *b) {
    if (!json_equal(a, b)) return false;
    char *first = json_dumps(a, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    char *second = json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    bool equal = first != NULL && second != NULL && strcmp(first, second) == 0;
    free(first);
    free(second);
    return equal;
}

static lwb_answer answer_callback(void *owner, uint32_t function, const char *args, size_t length) {
    FUZZ_REQUIRE(function == 1 && length == 2 && memcmp(args, "[]", 2) == 0, "call() came as function %u", function);
    return (lwb_answer){LWB_ANSWER_RESULT, json_incref(owner)};
}

static lwb_event resume(lwb_eval *eval, lwb_answer answer) {
    lwb_stopper_announce(stopper, 1);
    return lwb_eval_resume(eval, stopper, answer);
}

static void check_result(lwb_context *context, const json_t *expected) {
    size_t length;
    char *text = lwb_context_take_output(context, &length);
    FUZZ_REQUIRE(text != NULL && text[length] == '\0' && strlen(text) == length, "the result is no text");
    json_error_t error;
    json_t *result = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    FUZZ_REQUIRE(result != NULL, "%s in: %s", error.text, text);
    FUZZ_REQUIRE(same(result, expected), "came back as: %s", text);
    json_decref(result);
    free(text);
}

static void check_uncaught(lwb_context *context, const json_t *error, bool whole) {
    lwb_failure failure = lwb_context_failure(context);
    const json_t *message = json_object_get(error, "message"), *data = json_object_get(error, "data");
    if (!whole && failure.type != LWB_FAILURE_HOST) return;
    FUZZ_REQUIRE(failure.type == LWB_FAILURE_HOST, "type %d", failure.type);
    FUZZ_REQUIRE(failure.message.length == json_string_length(message) &&
                     memcmp(failure.message.bytes, json_string_value(message), failure.message.length) == 0,
                 "another message: %.*s", (int)failure.message.length, failure.message.bytes);
    FUZZ_REQUIRE(!whole || (failure.data.bytes != NULL) == (data != NULL), "data is missing, or is there");
    if (failure.data.bytes == NULL) return;
    json_t *returned = json_loadb(failure.data.bytes, failure.data.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    FUZZ_REQUIRE(returned != NULL && same(returned, data), "data: %.*s", (int)failure.data.length, failure.data.bytes);
    json_decref(returned);
}

static void run(way chosen, int limits, json_t *value) {
    static const lwb_function functions[] = {{"ask", 0, false}, {"call", 1, true}};
    bool small_output = limits & 1, small_memory = limits & 2, keep_nulls = limits & 4, is_shared = limits & 8;
    lwb_options options = {.is_shared = is_shared, .max_depth = MAX_DEPTH + 1, .print = LWB_PRINT_NONE};
    lwb_context *context = lwb_context_new(&options, functions, 2, NULL);
    FUZZ_REQUIRE(context != NULL, "no memory");
    if (small_output) options.output_limit = SMALL_OUTPUT;
    if (small_memory) options.memory_limit = lwb_context_memory_used(context) + SMALL_MEMORY;
    lwb_context_set_options(context, &options);

    json_t *error = error_of(value), *arguments = json_array(), *globals = json_object();
    json_array_append(arguments, value);
    json_object_set(globals, "given", value);
    lwb_setup setup = {
        .script = scripts[chosen],
        .script_length = strlen(scripts[chosen]),
        .chunk_name = "fuzz",
        .globals = chosen == WAY_GLOBAL ? json_incref(globals) : NULL,
        .args = chosen == WAY_ARGUMENT ? json_incref(arguments) : NULL,
        .random_seed = 1,
        .keep_nulls = keep_nulls,
        .parks = true,
        .callback = answer_callback,
        .owner = value,
    };
    lwb_eval *eval;
    lwb_event event = lwb_eval_prepare(context, &setup, &eval);
    if (event == LWB_READY) event = resume(eval, (lwb_answer){LWB_ANSWER_NONE, NULL});
    if (event == LWB_PARKED) {
        FUZZ_REQUIRE(lwb_eval_function(eval) == 0, "parked at %u", lwb_eval_function(eval));
        bool fails = chosen == WAY_ERROR || chosen == WAY_UNCAUGHT;
        event = resume(eval, fails ? (lwb_answer){LWB_ANSWER_ERROR, json_incref(error)}
                                   : (lwb_answer){LWB_ANSWER_RESULT, json_incref(value)});
    }

    json_t *given = json_incref(chosen == WAY_ERROR || chosen == WAY_UNCAUGHT ? error : value);
    json_t *expected = keep_nulls ? json_incref(given) : without_null_members(given);
    bool limited = small_output || small_memory;
    if (event == LWB_FINISHED) {
        check_result(context, expected);
    } else {
        FUZZ_REQUIRE(event == LWB_FAILED, "event %d", event);
        lwb_failure failure = lwb_context_failure(context);
        if (chosen == WAY_UNCAUGHT) {
            check_uncaught(context, expected, !limited);
        } else {
            /* A lack of memory that the script has caught is a text, and so a runtime error. */
            lwb_failure_type of_memory = chosen == WAY_ERROR ? LWB_FAILURE_RUNTIME : LWB_FAILURE_MEMORY;
            FUZZ_REQUIRE((small_output && failure.type == LWB_FAILURE_LIMIT) ||
                             (small_memory && (failure.type == of_memory || failure.type == LWB_FAILURE_MEMORY)),
                         "type %d: %.*s", failure.type, (int)failure.message.length, failure.message.bytes);
        }
    }
    json_decref(expected);
    json_decref(given);
    json_decref(error);
    json_decref(arguments);
    json_decref(globals);
    if (eval != NULL) lwb_eval_free(eval);
    lwb_context_free(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    if (stopper == NULL) {
        stopper = lwb_stopper_new(true);
        lwb_stopper_bind(stopper);
    }
    way chosen = data[0] % WAY_COUNT;
    int limits = data[1];
    const char *text = (const char *)data + 2;
    size_t length = size - 2;
    int line = 0, column = 0;
    json_error_t error;
    lwb_scan scanned = lwb_json_scan(text, length, MAX_DEPTH - 1, &line, &column);
    FUZZ_REQUIRE(line >= 1 && (scanned == LWB_SCAN_FINE || column >= 1), "line %d, column %d", line, column);
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) return 0;
    /* jansson takes a NUL for the end of the text; whoever gave it did not. */
    FUZZ_REQUIRE(scanned == LWB_SCAN_NUL || (scanned == LWB_SCAN_TOO_DEEP) == (depth_of(value) > MAX_DEPTH - 1),
                 "depth %d", depth_of(value));
    if (scanned == LWB_SCAN_FINE) run(chosen, limits, value);
    json_decref(value);
    return 0;
}
