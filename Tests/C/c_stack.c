/* makecontext is no POSIX any more. */
#define _XOPEN_SOURCE 600
#include "c_stack.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

typedef struct errand {
    void (*body)(void *);
    void *data;
} errand;

/* Of exactly this size, unlike those that the C library keeps for its threads, with a page below that nobody may touch. */
static char *new_stack(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *memory = NULL;
    REQUIRE(posix_memalign(&memory, page, size + page) == 0);
    REQUIRE(mprotect(memory, page, PROT_NONE) == 0);
    return (char *)memory + page;
}

static void free_stack(char *stack) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    REQUIRE(mprotect(stack - page, page, PROT_READ | PROT_WRITE) == 0);
    free(stack - page);
}

static void *run_errand(void *data) {
    const errand *run = data;
    run->body(run->data);
    return NULL;
}

void on_thread(size_t stack_size, void (*body)(void *), void *data) {
    errand run = {body, data};
    pthread_attr_t attributes;
    pthread_t thread;
    char *stack = new_stack(stack_size);
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, stack, stack_size) == 0);
    REQUIRE(pthread_create(&thread, &attributes, run_errand, &run) == 0);
    pthread_attr_destroy(&attributes);
    pthread_join(thread, NULL);
    free_stack(stack);
}

static errand on_this_fiber;

static void run_fiber(void) {
    on_this_fiber.body(on_this_fiber.data);
}

void on_fiber(size_t stack_size, void (*body)(void *), void *data) {
    char *stack = new_stack(stack_size);
    ucontext_t here, fiber;
    REQUIRE(getcontext(&fiber) == 0);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = stack_size;
    fiber.uc_link = &here;
    on_this_fiber = (errand){body, data};
    makecontext(&fiber, run_fiber, 0);
    REQUIRE(swapcontext(&here, &fiber) == 0);
    free_stack(stack);
}

/* Each calls f, one level deeper on the C stack, and passes on what f raises. */
static const struct {
    const char *name, *function;
} ways[] = {
    {"pcall", "local ok, e = pcall(f) if not ok then error(e, 0) end"},
    {"xpcall", "local ok, e = xpcall(f, function(m) return m end) if not ok then error(e, 0) end"},
    {"message_handler", "local _, e = xpcall(error, function() local ok, m = pcall(f) return m end) "
                        "if e then error(e, 0) end"},
    {"gsub", "string.gsub('x', 'x', function() f() end)"},
    {"gsub_table", "string.gsub('x', 'x', setmetatable({}, {__index = function() f() end}))"},
    {"sort", "table.sort({2, 1}, function() f() return false end)"},
    {"sort_by_lt", "local mt = {__lt = function() f() return false end} "
                   "table.sort({setmetatable({}, mt), setmetatable({}, mt)})"},
    {"wrap", "coroutine.wrap(f)()"},
    {"resume", "local ok, e = coroutine.resume(coroutine.create(f)) if not ok then error(e, 0) end"},
    {"close", "local co = coroutine.create(function() local c <close> = setmetatable({}, {__close = f}) "
              "coroutine.yield() end) coroutine.resume(co) local ok, e = coroutine.close(co) if not ok then "
              "error(e, 0) end"},
    {"failing_wrap", "local co = coroutine.wrap(function() local c <close> = setmetatable({}, {__close = f}) "
                     "error() end) local ok, e = pcall(co) if e then error(e, 0) end"},
    {"tostring", "tostring(setmetatable({}, {__tostring = function() f() return '' end}))"},
    {"format", "string.format('%s', setmetatable({}, {__tostring = function() f() return '' end}))"},
    {"print", "print(setmetatable({}, {__tostring = function() f() return '' end}))"},
    {"error_object", "local _, e = pcall(string.format, ('%'):rep(600000)) "
                     "local _ = e .. setmetatable({}, {__tostring = function() f() return '' end})"},
    {"load", "local _, e = load(function() f() end) if e then error(e, 0) end"},
    {"deep_load", "local n, text = 0, 'return (((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((('"
                  "local _, e = load(function() n = n + 1 if n == 1 then return text end f() end) "
                  "if type(e) ~= 'string' or e:find('overflow') then error(e, 0) end"},
    {"pairs", "pairs(setmetatable({}, {__pairs = function() f() end}))"},
    {"ipairs", "for _ in ipairs(setmetatable({}, {__index = function() f() end})) do end"},
    {"insert", "table.insert(setmetatable({}, {__newindex = function() f() end}), 1)"},
    {"concat", "table.concat(setmetatable({}, {__index = function() f() return 'x' end}), '', 1, 1)"},
    {"unpack", "table.unpack(setmetatable({}, {__index = function() f() end}), 1, 1)"},
    {"time", "os.time(setmetatable({}, {__index = function() f() return 1 end}))"},
    {"index", "local _ = setmetatable({}, {__index = function() f() end}).x"},
    {"operator", "local _ = setmetatable({}, {__concat = function() f() end}) .. 1"},
    {"length", "local _ = #setmetatable({}, {__len = function() f() return 1 end})"},
    {"iterator", "for _ in function() f() end do end"},
    {"variable", "local c <close> = setmetatable({}, {__close = function() f() end})"},
};

size_t way_count(void) {
    return sizeof ways / sizeof *ways;
}

const char *way_name(size_t way) {
    return ways[way].name;
}

static void append(char **text, char *more) {
    char *whole = text_format("%s%s", *text, more);
    free(*text);
    free(more);
    *text = whole;
}

char *nesting_script(const size_t *chosen, size_t count) {
    char *script = text_format("local depth, most, ways = 0, 0, {}\n");
    for (size_t i = 0; i < count; i++)
        append(&script, text_format("ways[%zu] = function(f) %s end\n", i, ways[chosen[i]].function));
    append(&script, text_format("local function go()\n"
                                "  local way = ways[depth %% %zu]\n"
                                "  depth = depth + 1\n"
                                "  most = math.max(most, depth)\n"
                                "  way(go)\n"
                                "end\n"
                                "local ok, e = pcall(go)\n"
                                "return tostring(e), most",
                                count));
    return script;
}
