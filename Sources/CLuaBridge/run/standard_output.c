// Standard output, written to without being held by whoever does not read it.
//
// O_NONBLOCK is no property of a descriptor but of what all its copies share, in other processes, too: it is never
// changed. Newer systems write to a pipe without waiting when asked to (RWF_NOWAIT). Else a pipe or terminal is opened
// once more, for a line, without blocking; where that is refused, too, it is asked whether there is room, and given no
// more than that promises. Each part is at most PIPE_BUF, which a pipe takes whole or not at all.
#define _GNU_SOURCE // pthread_mutex_clocklock, pwritev2
#include "run/standard_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// How to write without waiting.
typedef enum way {
    PLAIN,      // it does not wait: a file, or the host has made it so
    NOWAIT,     // RWF_NOWAIT
    SEND,       // a socket: MSG_DONTWAIT
    ASK_BEFORE, // whether there is room
} way;

typedef struct output {
    int shared; // what the host calls standard output
    int used;   // to write to; -1: nothing can be written
    way way;
    size_t most; // bytes in one write
} output;

enum { WAIT_MS = 1 };

// ---- Turns ---------------------------------------------------------------------------------------------------------

// So that a line of many parts is not mixed with those of other scripts. Held while one is written, in no call of
// Lua's, and given up when its script is to stop or its slice is over.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static bool take_turn(lwb_asked is_to_stop, void *owner) {
    if (pthread_mutex_trylock(&turn) == 0) return true;
    do {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WAIT_MS * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec += 1;
        }
        if (pthread_mutex_clocklock(&turn, CLOCK_MONOTONIC, &until) == 0) return true;
    } while (!is_to_stop(owner, true));
    return false;
}

// Whoever had it does not exist in a child.
static void free_turn_in_child(void) {
    turn = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

__attribute__((constructor)) static void prepare(void) {
    (void)pthread_atfork(NULL, NULL, free_turn_in_child); // fails for a lack of memory alone
}

// ---- The descriptor ------------------------------------------------------------------------------------------------

static int open_once_more(int descriptor) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static atomic_bool lacks_nowait; // this system, for pipes

static void use_own(output *out) {
    int own = open_once_more(out->shared);
    out->way = own < 0 ? ASK_BEFORE : PLAIN;
    if (own >= 0) out->used = own;
}

static output open_output(void) {
    struct stat status;
    output out = {.shared = fileno(stdout), .used = -1, .way = PLAIN, .most = PIPE_BUF};
    if (out.shared < 0 || fstat(out.shared, &status) != 0) return out;
    out.used = out.shared;
    if (S_ISSOCK(status.st_mode)) {
        out.way = SEND;
    } else if (S_ISFIFO(status.st_mode) && !atomic_load(&lacks_nowait)) {
        out.way = NOWAIT;
    } else if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(out.shared))) {
        if (!(fcntl(out.shared, F_GETFL) & O_NONBLOCK)) use_own(&out);
    } else {
        out.most = SSIZE_MAX; // a file takes it all
    }
    return out;
}

static void close_output(const output *out) {
    if (out->used != out->shared) close(out->used);
}

// A signal ends the waiting, and so does that nobody can read it any more, which the next write finds.
static bool has_room(const output *out, int timeout_ms) {
    struct pollfd descriptor = {.fd = out->used, .events = POLLOUT};
    return poll(&descriptor, 1, timeout_ms) > 0;
}

// What the host has printed before comes first. If that is more than there may be room for, its own flush would wait.
static bool flush_host(const output *out) {
    if (ftrylockfile(stdout) != 0) return true; // another thread prints at this moment
    size_t pending = __fpending(stdout);
    bool is_due = pending > 0 && pending <= out->most;
    bool may = is_due && has_room(out, 0);
    if (may) (void)fflush_unlocked(stdout);
    funlockfile(stdout);
    return may || !is_due;
}

static ssize_t write_part(output *out, const lwb_line *line) {
    const struct iovec part = {(char *)(uintptr_t)line->bytes, line->left < out->most ? line->left : out->most};
    if (out->way == NOWAIT) {
        ssize_t written = pwritev2(out->used, &part, 1, -1, RWF_NOWAIT);
        if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return written;
        atomic_store(&lacks_nowait, true);
        use_own(out);
    }
    if (out->way == SEND) return send(out->used, part.iov_base, part.iov_len, MSG_DONTWAIT);
    if (out->way == ASK_BEFORE && !has_room(out, 0)) {
        errno = EAGAIN;
        return -1;
    }
    return write(out->used, part.iov_base, part.iov_len);
}

static void write_line(output *out, lwb_line *line, lwb_asked is_to_stop, void *owner) {
    bool is_flushed = false, has_waited;
    do {
        ssize_t written = -1;
        errno = EAGAIN;
        if (is_flushed || (is_flushed = flush_host(out))) written = write_part(out, line);
        has_waited = written < 0 && errno == EAGAIN;
        if (written >= 0) {
            line->bytes += written;
            line->left -= (size_t)written;
        } else if (has_waited) {
            (void)has_room(out, WAIT_MS);
        } else if (errno != EINTR) {
            line->left = 0; // closed, or the disk is full: the host's affair
        }
    } while (line->left > 0 && !is_to_stop(owner, has_waited));
}

void lwb_write_standard_output(lwb_line *line, lwb_asked is_to_stop, void *owner) {
    if (!take_turn(is_to_stop, owner)) return;
    output out = open_output();
    if (out.used >= 0) {
        write_line(&out, line, is_to_stop, owner);
        close_output(&out);
    } else {
        // A stream of the host's own making, or none.
        (void)fwrite(line->bytes, 1, line->left, stdout);
        (void)fflush(stdout);
        line->left = 0;
    }
    pthread_mutex_unlock(&turn);
}
