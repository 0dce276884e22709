#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A reader over text that ends with a NUL. `ok` goes false at the first mistake and stays so. */
typedef struct reader {
    const char *at;
    const char *end;
    bool ok;
} reader;

static reader read_from(const char *text, size_t length) {
    return (reader){.at = text, .end = text + length, .ok = true};
}

static char peek(reader *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') {
        r->at++;
    }
    return r->at < r->end ? *r->at : '\0';
}

static bool accept(reader *r, char wanted) {
    if (!r->ok || peek(r) != wanted || r->at >= r->end) return false;
    r->at++;
    return true;
}

static bool expect(reader *r, char wanted) {
    if (!accept(r, wanted)) r->ok = false;
    return r->ok;
}

/* The length of the well-formed UTF-8 sequence at `s` (Unicode's table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t available) {
    if (s[0] < 0x80) return 1;
    size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || available < length) return 0;
    unsigned char low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < length; i++) {
        if (s[i] < 0x80 || s[i] > 0xBF) return 0;
    }
    return length;
}

static size_t put_utf8(uint32_t c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static uint32_t hex4(reader *r) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = r->at < r->end && *r->at != '\0' ? strchr(digits, *r->at) : NULL;
        if (digit == NULL) {
            r->ok = false;
            return 0;
        }
        value = value * 16 + (uint32_t)((digit - digits) % 16);
        r->at++;
    }
    return value;
}

static size_t escape(reader *r, char *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : '\0';
    const char *name = c != '\0' ? strchr(names, c) : NULL;
    if (name != NULL) {
        out[0] = values[name - names];
        return 1;
    }
    if (c != 'u') {
        r->ok = false;
        return 0;
    }
    uint32_t unit = hex4(r);
    if (unit >= 0xD800 && unit < 0xDC00) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') {
            r->ok = false;
            return 0;
        }
        r->at += 2;
        uint32_t low = hex4(r);
        r->ok = r->ok && low >= 0xDC00 && low < 0xE000;
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    } else if (unit >= 0xDC00 && unit < 0xE000) {
        r->ok = false;
    }
    return r->ok ? put_utf8(unit, out) : 0;
}

/* Reads a string; decodes it to `out` unless that is NULL. Decoding never makes text longer. */
static size_t scan_string(reader *r, char *out) {
    size_t length = 0;
    char unit[4];
    if (!expect(r, '"')) return 0;
    while (r->ok && r->at < r->end && *r->at != '"') {
        size_t count;
        if ((unsigned char)*r->at < 0x20) {
            r->ok = false;
            break;
        }
        if (*r->at == '\\') {
            r->at++;
            count = escape(r, unit);
        } else {
            count = utf8_sequence((const unsigned char *)r->at, (size_t)(r->end - r->at));
            r->ok = r->ok && count > 0;
            memcpy(unit, r->at, count);
            r->at += count;
        }
        if (out != NULL) memcpy(out + length, unit, count);
        length += count;
    }
    if (r->ok) expect(r, '"');
    return length;
}

static void scan_digits(reader *r) {
    const char *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    if (r->at == begin) r->ok = false;
}

static void scan_number(reader *r) {
    if (*r->at == '-') r->at++;
    if (r->at < r->end && *r->at == '0') {
        r->at++;
    } else {
        scan_digits(r);
    }
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        scan_digits(r);
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        scan_digits(r);
    }
}

static void scan_word(reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) {
        r->ok = false;
    } else {
        r->at += length;
    }
}

static void scan_value(reader *r);

static void scan_container(reader *r, char close, bool keyed) {
    r->at++;
    if (accept(r, close)) return;
    do {
        if (keyed) {
            scan_string(r, NULL);
            expect(r, ':');
        }
        scan_value(r);
    } while (accept(r, ','));
    expect(r, close);
}

static void scan_value(reader *r) {
    char c = peek(r);
    if (!r->ok) return;
    if (c == '{') {
        scan_container(r, '}', true);
    } else if (c == '[') {
        scan_container(r, ']', false);
    } else if (c == '"') {
        scan_string(r, NULL);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        scan_number(r);
    } else {
        scan_word(r, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
}

bool json_valid(const char *text, size_t length) {
    reader r = read_from(text, length);
    scan_value(&r);
    peek(&r);
    return r.ok && r.at == r.end;
}

static char *copy(const char *begin, const char *end) {
    size_t length = (size_t)(end - begin);
    char *text = malloc(length + 1);
    if (text == NULL) abort();
    memcpy(text, begin, length);
    text[length] = '\0';
    return text;
}

static char *scan_copy(reader *r) {
    peek(r);
    const char *begin = r->at;
    scan_value(r);
    return r->ok ? copy(begin, r->at) : NULL;
}

char *json_string(const char *text, size_t *length) {
    reader r = read_from(text, strlen(text));
    char *decoded = malloc(strlen(text) + 1);
    if (decoded == NULL) abort();
    size_t count = scan_string(&r, decoded);
    if (!r.ok) {
        free(decoded);
        return NULL;
    }
    decoded[count] = '\0';
    if (length != NULL) *length = count;
    return decoded;
}

/* Reads the member at hand: its decoded key and its value's raw text. */
static bool scan_member(reader *r, char **key, size_t *key_length, char **value) {
    *key = NULL;
    *value = NULL;
    peek(r);
    const char *begin = r->at;
    scan_string(r, NULL);
    if (!r->ok) return false;
    char *raw = copy(begin, r->at);
    *key = json_string(raw, key_length);
    free(raw);
    expect(r, ':');
    *value = scan_copy(r);
    return r->ok;
}

static char *find_member(const char *object, const char *key, size_t key_length, size_t *members) {
    reader r = read_from(object, strlen(object));
    char *found = NULL;
    *members = 0;
    if (!accept(&r, '{') || accept(&r, '}')) return NULL;
    do {
        char *name, *value;
        size_t length;
        bool whole = scan_member(&r, &name, &length, &value);
        *members += 1;
        if (whole && found == NULL && key != NULL && length == key_length && memcmp(name, key, length) == 0) {
            found = value;
            value = NULL;
        }
        free(name);
        free(value);
    } while (accept(&r, ','));
    return found;
}

char *json_member(const char *object, const char *key) {
    size_t members;
    return find_member(object, key, strlen(key), &members);
}

char *json_element(const char *array, size_t index) {
    reader r = read_from(array, strlen(array));
    if (!accept(&r, '[') || accept(&r, ']')) return NULL;
    for (;;) {
        char *value = scan_copy(&r);
        if (index-- == 0) return value;
        free(value);
        if (!accept(&r, ',')) return NULL;
    }
}

long json_count(const char *array) {
    reader r = read_from(array, strlen(array));
    long count = 1;
    if (!accept(&r, '[')) return -1;
    if (accept(&r, ']')) return 0;
    for (scan_value(&r); accept(&r, ','); scan_value(&r)) {
        count++;
    }
    return r.ok ? count : -1;
}

static bool equal_values(reader *left, reader *right);

static bool equal_objects(reader *left, const char *right_text) {
    size_t members, count = 0;
    bool same = true;
    free(find_member(right_text, NULL, 0, &members));
    expect(left, '{');
    if (!accept(left, '}')) {
        do {
            char *key, *value;
            size_t length, ignored;
            bool whole = scan_member(left, &key, &length, &value);
            char *other = whole ? find_member(right_text, key, length, &ignored) : NULL;
            same = same && whole && other != NULL && json_equal(value, other);
            count++;
            free(key);
            free(value);
            free(other);
        } while (accept(left, ','));
        expect(left, '}');
    }
    return same && left->ok && count == members;
}

static bool equal_arrays(reader *left, reader *right) {
    expect(left, '[');
    expect(right, '[');
    for (bool first = true;; first = false) {
        bool left_ends = accept(left, ']'), right_ends = accept(right, ']');
        if (left_ends || right_ends) return left_ends && right_ends;
        if (!first && (!expect(left, ',') || !expect(right, ','))) return false;
        if (!equal_values(left, right)) return false;
    }
}

static bool equal_values(reader *left, reader *right) {
    char kind = peek(left);
    if (kind != peek(right)) return false;
    if (kind == '[') return equal_arrays(left, right);
    char *right_text = scan_copy(right);
    bool same;
    if (right_text == NULL) return false;
    if (kind == '{') {
        same = equal_objects(left, right_text);
    } else {
        char *left_text = scan_copy(left);
        same = left_text != NULL;
        if (same && kind == '"') {
            size_t a = 0, b = 0;
            char *x = json_string(left_text, &a), *y = json_string(right_text, &b);
            same = x != NULL && y != NULL && a == b && memcmp(x, y, a) == 0;
            free(x);
            free(y);
        } else if (same) {
            same = strcmp(left_text, right_text) == 0;
        }
        free(left_text);
    }
    free(right_text);
    return same;
}

bool json_equal(const char *left, const char *right) {
    if (!json_valid(left, strlen(left)) || !json_valid(right, strlen(right))) return false;
    reader a = read_from(left, strlen(left)), b = read_from(right, strlen(right));
    return equal_values(&a, &b);
}
