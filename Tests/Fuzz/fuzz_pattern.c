/*
 * Fuzzes the bridge's find, match, gmatch and gsub against Lua's own: see pattern_compare.h. The first three bytes say
 * which is called and with what init and limit; then come pattern, replacement and subject, with NULs between the first
 * two, doubled where a text has a NUL itself.
 */
#include "pattern_compare.h"

#include "fuzz.h"

#include <string.h>

enum { LONGEST = 2000 };

/* Pushes a text up to a single NUL or the end, and gives where the rest begins. */
static const uint8_t *push_part(lua_State *L, const uint8_t *at, const uint8_t *end) {
    luaL_Buffer part;
    luaL_buffinit(L, &part);
    while (at < end) {
        if (*at == 0 && (at + 1 == end || at[1] != 0)) {
            at++;
            break;
        }
        if (*at == 0) at++;
        luaL_addchar(&part, (char)*at++);
    }
    luaL_pushresult(&part);
    return at;
}

/* An init or a limit: mostly a small number, or none. */
static void push_number(lua_State *L, int code) {
    if (code < 128) {
        lua_pushnil(L);
    } else if (code < 250) {
        lua_pushinteger(L, code - 180);
    } else if (code == 250) {
        lua_pushinteger(L, LUA_MAXINTEGER);
    } else if (code == 251) {
        lua_pushinteger(L, LUA_MININTEGER);
    } else if (code == 252) {
        lua_pushnumber(L, 2.0);
    } else if (code == 253) {
        lua_pushnumber(L, 2.5);
    } else if (code == 254) {
        lua_pushliteral(L, "3");
    } else {
        lua_newtable(L);
    }
}

static pattern_world world;

static void close_at_end(void) {
    close_world(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const kinds[] = {"find",          "match",      "gmatch",    "gsub-text",
                                        "gsub-function", "gsub-table", "gsub-chain"};
    if (world.L == NULL) {
        open_world(&world);
        most_slices = 500; /* the fuzzer likes what takes long, and there is more to find elsewhere */
        atexit(close_at_end);
    }
    if (size < 3 || size > LONGEST) return 0;
    lua_State *L = world.L;
    const char *kind = kinds[data[0] % (sizeof kinds / sizeof *kinds)];
    const uint8_t *end = data + size;
    lua_settop(L, CASE - 1);
    lua_pushstring(L, kind);
    const uint8_t *rest = push_part(L, data + 3, end);
    rest = push_part(L, rest, end);
    lua_pushlstring(L, (const char *)rest, (size_t)(end - rest));
    /* On the stack: kind, pattern, replacement, subject. A case is: kind, subject, pattern, third, fourth. */
    lua_insert(L, CASE + 1);
    if (strcmp(kind, "gsub-text") != 0) {
        push_number(L, data[1]);
        lua_replace(L, CASE + 3);
    }
    if (kind[0] == 'g') {
        push_number(L, data[2]);
    } else {
        lua_pushboolean(L, data[2] % 8 == 7);
    }
    long slices = 0;
    if (compare(&world, &slices) == COMPARED_DIFFERENT) {
        printf("different:\n");
        show_difference(L);
        fflush(stdout);
        abort();
    }
    return 0;
}
