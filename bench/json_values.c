/*
 * A large value on its way through a script: the host answers a call with it, the script returns it, and it is JSON
 * again in the outcome. The yardstick is jansson alone with the same text: parsing it, and writing it again.
 */
#include "host.h"

#include <jansson.h>

enum { RECORDS = 5000, TURNS = 5 };

/** A list of records with all kinds of values, about a megabyte; the caller frees it. */
static char *make_payload(size_t *length) {
    json_t *list = json_array();
    char *text;
    for (int i = 0; i < RECORDS; i++) {
        char name[64];
        json_t *record;
        snprintf(name, sizeof name, "record %d, caf\xc3\xa9 \"quoted\"\n", i);
        record = json_pack("{s:i, s:s, s:f, s:b, s:[s, s, s], s:{s:f, s:f}}", "id", i, "name", name, "score",
                           (double)i / 7.0, "active", i % 2, "tags", "red", "green", "blue", "place", "lat",
                           -90.0 + (double)i / 100.0, "lon", (double)i / 50.0);
        BENCH_CHECK(record && json_array_append_new(list, record) == 0);
    }
    text = json_dumps(list, JSON_COMPACT);
    BENCH_CHECK(text != NULL);
    json_decref(list);
    *length = strlen(text);
    return text;
}

static json_t *parse(const char *text, size_t length) {
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!value) bench_die("jansson: %s", error.text);
    return value;
}

static double measure_parse(const char *payload, size_t length) {
    double begin = bench_now();
    for (int i = 0; i < TURNS; i++)
        json_decref(parse(payload, length));
    return (bench_now() - begin) / TURNS / 1e6;
}

static double measure_parse_and_write(const char *payload, size_t length) {
    double begin = bench_now();
    for (int i = 0; i < TURNS; i++) {
        json_t *value = parse(payload, length);
        char *text = json_dumps(value, JSON_COMPACT);
        BENCH_CHECK(text && strlen(text) == length);
        free(text);
        json_decref(value);
    }
    return (bench_now() - begin) / TURNS / 1e6;
}

/** Adds the time on the host's thread (luawait_provide_result alone) to `provide`; returns that until the outcome. */
static double measure_luawait(luawait_engine *engine, const char *payload, size_t length, double *provide) {
    double total = 0;
    *provide = 0;
    for (int i = 0; i < TURNS; i++) {
        struct pollfd ready = {.events = POLLIN};
        uint64_t eval = host_start(engine, "return fetch()", NULL), request = 0;
        json_t *expected, *value;
        char *outcome;
        double begin;
        BENCH_CHECK(luawait_event_fd(engine, &ready.fd) == LUAWAIT_OK);
        while (luawait_get_pending_request(engine, &request, NULL, NULL, NULL, NULL) == LUAWAIT_NONE)
            BENCH_CHECK(poll(&ready, 1, -1) == 1);
        begin = bench_now();
        BENCH_CHECK(luawait_provide_result(engine, request, payload, length, NULL) == LUAWAIT_OK);
        *provide += (bench_now() - begin) / TURNS / 1e6;
        outcome = host_outcome(engine, eval);
        total += (bench_now() - begin) / TURNS / 1e6;
        expected = parse(payload, length);
        value = parse(outcome, strlen(outcome));
        BENCH_CHECK(json_equal(expected, value));
        json_decref(expected);
        json_decref(value);
        luawait_free(outcome);
    }
    return total;
}

int main(void) {
    double parsed[BENCH_ROUNDS], written[BENCH_ROUNDS], through[BENCH_ROUNDS], provide[BENCH_ROUNDS], yardstick;
    size_t length = 0;
    char *payload = make_payload(&length);
    luawait_engine *engine = host_engine(NULL);
    host_register(engine, "fetch");
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        parsed[round] = measure_parse(payload, length);
        written[round] = measure_parse_and_write(payload, length);
        through[round] = measure_luawait(engine, payload, length, &provide[round]);
    }
    luawait_engine_free(engine);
    free(payload);

    bench_title("JSON values: 5,000 records as a host call's result and back as the outcome");
    bench_line("size of the text", (double)length / 1e3, "kB");
    bench_line("jansson: parse", bench_median(parsed, BENCH_ROUNDS), "ms");
    yardstick = bench_median(written, BENCH_ROUNDS);
    bench_line("yardstick: jansson, parse and write", yardstick, "ms");
    bench_ratio("Luawait: result into the script, value out again", bench_median(through, BENCH_ROUNDS), "ms",
                yardstick);
    bench_ratio("of that on the host's thread", bench_median(provide, BENCH_ROUNDS), "ms", yardstick);
    return 0;
}
