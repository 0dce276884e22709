/* Tells which known memory faults a liblua5.4 has.

   Usage: lua-probes FOLDER [--list | NAME...]

   FOLDER holds a script for each probe, NAME.lua. Each runs in a child process, in a sandbox such as strangers' scripts
   get, on an allocator in whose blocks a fault cannot go by unseen. A line on standard output says for each how it went:

       pass NAME
       fail NAME<tab>what was wrong

   A probe passes when its script returns true and the process then ends by itself. The exit status is 0 when all probes
   could be run, however they went, and 2 when one could not. */
#define _GNU_SOURCE
#include "guard_allocator.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if LUA_VERSION_NUM != 504
#error "the probes are for Lua 5.4"
#endif

#define STACK_BYTES ((rlim_t)1 << 20)
#define CPU_SECONDS 5

enum { PASSED = 0, FAILED = 1, NOT_PROBED = 2 };

static int not_probed(const char *what, const char *where) {
    fprintf(stderr, "lua-probes: %s: %s: %s\n", what, where, strerror(errno));
    return NOT_PROBED;
}

/* For scripts: refuse(nth, times), see guard_refuse. It calls no allocator itself. */
static int refuse(lua_State *L) {
    guard_refuse((unsigned)luaL_checkinteger(L, 1), (unsigned)luaL_optinteger(L, 2, 1));
    return 0;
}

static int open_sandbox(lua_State *L) {
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8},  {LUA_COLIBNAME, luaopen_coroutine},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    static const char *const withheld[] = {"dofile", "loadfile"};
    for (size_t i = 0; i < sizeof withheld / sizeof *withheld; i++) {
        lua_pushnil(L);
        lua_setglobal(L, withheld[i]);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_register(L, "refuse", refuse);
    return 0;
}

/* A fault ends this process by a signal, which leaves no core file, and soon. The stack is small for faults that use it
   up: a sound Lua stays below 1 MiB with its limit of 200 C calls. */
static void confine(void) {
    const struct rlimit core = {0, 0}, stack = {STACK_BYTES, STACK_BYTES}, cpu = {CPU_SECONDS, CPU_SECONDS};
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_STACK, &stack);
    setrlimit(RLIMIT_CPU, &cpu);
    prctl(PR_SET_DUMPABLE, 0);
    alarm(60 * CPU_SECONDS);
}

static int run_script(const char *file, FILE *detail) {
    confine();
    lua_State *L = guard_reserve() ? lua_newstate(guard_allocate, NULL) : NULL;
    if (L == NULL) {
        return not_probed("cannot make a Lua state", file);
    }
    lua_pushcfunction(L, open_sandbox);
    int status = lua_pcall(L, 0, 0, 0);
    if (status == LUA_OK) {
        status = luaL_loadfilex(L, file, "t");
    }
    if (status != LUA_OK) {
        fprintf(stderr, "lua-probes: %s\n", lua_tostring(L, -1));
        return NOT_PROBED;
    }
    status = lua_pcall(L, 0, 1, 0);
    bool passed = status == LUA_OK && lua_isboolean(L, -1) && lua_toboolean(L, -1);
    if (!passed) {
        const char *text = lua_tostring(L, -1);
        fprintf(detail, "%s %s", status == LUA_OK ? "returned" : "error", text != NULL ? text : luaL_typename(L, -1));
        fflush(detail);
    }
    lua_close(L);
    if (guard_is_exhausted()) {
        errno = ENOMEM;
        return not_probed("the guard allocator has run out of memory", file);
    }
    return passed ? PASSED : FAILED;
}

/* What the child has left, as one line without tabs. */
static void read_detail(int from, char *detail, size_t capacity) {
    size_t length = 0;
    ssize_t count;
    while (length < capacity - 1 &&
           ((count = read(from, detail + length, capacity - 1 - length)) > 0 || (count < 0 && errno == EINTR))) {
        length += count > 0 ? (size_t)count : 0;
    }
    detail[length] = '\0';
    for (char *c = detail; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
}

static int probe(const char *folder, const char *name) {
    char file[4096], detail[256];
    int ends[2], status;
    snprintf(file, sizeof file, "%s/%s.lua", folder, name);
    if (access(file, R_OK) != 0 || pipe(ends) != 0) {
        return not_probed("cannot run a probe", file);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        return not_probed("fork", file);
    }
    if (child == 0) {
        FILE *left = fdopen(ends[1], "w");
        _exit(left != NULL ? run_script(file, left) : not_probed("fdopen", file));
    }
    close(ends[1]);
    read_detail(ends[0], detail, sizeof detail);
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return not_probed("waitpid", file);
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PROBED) {
        return NOT_PROBED;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == PASSED) {
        printf("pass %s\n", name);
    } else if (WIFSIGNALED(status)) {
        printf("fail %s\tsignal %d\n", name, WTERMSIG(status));
    } else {
        printf("fail %s\t%s\n", name, detail);
    }
    return PASSED;
}

static int is_probe(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && dot != entry->d_name && strcmp(dot, ".lua") == 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: lua-probes FOLDER [--list | NAME...]\n", stderr);
        return NOT_PROBED;
    }
    const char *folder = argv[1];
    int result = PASSED;
    if (argc > 2 && strcmp(argv[2], "--list") != 0) {
        for (int i = 2; i < argc && result == PASSED; i++) {
            result = probe(folder, argv[i]);
        }
        return result;
    }
    struct dirent **entries;
    int count = scandir(folder, &entries, is_probe, alphasort);
    if (count <= 0) {
        return not_probed("no probes in", folder);
    }
    for (int i = 0; i < count && result == PASSED; i++) {
        *strrchr(entries[i]->d_name, '.') = '\0';
        if (argc > 2) {
            puts(entries[i]->d_name);
        } else {
            result = probe(folder, entries[i]->d_name);
        }
    }
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    return result;
}
