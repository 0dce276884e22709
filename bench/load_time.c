/*
 * dlopen() of the library, each time in a process of its own; against the libraries it needs anyway, loaded alone.
 * Usage: load_time path/to/libluawait.so
 */
#include "bench.h"

#include <dlfcn.h>
#include <luawait.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 31 };

extern char **environ;

/** In the fresh process: loads what it is told, then writes the nanoseconds it took to standard output. */
static int load(char **paths) {
    double begin = bench_now(), elapsed;
    void *library = NULL;
    for (char **path = paths; *path; path++) {
        library = dlopen(*path, RTLD_NOW | RTLD_LOCAL);
        if (!library) bench_die("%s", dlerror());
    }
    elapsed = bench_now() - begin;
    if (strstr(paths[0], "luawait")) {
        const char *(*version)(void);
        *(void **)&version = dlsym(library, "luawait_version");
        BENCH_CHECK(version && strcmp(version(), LUAWAIT_VERSION) == 0);
    }
    BENCH_CHECK(write(STDOUT_FILENO, &elapsed, sizeof elapsed) == sizeof elapsed);
    return 0;
}

/** Milliseconds that a fresh process spends in dlopen() of these libraries. */
static double measure(char **paths) {
    char *arguments[8] = {"load_time", "--load"};
    posix_spawn_file_actions_t actions;
    int channel[2], status = -1;
    double elapsed = 0;
    pid_t child;
    for (size_t i = 0; i + 2 < sizeof arguments / sizeof *arguments && paths[i]; i++)
        arguments[i + 2] = paths[i];
    BENCH_CHECK(pipe(channel) == 0);
    BENCH_CHECK(posix_spawn_file_actions_init(&actions) == 0);
    BENCH_CHECK(posix_spawn_file_actions_adddup2(&actions, channel[1], STDOUT_FILENO) == 0);
    BENCH_CHECK(posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(channel[1]);
    BENCH_CHECK(read(channel[0], &elapsed, sizeof elapsed) == sizeof elapsed);
    close(channel[0]);
    BENCH_CHECK(waitpid(child, &status, 0) == child && status == 0);
    return elapsed / 1e6;
}

int main(int count, char **arguments) {
    char *needed[] = {"liblua5.4.so.0", "libjansson.so.4", "libstdc++.so.6", NULL};
    char *ours[] = {NULL, NULL};
    double baseline[PROCESSES], luawait[PROCESSES], yardstick;
    struct stat file;
    if (count > 2 && strcmp(arguments[1], "--load") == 0) return load(arguments + 2);
    if (count != 2) bench_die("usage: load_time path/to/libluawait.so");
    ours[0] = arguments[1];
    BENCH_CHECK(stat(ours[0], &file) == 0);
    measure(needed); /* brings the files into memory */
    measure(ours);
    for (size_t i = 0; i < PROCESSES; i++) {
        baseline[i] = measure(needed);
        luawait[i] = measure(ours);
    }
    yardstick = bench_median(baseline, PROCESSES);
    bench_title("Loading: dlopen in a fresh process");
    printf("  %-58s %14.2f %-9s\n", "yardstick: liblua5.4, libjansson and libstdc++ alone", yardstick, "ms");
    printf("  %-58s %14.2f %-9s %8.2f x\n", "libluawait.so (with these)", bench_median(luawait, PROCESSES), "ms",
           bench_median(luawait, PROCESSES) / yardstick);
    printf("  %-58s %14.2f %-9s\n", "size of libluawait.so", (double)file.st_size / 1e6, "MB");
    return 0;
}
