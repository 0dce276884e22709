// What a match gives to the script.
#include "patterns/pattern.h"

#include "core/stack_reserve.h"

#include <lauxlib.h>
#include <lua.h>

ptrdiff_t lwb_capture_text(lwb_matcher *m, int index, const char **text) {
    if (index >= m->capture_count) {
        if (index != 0) luaL_error(m->interrupt.L, "invalid capture index %%%d", index + 1);
        *text = m->start;
        return m->s - m->start;
    }
    const lwb_capture *capture = &m->captures[index];
    if (capture->length == LWB_CAPTURE_OPEN) luaL_error(m->interrupt.L, "unfinished capture");
    *text = capture->start;
    return capture->length;
}

void lwb_push_capture(lwb_matcher *m, int index) {
    const char *text;
    ptrdiff_t length = lwb_capture_text(m, index, &text);
    if (length == LWB_CAPTURE_POSITION) {
        lua_pushinteger(m->interrupt.L, (lua_Integer)(text - m->in.subject) + 1);
    } else {
        lua_pushlstring(m->interrupt.L, text, (size_t)length);
    }
}

int lwb_push_captures(lwb_matcher *m, bool whole) {
    int count = m->capture_count == 0 && whole ? 1 : m->capture_count;
    // Every C function has room for a few.
    if (count > LUA_MINSTACK / 2) lwb_check_stack(m->interrupt.L, count, "too many captures");
    for (int i = 0; i < count; i++)
        lwb_push_capture(m, i);
    return count;
}
