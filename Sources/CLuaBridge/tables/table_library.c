// table.insert, remove, move, concat and unpack: what Lua's own do, and two things more. They can be stopped however
// long their way is (t's __len may say 2^60), and metamethods that they call may wait on the host.
//
// table.pack stays Lua's own: what it can take is bounded by the size of a stack.
#include "tables/table_library.h"

#include "core/memory_shortage.h"
#include "core/stack_reserve.h"
#include "stop/interrupt.h"
#include "tables/resumable.h"
#include "tables/table_element.h"
#include "tables/table_sort.h"

#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>

// From how many elements on a function keeps its state for the end of a slice. Fewer are not worth an allocation.
enum { LONG_WAY = 10000 };

// How many plain elements are read or moved between two looks for a stop.
enum { BLOCK = 256, BLOCK_BYTES = 64 * 1024 };

static int block_of(lua_Integer count) {
    return count < BLOCK ? (int)count : BLOCK;
}

// An integer next to the last one may be out of range, and is never used then.
static lua_Integer add(lua_Integer a, lua_Integer b) {
    return (lua_Integer)((lua_Unsigned)a + (lua_Unsigned)b);
}

// What most calls have as an argument, for short ways past everything else.
static bool is_bare_table(lua_State *L, int index) {
    if (!lua_istable(L, index)) return false;
    if (!lua_getmetatable(L, index)) return true;
    lua_pop(L, 1);
    return false;
}

// ---- insert, remove and move: elements move, and then one is set
// ------------------------------------------------------

typedef enum operation { INSERT, REMOVE, MOVE } operation;

typedef struct walk {
    lwb_resumable self;
    operation operation;
    int arguments;
    int target;    // index of the table that is written
    bool overlaps; // with what is read
    lua_Integer length, position;
    lua_Integer from, to, step, count; // what is still to be moved
} walk;

static walk begin_walk(lua_State *L, operation operation) {
    walk begun = {.operation = operation, .arguments = lua_gettop(L), .target = 1};
    begun.self.plain = lwb_is_plain(L, 1);
    begun.self.interrupt = lwb_interrupt_begin(L);
    begun.length = begun.self.plain ? (lua_Integer)lua_rawlen(L, 1) : 0;
    return begun;
}

// Puts the state on the stack, above `arguments` arguments.
static walk *keep_walk(lua_State *L, const walk *state, int arguments) {
    lua_settop(L, arguments);
    walk *kept = lua_newuserdatauv(L, sizeof *kept, 0);
    *kept = *state;
    kept->self.kept = true;
    return kept;
}

static int set_out_to_insert(lua_State *L, walk *s) {
    lua_Integer end = add(s->length, 1);
    if (s->arguments == 2) {
        s->position = end;
    } else if (s->arguments == 3) {
        s->position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)s->position - 1 < (lua_Unsigned)end, 2, "position out of bounds");
    } else {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    s->from = s->length;
    s->to = end;
    s->step = -1;
    s->count = end > s->position ? end - s->position : 0;
    return 0;
}

static void set_out_to_remove(lua_State *L, walk *s) {
    lua_Integer position = luaL_optinteger(L, 2, s->length);
    // The one behind the last may be removed as well, and so may the one that the length itself names.
    luaL_argcheck(L, position == s->length || (lua_Unsigned)position - 1 <= (lua_Unsigned)s->length, 2,
                  "position out of bounds");
    s->from = add(position, 1);
    s->to = position;
    s->step = 1;
    s->count = s->length > position ? s->length - position : 0;
    s->position = add(position, s->count);
}

static void move_block(lua_State *L, walk *s) {
    lua_Integer from = s->from, to = s->to, step = s->step;
    int target = s->target, moved = block_of(s->count);
    for (int i = 0; i < moved; i++) {
        lua_geti(L, 1, from);
        lua_seti(L, target, to);
        from = add(from, step);
        to = add(to, step);
    }
    s->from = from;
    s->to = to;
    s->count -= moved;
}

static int walk_on(lua_State *L, int status, lua_KContext state);

static int walk_body(lua_State *L, walk *s) {
    lwb_resumable *self = &s->self;
    RESUMABLE(self)
    if (s->operation != MOVE && !self->plain) {
        if (!lwb_begin_length(L, 1)) CALL(self, 2, 1, walk_on);
        s->length = lwb_check_length(L);
    }
    if (s->operation == INSERT) {
        set_out_to_insert(L, s);
    } else if (s->operation == REMOVE) {
        set_out_to_remove(L, s);
        GET(self, 1, s->to, walk_on); // the result
    } else if (s->overlaps) {
        // Two proxies may be the same table, as their __eq says.
        if (!lwb_begin_equal(L, 1, s->target)) CALL(self, 2, 1, walk_on);
        if (lua_toboolean(L, -1)) {
            // From the end: from the beginning, some would be overwritten before they are read.
            s->from += s->count - 1;
            s->to += s->count - 1;
            s->step = -1;
        }
        lua_pop(L, 1);
    }
    while (s->count > 0) {
        if (self->plain) {
            move_block(L, s);
            CHECKPOINT(self, 2 * BLOCK, walk_on);
        } else {
            GET(self, 1, s->from, walk_on);
            SET(self, s->target, s->to, walk_on);
            s->from = add(s->from, s->step);
            s->to = add(s->to, s->step);
            s->count--;
            CHECKPOINT(self, 2, walk_on);
        }
    }
    if (s->operation != MOVE) {
        if (s->operation == INSERT) {
            lua_pushvalue(L, s->arguments);
        } else {
            lua_pushnil(L);
        }
        SET(self, 1, s->position, walk_on);
    }
    RESUMABLE_END
    if (s->operation == MOVE) lua_pushvalue(L, s->target);
    return s->operation == INSERT ? 0 : 1;
}

static int walk_on(lua_State *L, int status, lua_KContext state) {
    (void)status;
    return walk_body(L, (walk *)state);
}

static int insert(lua_State *L) {
    if (lua_gettop(L) == 2 && is_bare_table(L, 1)) {
        lua_seti(L, 1, add((lua_Integer)lua_rawlen(L, 1), 1));
        return 0;
    }
    walk begun = begin_walk(L, INSERT);
    if (begun.self.plain && begun.length < LONG_WAY) return walk_body(L, &begun);
    lwb_check_table(L, 1, LWB_READS | LWB_WRITES | LWB_MEASURES);
    return walk_body(L, keep_walk(L, &begun, 3));
}

static int remove_element(lua_State *L) {
    if (lua_gettop(L) == 1 && is_bare_table(L, 1)) {
        lua_Integer last = (lua_Integer)lua_rawlen(L, 1);
        lua_geti(L, 1, last);
        lua_pushnil(L);
        lua_seti(L, 1, last);
        return 1;
    }
    walk begun = begin_walk(L, REMOVE);
    if (begun.self.plain && begun.length < LONG_WAY) return walk_body(L, &begun);
    lwb_check_table(L, 1, LWB_READS | LWB_WRITES | LWB_MEASURES);
    return walk_body(L, keep_walk(L, &begun, 2));
}

static int move(lua_State *L) {
    walk begun = begin_walk(L, MOVE);
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
    if (!lua_isnoneornil(L, 5)) begun.target = 5;
    lwb_check_table(L, 1, LWB_READS);
    lwb_check_table(L, begun.target, LWB_WRITES);
    if (begun.target == 5) begun.self.plain = begun.self.plain && lwb_is_plain(L, 5);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
        begun.count = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - begun.count + 1, 4, "destination wrap around");
    }
    begun.from = first;
    begun.to = to;
    begun.step = 1;
    begun.overlaps = begun.count > 0 && to > first && to <= last;
    bool asks = begun.overlaps && !lua_rawequal(L, 1, begun.target); // their __eq
    if (begun.self.plain && !asks && begun.count < LONG_WAY) return walk_body(L, &begun);
    return walk_body(L, keep_walk(L, &begun, 5));
}

// ---- unpack --------------------------------------------------------------------------------------------------------

static int unpack_on(lua_State *L, int status, lua_KContext state);

// Makes room for the elements from `from` to `to`, and says how many there are.
static int check_room(lua_State *L, lua_Integer from, lua_Integer to) {
    if (from > to) return 0;
    lua_Unsigned more = (lua_Unsigned)to - (lua_Unsigned)from;
    if (more >= INT_MAX || !lwb_reserve_stack(L, L, (int)more + 1)) return luaL_error(L, "too many results to unpack");
    return (int)more + 1;
}

static int unpack_body(lua_State *L, walk *s) {
    lwb_resumable *self = &s->self;
    RESUMABLE(self)
    s->from = luaL_optinteger(L, 2, 1);
    if (!lua_isnoneornil(L, 3)) {
        s->to = luaL_checkinteger(L, 3);
    } else {
        if (!lwb_begin_length(L, 1)) CALL(self, 2, 1, unpack_on);
        s->to = lwb_check_length(L);
    }
    s->count = check_room(L, s->from, s->to);
    for (s->position = 0; s->position < s->count; s->position++) {
        GET(self, 1, add(s->from, s->position), unpack_on);
        // There is at most a stack full of them, so that no slice ends in between.
        lwb_checkpoint(&self->interrupt, 1);
    }
    RESUMABLE_END
    return (int)s->count;
}

static int unpack_on(lua_State *L, int status, lua_KContext state) {
    (void)status;
    return unpack_body(L, (walk *)state);
}

// Unlike the others it takes whatever can be indexed.
static int unpack(lua_State *L) {
    if (!is_bare_table(L, 1)) {
        walk begun = begin_walk(L, MOVE);
        return unpack_body(L, keep_walk(L, &begun, 3));
    }
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = lua_isnoneornil(L, 3) ? (lua_Integer)lua_rawlen(L, 1) : luaL_checkinteger(L, 3);
    int count = check_room(L, from, to);
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    for (int pushed = 0; pushed < count;) {
        int end = pushed + block_of(count - pushed);
        for (; pushed < end; pushed++)
            lua_geti(L, 1, add(from, pushed));
        lwb_checkpoint(&interrupt, BLOCK);
    }
    return count;
}

// ---- concat --------------------------------------------------------------------------------------------------------

typedef struct joining {
    lwb_resumable self;
    lua_Integer at, last;
    bool more;
    const char *separator;
    size_t separator_length;
    size_t length_before; // of the text
    luaL_Buffer text;     // in the state, because it points into itself
} joining;

static int concat_on(lua_State *L, int status, lua_KContext state);

// In steps, for the bytes copied since the last time.
static int cost_of_copying(joining *s) {
    size_t length = luaL_bufflen(&s->text), copied = length - s->length_before;
    s->length_before = length;
    return copied < (LWB_STEPS_BETWEEN_LOOKS << 6) ? (int)(copied >> 6) : LWB_STEPS_BETWEEN_LOOKS;
}

// Pops an element and appends it, and the separator unless it was the last one: false.
static inline bool append_element(lua_State *L, joining *s) {
    if (!lua_isstring(L, -1)) {
        return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1),
                          (LUAI_UACINT)s->at);
    }
    size_t more = lua_rawlen(L, -1) + s->separator_length; // a number's text is short
    if (s->text.size - s->text.n < more) lwb_make_room(L, s->text.size + more);
    luaL_addvalue(&s->text);
    if (s->at >= s->last) return false;
    if (s->separator_length > 0) luaL_addlstring(&s->text, s->separator, s->separator_length);
    s->at++; // not behind the last, where the integers may end
    return true;
}

// Appends plain elements, until it is time for a look or nothing is left: false.
static bool append_block(lua_State *L, joining *s) {
    size_t most = luaL_bufflen(&s->text) + BLOCK_BYTES;
    for (int i = 0; i < BLOCK && luaL_bufflen(&s->text) < most; i++) {
        lua_geti(L, 1, s->at);
        if (!append_element(L, s)) return false;
    }
    return true;
}

static int concat_body(lua_State *L, joining *s) {
    lwb_resumable *self = &s->self;
    RESUMABLE(self)
    if (!self->plain) {
        if (!lwb_begin_length(L, 1)) CALL(self, 2, 1, concat_on);
        s->last = lwb_check_length(L);
    }
    s->separator = luaL_optlstring(L, 2, "", &s->separator_length);
    s->at = luaL_optinteger(L, 3, 1);
    s->last = luaL_optinteger(L, 4, s->last);
    luaL_buffinit(L, &s->text);
    s->more = s->at <= s->last;
    while (s->more) {
        if (self->plain) {
            s->more = append_block(L, s);
            CHECKPOINT(self, BLOCK + cost_of_copying(s), concat_on);
        } else {
            GET(self, 1, s->at, concat_on);
            s->more = append_element(L, s);
            CHECKPOINT(self, 1 + cost_of_copying(s), concat_on);
        }
    }
    luaL_pushresult(&s->text);
    RESUMABLE_END
    return 1;
}

static int concat_on(lua_State *L, int status, lua_KContext state) {
    (void)status;
    return concat_body(L, (joining *)state);
}

static void begin_joining(lua_State *L, joining *state, bool plain, bool kept) {
    state->self = (lwb_resumable){.plain = plain, .kept = kept, .interrupt = lwb_interrupt_begin(L)};
    state->length_before = 0;
    state->last = plain ? (lua_Integer)lua_rawlen(L, 1) : 0;
}

static int concat(lua_State *L) {
    bool plain = lwb_is_plain(L, 1);
    if (plain && lua_rawlen(L, 1) < LONG_WAY) {
        joining begun;
        begin_joining(L, &begun, plain, false);
        return concat_body(L, &begun);
    }
    lwb_check_table(L, 1, LWB_READS | LWB_MEASURES);
    lua_settop(L, 4);
    joining *kept = lua_newuserdatauv(L, sizeof *kept, 0);
    begin_joining(L, kept, plain, true);
    return concat_body(L, kept);
}

void lwb_open_table(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"concat", concat},         {"insert", insert}, {"move", move},
        {"remove", remove_element}, {"unpack", unpack}, {NULL, NULL},
    };
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_setfuncs(L, functions, 0);
    lwb_push_sort(L);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
}
