/* Standard output that is not read, or slowly, or is something else than a file: print waits, and holds nobody up. */
#define _GNU_SOURCE /* posix_openpt, syscall numbers */
#include "host.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- another standard output ---- */

static int saved_output = -1;

static void print_to(int descriptor) {
    fflush(stdout);
    saved_output = dup(STDOUT_FILENO);
    REQUIRE(saved_output >= 0 && dup2(descriptor, STDOUT_FILENO) >= 0);
    close(descriptor);
}

static void print_as_before(void) {
    fflush(stdout);
    REQUIRE(dup2(saved_output, STDOUT_FILENO) >= 0);
    close(saved_output);
}

static void set_nonblocking(int descriptor, bool on) {
    int flags = fcntl(descriptor, F_GETFL);
    REQUIRE(fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0);
}

/* Gives how much was written until there was no room. */
static size_t fill(int descriptor) {
    char part[4096] = {0};
    size_t all = 0;
    set_nonblocking(descriptor, true);
    for (size_t size = sizeof part; size > 0; size /= 2) {
        for (ssize_t count; (count = write(descriptor, part, size)) > 0;) {
            all += (size_t)count;
        }
    }
    set_nonblocking(descriptor, false);
    return all;
}

/* Standard output is a pipe without room; gives the end that nobody reads. */
static int print_to_a_full_pipe(void) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    CHECK(fill(ends[1]) > 0);
    print_to(ends[1]);
    return ends[0];
}

static void stop_printing_to(int reading_end) {
    print_as_before();
    close(reading_end);
}

/* ---- nobody reads ---- */

static const char *const printers[] = {
    "print('x')",
    "while true do print(('x'):rep(100000)) end",
    "while true do pcall(print, 'x') end",
    "coroutine.wrap(function() print('x') end)()",
    "table.sort({3, 2, 1}, function() print('x') return true end)",
    "string.format('%s', setmetatable({}, {__tostring = function() print('x') return '' end}))",
};

enum { PRINTERS = sizeof printers / sizeof *printers };

static const char *const thread_configs[] = {
    "{\"workers\":2,\"cpu_ms\":0}",
    "{\"workers\":2,\"cpu_ms\":0,\"preemption\":\"count\"}",
};

static void scripts_that_print_into_a_full_pipe_can_be_ended(void) {
    for (size_t i = 0; i < 2; i++) {
        luawait_engine *engine = engine_with(thread_configs[i]);
        int unread = print_to_a_full_pipe();
        for (size_t j = 0; j < PRINTERS; j++) {
            EXPECT_ERROR_WITH(engine, printers[j], "{\"timeout_ms\":30}", "timeout", "");
            check_eval_times_out(engine, printers[j]);
            uint64_t eval = start(engine, printers[j]);
            wait_for_stat(engine, "evals", "running", 1);
            REQUIRE_OK(luawait_cancel(engine, eval));
            CHECK_CANCELLED(finish(engine, eval));
        }
        for (size_t j = 0; j < PRINTERS; j++) {
            (void)start(engine, printers[j]);
        }
        luawait_engine_free(engine);
        stop_printing_to(unread);
    }
}

static void others_have_their_turns_while_a_script_waits_to_print(void) {
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
    int unread = print_to_a_full_pipe();
    uint64_t waiting = start(engine, "print('x')");
    EXPECT_VALUE(engine, "return 'goes on'", "\"goes on\"");
    REQUIRE_OK(luawait_cancel(engine, waiting));
    CHECK_CANCELLED(finish(engine, waiting));
    luawait_engine_free(engine);
    stop_printing_to(unread);
}

static const char *const host_configs[] = {
    "{\"executor\":\"host\",\"cpu_ms\":0}",
    "{\"executor\":\"host\",\"cpu_ms\":0,\"preemption\":\"count\"}",
    "{\"executor\":\"host\",\"cpu_ms\":0,\"watchdog\":false}",
};

static void a_run_comes_back_from_a_script_that_waits_to_print(void) {
    for (size_t i = 0; i < sizeof host_configs / sizeof *host_configs; i++) {
        luawait_engine *engine = engine_with(host_configs[i]);
        int unread = print_to_a_full_pipe();
        uint64_t eval = start(engine, "print('x')"), late = start_with(engine, "print('x')", "{\"timeout_ms\":50}");
        int32_t more = 0;
        for (int j = 0; j < 20; j++) {
            REQUIRE_OK(luawait_run(engine, 2000, &more));
            CHECK_INT(more, 1);
        }
        int32_t state = LUAWAIT_IN_PROGRESS;
        char *json = NULL;
        for (int64_t end = monotonic_ms() + HANG_GUARD_MS; state == LUAWAIT_IN_PROGRESS && monotonic_ms() < end;) {
            REQUIRE_OK(luawait_run(engine, 2000, &more));
            REQUIRE_OK(luawait_poll(engine, late, &state, &json, NULL));
        }
        CHECK_INT(state, LUAWAIT_FAILED);
        CHECK_MEMBER(json, "type", "\"timeout\"");
        luawait_free(json);
        REQUIRE_OK(luawait_cancel(engine, eval));
        CHECK_CANCELLED(finish(engine, eval));
        luawait_engine_free(engine);
        stop_printing_to(unread);
    }
}

/* ---- slow readers ---- */

typedef struct reader {
    int descriptor;
    size_t most; /* bytes at a time */
    char *text;
    size_t length;
} reader;

static void *read_all(void *argument) {
    reader *r = argument;
    size_t capacity = 1 << 20;
    r->text = text_of('\0', capacity);
    for (;;) {
        if (r->length + r->most > capacity) {
            capacity *= 2;
            r->text = realloc(r->text, capacity);
            if (r->text == NULL) abort();
        }
        ssize_t count = read(r->descriptor, r->text + r->length, r->most);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return NULL; /* at the end a terminal is EIO */
        r->length += (size_t)count;
    }
}

/* Prints to one end and gives what came out of the other, which is closed. */
static reader printed_through(luawait_engine *engine, int reading, int writing, size_t most, const char *script) {
    reader r = {.descriptor = reading, .most = most};
    pthread_t thread = run_thread(read_all, &r);
    print_to(writing);
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    CHECK_VALUE(finish(engine, start(engine, script)), "null");
    CHECK_INT(fcntl(STDOUT_FILENO, F_GETFL), flags);
    print_as_before();
    pthread_join(thread, NULL);
    close(reading);
    return r;
}

static const char *const long_and_short = "for i = 1, 200 do print(i) end "
                                          "for i = 1, 5 do print((tostring(i) .. ','):rep(50000)) end "
                                          "for i = 1, 200 do print(('y'):rep(i), i) end";

/* The same from a file. */
static char *expected_text(luawait_engine *engine) {
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    print_to(dup(fileno(file)));
    CHECK_VALUE(finish(engine, start(engine, long_and_short)), "null");
    print_as_before();
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    char *text = text_of('\0', length);
    CHECK_INT(fread(text, 1, length, file), length);
    fclose(file);
    return text;
}

static void check_same(reader *r, const char *expected) {
    CHECK_INT(r->length, strlen(expected));
    CHECK(r->length == strlen(expected) && memcmp(r->text, expected, r->length) == 0);
    free(r->text);
}

static void a_reader_of_any_speed_gets_all_in_order(void) {
    static const size_t sizes[] = {1 << 16, 4095, 100};
    for (size_t i = 0; i < 2; i++) {
        luawait_engine *engine = engine_with(thread_configs[i]);
        char *expected = expected_text(engine);
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
                int ends[2];
                REQUIRE(pipe(ends) == 0);
                set_nonblocking(ends[1], nonblocking);
                reader r = printed_through(engine, ends[0], ends[1], sizes[j], long_and_short);
                check_same(&r, expected);
                REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
                set_nonblocking(ends[1], nonblocking);
                r = printed_through(engine, ends[0], ends[1], sizes[j], long_and_short);
                check_same(&r, expected);
            }
        }
        free(expected);
        luawait_engine_free(engine);
    }
}

static void a_terminal_gets_all_lines(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) harness_skip("there are no pseudo-terminals");
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    REQUIRE(slave >= 0);
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
    reader r = printed_through(engine, master, slave, 100, "for i = 1, 100 do print(('x'):rep(300)) end");
    /* Each newline has become two characters. */
    CHECK_INT(r.length, 100 * 302);
    free(r.text);
    luawait_engine_free(engine);
}

static void the_hosts_own_text_comes_first(void) {
    luawait_engine *engine = engine_with(NULL);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    reader r = {.descriptor = ends[0], .most = 100};
    print_to(ends[1]);
    for (int i = 0; i < 3; i++) {
        REQUIRE(printf("host %d\n", i) > 0); /* in the stream's buffer, as it is no terminal */
        CHECK_VALUE(finish(engine, start(engine, "print('script')")), "null");
    }
    print_as_before();
    (void)read_all(&r);
    CHECK_TEXT(r.text, "host 0\nscript\nhost 1\nscript\nhost 2\nscript\n");
    free(r.text);
    close(ends[0]);
    luawait_engine_free(engine);
}

/* ---- lines of scripts that run at once ---- */

static void lines_stay_whole(const char *config, size_t length) {
    enum { SCRIPTS = 4, LINES = 50 };
    luawait_engine *engine = engine_with(config);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    reader r = {.descriptor = ends[0], .most = 1 << 16};
    pthread_t thread = run_thread(read_all, &r);
    print_to(ends[1]);
    uint64_t evals[SCRIPTS];
    for (int i = 0; i < SCRIPTS; i++) {
        char *script = text_format("for i = 1, %d do print(('%c'):rep(%zu)) end", LINES, 'a' + i, length);
        evals[i] = start(engine, script);
        free(script);
    }
    for (int i = 0; i < SCRIPTS; i++) {
        CHECK_VALUE(finish(engine, evals[i]), "null");
    }
    print_as_before();
    pthread_join(thread, NULL);
    close(ends[0]);
    CHECK_INT(r.length, SCRIPTS * LINES * (length + 1));
    size_t mixed = 0;
    for (size_t i = 0; i < r.length; i++) {
        bool begins = i % (length + 1) == 0, ends_line = i % (length + 1) == length;
        if (ends_line ? r.text[i] != '\n' : !begins && r.text[i] != r.text[i - 1]) mixed++;
    }
    CHECK_INT(mixed, 0);
    free(r.text);
    luawait_engine_free(engine);
}

static void short_lines_of_scripts_that_run_at_once_are_never_mixed(void) {
    lines_stay_whole("{\"workers\":4,\"slice_us\":200}", 4000);
}

/* A slice that ends in the middle of a long line lets others print. */
static void long_lines_are_not_mixed_within_a_slice(void) {
    if (harness_scale(1, 0) == 0) harness_skip("a tool makes a line longer than the longest slice");
    lines_stay_whole("{\"workers\":4,\"slice_us\":1000000,\"cpu_ms\":0}", 200000);
}

/* ---- what it cannot be written to ---- */

static void print_ignores_what_nobody_can_read(void) {
    luawait_engine *engine = engine_with("{\"workers\":1}");
    int ends[2], null = open("/dev/null", O_WRONLY), full = open("/dev/full", O_WRONLY);
    REQUIRE(null >= 0 && full >= 0 && pipe(ends) == 0);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    const int descriptors[] = {null, full, ends[1]};
    for (size_t i = 0; i < 3; i++) {
        print_to(descriptors[i]);
        CHECK_VALUE(finish(engine, start(engine, "print(('x'):rep(10000)) return 'goes on'")), "\"goes on\"");
        print_as_before();
    }
    saved_output = dup(STDOUT_FILENO);
    close(STDOUT_FILENO);
    CHECK_VALUE(finish(engine, start(engine, "print('x') return 'goes on'")), "\"goes on\"");
    print_as_before();
    signal(SIGPIPE, before);
    luawait_engine_free(engine);
}

/* ---- processes ---- */

static void print_in_the_child(void) {
    int unread = print_to_a_full_pipe();
    char part[4096];
    CHECK(read(unread, part, sizeof part) > 0);
    luawait_engine *engine = engine_with("{\"workers\":1}");
    EXPECT_VALUE_WITH(engine, "print('x') return 1", "{\"timeout_ms\":20000}", "1");
    luawait_engine_free(engine);
}

static void a_child_prints_whatever_its_parent_was_printing(void) {
    if (harness_scale(1, 0) == 0) harness_skip("leak checkers count what a child leaves to its parent");
    luawait_engine *engine = engine_with("{\"workers\":1,\"slice_us\":1000000}");
    int unread = print_to_a_full_pipe();
    uint64_t eval = start(engine, "print('x')");
    wait_for_stat(engine, "evals", "running", 1);
    for (int i = 0; i < 20; i++) {
        CHECK(harness_in_process(print_in_the_child));
    }
    REQUIRE_OK(luawait_cancel(engine, eval));
    CHECK_CANCELLED(finish(engine, eval));
    luawait_engine_free(engine);
    stop_printing_to(unread);
}

/* ---- systems that cannot write to a pipe without waiting, when asked to ---- */

static void refuse_to_write_without_waiting(void) {
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof instructions / sizeof *instructions, instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        harness_skip("there are no filters of system calls");
    }
    REQUIRE(syscall(SYS_pwritev2, STDOUT_FILENO, NULL, 0, -1L, -1L, 0) < 0 && errno == EOPNOTSUPP);
}

static void print_on_an_older_system(int unread) {
    static const char *const script = "print(('x'):rep(100000)) print('the end')";
    luawait_engine *engine = engine_with("{\"workers\":1,\"cpu_ms\":0}");
    EXPECT_ERROR_WITH(engine, script, "{\"timeout_ms\":30}", "timeout", "");
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    reader r = {.descriptor = unread, .most = 100};
    pthread_t thread = run_thread(read_all, &r);
    CHECK_VALUE(finish(engine, start(engine, script)), "null");
    CHECK_INT(fcntl(STDOUT_FILENO, F_GETFL), flags);
    print_as_before();
    pthread_join(thread, NULL);
    CHECK(r.length > 100000 && memcmp(r.text + r.length - 10, "x\nthe end\n", 10) == 0);
    free(r.text);
    luawait_engine_free(engine);
}

static void where_pipes_can_be_opened_again(void) {
    refuse_to_write_without_waiting();
    print_on_an_older_system(print_to_a_full_pipe());
}

static void where_pipes_are_somebody_elses(void) {
    refuse_to_write_without_waiting();
    int ends[2];
    char path[32];
    REQUIRE(pipe(ends) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    if (setuid(65534) != 0) harness_skip("needs the right to become another user");
    /* Or this would test nothing. */
    REQUIRE(open(path, O_WRONLY) < 0);
    CHECK(fill(ends[1]) > 0);
    print_to(ends[1]);
    print_on_an_older_system(ends[0]);
}

static void a_pipe_holds_nobody_where_it_has_to_be_opened_again(void) {
    if (harness_scale(1, 0) == 0) harness_skip("leak checkers count what a child leaves to its parent");
    CHECK(harness_in_process(where_pipes_can_be_opened_again));
}

static void a_pipe_holds_nobody_where_it_cannot_be_opened_again(void) {
    if (harness_scale(1, 0) == 0) harness_skip("leak checkers count what a child leaves to its parent");
    CHECK(harness_in_process(where_pipes_are_somebody_elses));
}

TESTS(TEST(scripts_that_print_into_a_full_pipe_can_be_ended),
      TEST(others_have_their_turns_while_a_script_waits_to_print),
      TEST(a_run_comes_back_from_a_script_that_waits_to_print), TEST(a_reader_of_any_speed_gets_all_in_order),
      TEST(a_terminal_gets_all_lines), TEST(the_hosts_own_text_comes_first),
      TEST(short_lines_of_scripts_that_run_at_once_are_never_mixed), TEST(long_lines_are_not_mixed_within_a_slice),
      TEST(print_ignores_what_nobody_can_read), TEST(a_child_prints_whatever_its_parent_was_printing),
      TEST(a_pipe_holds_nobody_where_it_has_to_be_opened_again),
      TEST(a_pipe_holds_nobody_where_it_cannot_be_opened_again))
