// table.sort: Lua's own order of comparisons and of reads and writes, hence its results also where several elements are
// equal, and its error for a comparator that contradicts itself. But comparators and __lt may wait on the host, and a
// long sort takes its turns.
//
// Quicksort with the median of three as pivot. What remains to be sorted is in `pending`, not in frames of C, so that a
// yield can leave the function: of the two parts of a range the larger waits, which keeps `pending` as short as the
// logarithm of the length. Whatever the comparator answers, no index leaves the range: a scan that reaches its end is
// the error, and a range gets smaller by its pivot at least.
#include "tables/table_sort.h"

#include "core/c_stack.h"
#include "core/stack_reserve.h"
#include "stop/interrupt.h"
#include "tables/resumable.h"
#include "tables/table_element.h"

#include <lauxlib.h>
#include <limits.h>
#include <lua.h>

typedef struct range {
    unsigned low, high;
    unsigned salt; // picks the pivot of large ranges, once a partition was lopsided; 0: the middle
} range;

enum {
    MAX_PENDING = 32,      // each at most half as long as the one before, the first shorter than INT_MAX
    SALTED_FROM = 100,     // smaller ranges always have their pivot in the middle
    LOPSIDED = 128,        // when one part is so many times as long as the other
    LENGTH_OF_A_STEP = 64, // bytes of strings compared
    STEPS_OF_COMPARING = 4,
};

typedef struct sorting {
    lwb_resumable self;
    bool in_use;
    bool is_spare; // the function keeps it for the next sort
    bool has_comparator;
    bool quick; // the partition is one of numbers or of strings, as far as is known
    int pivot_type, pivot_cost;
    int less; // the last comparison's answer
    unsigned left, right, middle;
    lua_Integer length;
    range now;
    unsigned pending_count;
    range pending[MAX_PENDING];
} sorting;

enum { TABLE = 1, COMPARATOR = 2, STATE = 3 };

enum { UPVALUE_SPARE = 1 };

// In steps.
static int cost_of_comparing(lua_State *L, int a, int b) {
    size_t length = lua_rawlen(L, a), other = lua_rawlen(L, b);
    if (other < length) length = other;
    length /= LENGTH_OF_A_STEP;
    return length < LWB_STEPS_BETWEEN_LOOKS ? (int)length : LWB_STEPS_BETWEEN_LOOKS;
}

// Compares without the script's help, or pushes the metamethod with its arguments, as lwb_begin_get does.
static bool begin_operator(lua_State *L, sorting *s, int a, int b) {
    int type = lua_type(L, a), other = lua_type(L, b);
    if (type == LUA_TSTRING && other == LUA_TSTRING) {
        s->self.interrupt.steps -= cost_of_comparing(L, a, b);
    } else if (type != LUA_TNUMBER || other != LUA_TNUMBER) {
        lwb_check_stack(L, 4, NULL);
        if (luaL_getmetafield(L, a, "__lt") != LUA_TNIL || luaL_getmetafield(L, b, "__lt") != LUA_TNIL) {
            lua_pushvalue(L, a - 1);
            lua_pushvalue(L, b - 2);
            return false;
        }
    }
    s->less = lua_compare(L, a, b, LUA_OPLT); // raises when there is no such order
    return true;
}

// Whether the element at `a` is less than that at `b`, both relative to the top: true with the answer in s->less, or
// false with a function and its two arguments pushed.
static inline bool begin_comparing(lua_State *L, sorting *s, int a, int b) {
    if (!s->has_comparator) return begin_operator(L, s, a, b);
    lua_pushvalue(L, COMPARATOR);
    lua_pushvalue(L, a - 1);
    lua_pushvalue(L, b - 2);
    return false;
}

// ---- The body ------------------------------------------------------------------------------------------------------

static int sort_on(lua_State *L, int status, lua_KContext state);

static int raise_invalid(lua_State *L) {
    return luaL_error(L, "invalid order function for sorting");
}

#define READ(key) GET(self, TABLE, (lua_Integer)(key), sort_on)
#define WRITE(key) SET(self, TABLE, (lua_Integer)(key), sort_on)

// Sets s->less.
#define COMPARE(a, b)                                                                                                  \
    do {                                                                                                               \
        CHECKPOINT(self, STEPS_OF_COMPARING, sort_on);                                                                 \
        if (!begin_comparing(L, s, (a), (b))) {                                                                        \
            CALL(self, 2, 1, sort_on);                                                                                 \
            s->less = lua_toboolean(L, -1);                                                                            \
            lua_pop(L, 1);                                                                                             \
        }                                                                                                              \
    } while (0)

static unsigned pivot_of(const range *of) {
    unsigned length = of->high - of->low;
    if (of->salt == 0 || length <= SALTED_FROM) return of->low + length / 2;
    return of->low + length / 4 + of->salt % (length / 4 * 2);
}

// The smaller part of `now`, around the pivot at `middle`, comes next; the larger one waits.
static void split(sorting *s, unsigned middle) {
    range left = {s->now.low, middle - 1, s->now.salt}, right = {middle + 1, s->now.high, s->now.salt};
    bool left_is_smaller = middle - s->now.low < s->now.high - middle;
    range *larger = left_is_smaller ? &right : &left;
    unsigned size = left_is_smaller ? middle - s->now.low : s->now.high - middle;
    if (larger->high > larger->low && (larger->high - larger->low) / LOPSIDED > size) {
        // Elements that made the middle a bad choice would do it again. Nothing here is a secret: who wants a slow sort
        // can have it, within the limits of his eval.
        larger->salt = (larger->salt + larger->low) * 2654435761u ^ larger->high;
        larger->salt |= 1;
    }
    s->pending[s->pending_count++] = *larger;
    s->now = left_is_smaller ? left : right;
}

// Pushes a state: the one that the last sort has left, unless it is in use, by a sort further out or in another
// coroutine, or by one that ended with an error and left it so. For a short sort an allocation is a good part of the
// time.
static sorting *push_state(lua_State *L) {
    sorting *spare = lua_touserdata(L, lua_upvalueindex(UPVALUE_SPARE));
    if (spare != NULL && !spare->in_use) {
        lua_pushvalue(L, lua_upvalueindex(UPVALUE_SPARE));
    } else {
        spare = lua_newuserdatauv(L, sizeof *spare, 0);
        spare->is_spare = false;
    }
    spare->in_use = true;
    return spare;
}

static void release_state(lua_State *L, sorting *s) {
    s->in_use = false;
    if (s->is_spare) return;
    s->is_spare = true;
    lua_pushvalue(L, STATE);
    lua_replace(L, lua_upvalueindex(UPVALUE_SPARE));
}

// Looks at the pivot, at the top.
static void set_pivot(lua_State *L, sorting *s) {
    s->pivot_type = lua_type(L, -1);
    s->quick = s->self.plain && !s->has_comparator && (s->pivot_type == LUA_TNUMBER || s->pivot_type == LUA_TSTRING);
    s->pivot_cost = STEPS_OF_COMPARING + (s->quick ? cost_of_comparing(L, -1, -1) : 0);
}

// The two scans of a partition, for numbers or strings alone, which Lua compares without the script's help: up from
// s->left past what is less than the pivot, down from s->right past what is greater. True: the element they stopped at
// is on the stack. False: the next one is of another type, and everything is quick no longer. They do not end a slice.
static bool scan_up(lua_State *L, sorting *s) {
    unsigned left = s->left, last = s->now.high - 1;
    int type = s->pivot_type, cost = s->pivot_cost;
    lwb_interrupt interrupt = s->self.interrupt;
    for (;;) {
        if (lua_geti(L, TABLE, ++left) != type) break;
        if (!lua_compare(L, -1, -2, LUA_OPLT)) {
            s->left = left;
            s->self.interrupt = interrupt;
            return true;
        }
        if (left == last) return raise_invalid(L);
        lua_pop(L, 1);
        lwb_checkpoint(&interrupt, cost);
    }
    lua_pop(L, 1);
    s->left = left - 1;
    s->quick = false;
    return false;
}

static bool scan_down(lua_State *L, sorting *s) {
    unsigned right = s->right, left = s->left;
    int type = s->pivot_type, cost = s->pivot_cost;
    lwb_interrupt interrupt = s->self.interrupt;
    for (;;) {
        if (lua_geti(L, TABLE, --right) != type) break;
        if (!lua_compare(L, -3, -1, LUA_OPLT)) {
            s->right = right;
            s->self.interrupt = interrupt;
            return true;
        }
        if (right < left) return raise_invalid(L);
        lua_pop(L, 1);
        lwb_checkpoint(&interrupt, cost);
    }
    lua_pop(L, 1);
    s->right = right + 1;
    s->quick = false;
    return false;
}

// Makes the whole table the range that waits. Of less than two elements Lua does not even look at the comparator.
static void begin_range(lua_State *L, sorting *s) {
    s->pending_count = 0;
    s->has_comparator = !lua_isnil(L, COMPARATOR);
    if (s->length < 2) return;
    luaL_argcheck(L, s->length < INT_MAX, TABLE, "array too big");
    if (s->has_comparator) luaL_checktype(L, COMPARATOR, LUA_TFUNCTION);
    s->pending[s->pending_count++] = (range){1, (unsigned)s->length, 0};
}

static int sort_body(lua_State *L, sorting *s) {
    lwb_resumable *self = &s->self;
    RESUMABLE(self)
    if (!self->plain) {
        if (!lwb_begin_length(L, TABLE)) CALL(self, 2, 1, sort_on);
        s->length = lwb_check_length(L);
    }
    begin_range(L, s);
    while (s->pending_count > 0) {
        s->now = s->pending[--s->pending_count];
        while (s->now.low < s->now.high) {
            // The scans of a large range take long, and end no slice.
            CHECKPOINT(self, s->now.high - s->now.low > LWB_STEPS_BETWEEN_LOOKS ? LWB_STEPS_BETWEEN_LOOKS : 0, sort_on);
            // The ends and the middle, in order.
            READ(s->now.low);
            READ(s->now.high);
            COMPARE(-1, -2);
            if (s->less) {
                WRITE(s->now.low);
                WRITE(s->now.high);
            } else {
                lua_pop(L, 2);
            }
            if (s->now.high - s->now.low == 1) break;
            s->middle = pivot_of(&s->now);
            READ(s->middle);
            READ(s->now.low);
            COMPARE(-2, -1);
            if (s->less) {
                WRITE(s->middle);
                WRITE(s->now.low);
            } else {
                lua_pop(L, 1);
                READ(s->now.high);
                COMPARE(-1, -2);
                if (s->less) {
                    WRITE(s->middle);
                    WRITE(s->now.high);
                } else {
                    lua_pop(L, 2);
                }
            }
            if (s->now.high - s->now.low == 2) break;

            // The pivot stays on the stack, and in the table waits next to the end.
            READ(s->middle);
            lua_pushvalue(L, -1);
            READ(s->now.high - 1);
            WRITE(s->middle);
            WRITE(s->now.high - 1);
            s->left = s->now.low;
            s->right = s->now.high - 1;
            set_pivot(L, s);
            for (;;) {
                while (!s->quick || !scan_up(L, s)) {
                    READ(++s->left);
                    COMPARE(-1, -2);
                    if (!s->less) break;
                    if (s->left == s->now.high - 1) return raise_invalid(L);
                    lua_pop(L, 1);
                }
                while (!s->quick || !scan_down(L, s)) {
                    READ(--s->right);
                    COMPARE(-3, -1);
                    if (!s->less) break;
                    if (s->right < s->left) return raise_invalid(L);
                    lua_pop(L, 1);
                }
                if (s->right < s->left) break;
                WRITE(s->left);
                WRITE(s->right);
            }
            lua_pop(L, 1);
            WRITE(s->now.high - 1);
            WRITE(s->left);
            split(s, s->left);
        }
    }
    RESUMABLE_END
    release_state(L, s);
    return 0;
}

static int sort_on(lua_State *L, int status, lua_KContext state) {
    (void)status;
    return sort_body(L, (sorting *)state);
}

static int sort(lua_State *L) {
    lwb_check_c_stack(L); // an order of Lua's own may call an __lt
    bool plain = lwb_is_plain(L, TABLE);
    if (!plain) lwb_check_table(L, TABLE, LWB_READS | LWB_WRITES | LWB_MEASURES);
    lua_settop(L, COMPARATOR);
    sorting *s = push_state(L);
    s->self = (lwb_resumable){.plain = plain, .kept = true, .interrupt = lwb_interrupt_begin(L)};
    s->length = plain ? (lua_Integer)lua_rawlen(L, TABLE) : 0;
    return sort_body(L, s);
}

void lwb_push_sort(lua_State *L) {
    lua_pushnil(L);
    lua_pushcclosure(L, sort, UPVALUE_SPARE);
}
