/*
 * Mutates Lua source so that much of it still compiles: it moves, repeats, swaps and wraps lines, replaces one word by
 * another of the same text, and puts in idioms that scripts are hostile with. Half of the time the fuzzer changes bytes
 * as it always does, which finds what the compiler and the rest make of nonsense.
 */
#include "fuzz.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                                 uint8_t *out, size_t most, unsigned seed);

static const char *const idioms[] = {
    "while true do end",
    "while true do pcall(ask) end",
    "ask(1)",
    "local v = ask({...}, now())",
    "error(setmetatable({}, {__tostring = function() return ask() end}))",
    "local c <close> = setmetatable({}, {__close = function(...) ask(...) end})",
    "local c <close> = setmetatable({}, {__close = function() while true do end end})",
    "coroutine.yield(1)",
    "coroutine.wrap(function(...) coroutine.yield(ask(...)) error(...) end)(1, 2)",
    "CO = CO or coroutine.create(function() while true do ask() coroutine.yield() end end)",
    "CO = coroutine.running()",
    "pcall(coroutine.resume, CO, 1)",
    "pcall(coroutine.close, CO)",
    "for i = 1, 50 do coroutine.wrap(function() ask(i) end)() end",
    "table.sort({5, 3, 8, 1, 9, 2}, function(a, b) ask() return a < b end)",
    "table.sort({5, 3, 8, 1}, function(a, b) error({a, b}) end)",
    "(\"abcabc\"):gsub(\"%w\", function(c) return ask(c) end)",
    "(\"abcabc\"):gsub(\".\", setmetatable({}, {__index = function(_, k) return ask(k) end}))",
    "for a, b in (\"k=v, x=y\"):gmatch(\"(%w+)=(%w+)\") do now(a, b) end",
    "(\"a\"):rep(5000):find((\"a-\"):rep(20) .. \"b\")",
    "load(function() return ask() end)",
    "load(\"return ask(...)\", \"c\", \"t\", _ENV)(1)",
    "xpcall(error, function(m) return ask(m) end, \"m\")",
    "xpcall(error, function(m) while true do end end)",
    "print(setmetatable({}, {__tostring = function() return now() end}))",
    "local s = (\"x\"):rep(100000) s = s .. s .. s",
    "local t = {} for i = 1, 1e5 do t[i] = {i} end",
    "local function r(n) return n and 1 + r(n) end pcall(r, 1)",
    "setmetatable(_G, {__index = function(_, k) return ask(k) end, __newindex = rawset})",
    "for k, v in pairs(_G) do _G[k] = v end",
    "table.move({1, 2, 3}, 1, 3, 2, setmetatable({}, {__newindex = function(_, k, v) ask(k, v) end}))",
    "table.concat(setmetatable({}, {__len = function() return 3 end, __index = function() return ask() end}))",
    "table.unpack(setmetatable({}, {__len = function() return 1 << 60 end}))",
    "table.insert(setmetatable({}, {__len = ask}), 1)",
    "for _, v in ipairs(setmetatable({}, {__index = ask})) do end",
    "for _, c in utf8.codes(\"h\\u{e4}\\u{20ac}\") do ask(c) end",
    "string.format(\"%s %q %99.99f\", setmetatable({}, {__tostring = ask, __name = \"N\"}), 1, 1e308)",
    "collectgarbage() collectgarbage(\"step\")",
    "return json.array {1, nil, ask()}, json.null",
    "local t = setmetatable({}, {__mode = \"kv\"}) t[{}] = {} t[1] = coroutine.create(ask)",
    "goto continue ::continue::",
    "math.randomseed(1) return math.random(0)",
    "string.pack(\"s8zi16\", \"a\", \"b\", 1) string.unpack(\"<i3\", \"abc\")",
    /* What moves Lua's stack, or collects, in the middle of what Lua does. */
    "DEEP = function(n) return n == 0 and 0 or 1 + DEEP(n - 1) end DEEP(100)",
    "X = setmetatable({}, {__concat = function(a, b) DEEP(100) return \"r\" end})",
    "X = X .. \"a\" .. X .. \"b\" .. X",
    "getmetatable(X).__index = function(_, k) DEEP(60) collectgarbage() return k end",
    "getmetatable(X).__newindex = function(t, k, v) DEEP(90) rawset(t, k, v) end X.k = X.l",
    "getmetatable(X).__lt = function(a, b) select(\"#\", table.unpack({}, 1, 200)) return true end ask(X < X, X > 1)",
    "getmetatable(X).__call = function(_, ...) DEEP(80) return ... end X(X(1, 2), X)",
    "getmetatable(X).__eq = function() collectgarbage(\"step\") DEEP(70) end ask(X == {})",
    "local t = setmetatable({}, setmetatable({__newindex = {}}, {__mode = \"v\"})) t[{}] = 1 t.x = {}",
    "pcall(function() local _, e = pcall(ask, print) print(\"failed: \" .. e .. \"!\") error(e) end)",
    "coroutine.wrap(function() return X .. 1 .. X end)()",
    "local c <close> = setmetatable({}, {__close = function() collectgarbage() collectgarbage() error(1) end})",
    "DOWN = function(n, f, ...) if n == 0 then return f(...) end return (DOWN(n - 1, f, ...)) end DOWN(99, ask)",
    "CO = coroutine.create(function() DOWN(200, xpcall, coroutine.yield, print) end) coroutine.resume(CO)",
    "tostring(CO) rawset(T or {}, 1, rawlen({})) next({}) select(-1, 1, 2)",
};

static const char *const wrappers[][2] = {
    {"pcall(function(...) ", " end, 1, 2)"},
    {"xpcall(function() ", " end, function(m) return ask(m) end)"},
    {"coroutine.wrap(function(...) ", " end)(1)"},
    {"for i = 1, 3 do ", " end"},
    {"while ask() do ", " end"},
    {"local f = function(...) ", " end f(1)"},
    {"table.sort({3, 1, 2}, function(a, b) ", " end)"},
    {"(\"xyz\"):gsub(\".\", function(c) ", " end)"},
    {"local c <close> = setmetatable({}, {__close = function(_, e) ", " end})"},
    {"load(function() ", " end)"},
    {"print(setmetatable({}, {__tostring = function() ", " end}))"},
    {"_ = setmetatable({}, {__index = function(t, k) ", " end}).x"},
    {"X = setmetatable(X or {}, {__concat = function(a, b) ", " return a end, __index = _G})"},
    {"(function(...) DEEP(50) ", " end)(1, 2, 3)"},
    {"coroutine.close(coroutine.create(function() ", " end))"},
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static unsigned state;

static unsigned below(size_t limit) {
    state = state * 1664525u + 1013904223u;
    return (unsigned)((state >> 8) % limit);
}

typedef struct piece {
    size_t start, length;
} piece;

/* A line, with its newline if it has one. */
static piece any_line(const uint8_t *data, size_t size) {
    size_t start = below(size), end;
    while (start > 0 && data[start - 1] != '\n')
        start--;
    for (end = start; end < size && data[end] != '\n';)
        end++;
    return (piece){start, end - start + (end < size)};
}

static bool is_word(uint8_t c) {
    return isalnum(c) || c == '_';
}

/* A word or a number, or a single sign. */
static piece any_word(const uint8_t *data, size_t size) {
    size_t start = below(size), end = start + 1;
    if (!is_word(data[start])) return (piece){start, 1};
    while (start > 0 && is_word(data[start - 1]))
        start--;
    while (end < size && is_word(data[end]))
        end++;
    return (piece){start, end - start};
}

/* Puts `length` bytes where `removed` bytes are. Gives the new size, or the old one if there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t most, piece removed, const void *bytes, size_t length) {
    if (size - removed.length + length > most) return size;
    size_t behind = removed.start + removed.length;
    memmove(data + removed.start + length, data + behind, size - behind);
    memcpy(data + removed.start, bytes, length);
    return size - removed.length + length;
}

static size_t insert_idiom(uint8_t *data, size_t size, size_t most) {
    const char *idiom = idioms[below(LENGTH(idioms))];
    size_t length = strlen(idiom);
    /* At a line's beginning or behind a word: a script in one line has places, too. */
    piece at = size == 0 ? (piece){0, 0} : below(2) ? any_line(data, size) : any_word(data, size);
    if (at.length != 0 && is_word(data[at.start])) at.start += at.length;
    size_t with = replace(data, size, most, (piece){at.start, 0}, " ", 1);
    if (with == size) return size;
    size = with;
    with = replace(data, size, most, (piece){at.start, 0}, idiom, length);
    if (with == size) return size;
    return replace(data, with, most, (piece){at.start, 0}, below(2) ? "\n" : " ", 1);
}

static size_t wrap_line(uint8_t *data, size_t size, size_t most) {
    const char *const *wrapper = wrappers[below(LENGTH(wrappers))];
    piece line = any_line(data, size);
    if (below(3) == 0) line = (piece){0, size};
    size_t end = line.start + line.length;
    if (end > line.start && data[end - 1] == '\n') end--;
    size_t before = strlen(wrapper[0]), after = strlen(wrapper[1]);
    if (size + before + after > most) return size;
    size = replace(data, size, most, (piece){end, 0}, wrapper[1], after);
    return replace(data, size, most, (piece){line.start, 0}, wrapper[0], before);
}

/* Puts a copy of one line, or word, in the place of another, or beside it. */
static size_t copy_piece(uint8_t *data, size_t size, size_t most, piece (*any)(const uint8_t *, size_t)) {
    static uint8_t kept[4096];
    piece from = any(data, size), to = any(data, size);
    if (from.length > sizeof kept) return size;
    memcpy(kept, data + from.start, from.length);
    if (any == any_line && below(2)) to.length = 0;
    return replace(data, size, most, to, kept, from.length);
}

static size_t change_number(uint8_t *data, size_t size, size_t most) {
    static const char *const numbers[] = {
        "0",       "1",       "-1",  "2",  "200",  "1e5", "0.5", "0/0", "1/0", "math.maxinteger", "math.mininteger",
        "1 << 31", "1 << 62", "nil", "{}", "\"\"", "2^53"};
    for (int tries = 0; tries < 20; tries++) {
        piece word = any_word(data, size);
        if (!isdigit(data[word.start])) continue;
        const char *number = numbers[below(LENGTH(numbers))];
        return replace(data, size, most, word, number, strlen(number));
    }
    return size;
}

/* The line that says how the script is run. */
static size_t change_setup(uint8_t *data, size_t size, size_t most) {
    static const char choices[] = "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmno";
    if (size < 3 || memcmp(data, "--~", 3) != 0) return replace(data, size, most, (piece){0, 0}, "--~@@@@@@@@@\n", 13);
    size_t at = 3 + below(9);
    if (at < size && data[at] != '\n') data[at] = (uint8_t)choices[below(sizeof choices - 1)];
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    state = seed;
    if (size == 0) return insert_idiom(data, size, most);
    size_t result = size;
    for (unsigned left = below(3) + 1; left > 0; left--) {
        if (result == 0) break;
        piece removed;
        switch (below(16)) {
        case 0:
        case 1:
        case 2: result = insert_idiom(data, result, most); break;
        case 3:
        case 4: result = wrap_line(data, result, most); break;
        case 5: result = copy_piece(data, result, most, any_line); break;
        case 6: result = copy_piece(data, result, most, any_word); break;
        case 7: result = change_number(data, result, most); break;
        case 8: result = change_setup(data, result, most); break;
        case 9:
            removed = below(2) ? any_line(data, result) : any_word(data, result);
            if (removed.length < result) result = replace(data, result, most, removed, "", 0);
            break;
        case 10: result = replace(data, result, most, any_word(data, result), "\n--##\n", 6); break;
        default: result = LLVMFuzzerMutate(data, result, most); break;
        }
    }
    return result;
}

/* Some lines of the first, then some of the second. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                                 uint8_t *out, size_t most, unsigned seed) {
    state = seed;
    piece head = first_size == 0 ? (piece){0, 0} : any_line(first, first_size);
    piece tail = second_size == 0 ? (piece){0, 0} : any_line(second, second_size);
    size_t length = head.start + head.length;
    if (length > most) length = most;
    memcpy(out, first, length);
    size_t more = below(2) ? second_size - tail.start : tail.length;
    if (more > most - length) more = most - length;
    if (more > 0) memcpy(out + length, second + tail.start, more);
    return length + more;
}
