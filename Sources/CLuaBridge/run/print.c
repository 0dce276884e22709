// print: to standard output, to the host, or nowhere.
#include "run/print.h"

#include "CLuaBridge.h"
#include "core/c_stack.h"
#include "core/context_record.h"
#include "core/error_object.h"
#include "core/eval_record.h"
#include "run/standard_output.h"
#include "stop/interrupt.h"
#include "stop/preemption.h"
#include "stop/stay.h"
#include "stop/stopper.h"

#include <lauxlib.h>
#include <lua.h>

// Who asks, while a line is being written, whether the script is to stop or its slice is over.
typedef struct printer {
    lwb_context *context;
    int orders; // taken, and to be obeyed when Lua may be called again
} printer;

static bool is_to_stop(void *owner, bool has_waited) {
    printer *asking = owner;
    lwb_context *context = asking->context;
    asking->orders |= lwb_stopper_look(context->stopper);
    // Where instructions are counted nothing else would end a slice that runs none.
    if (has_waited && lwb_stopper_slices_by_instructions(context->stopper)) asking->orders |= LWB_ORDER_SLICE;
    return asking->orders != 0 || context->orders || context->condemned;
}

static int go_on_printing(lua_State *L, int status, lua_KContext written);

// With the line at the top of the stack, of which so much has been written.
static int print_to_standard_output(lua_State *L, size_t written) {
    lwb_context *context = lwb_context_of(L);
    lwb_interrupt interrupt = lwb_interrupt_begin(L);
    size_t length;
    const char *bytes = lua_tolstring(L, -1, &length);
    lwb_line line = {bytes + written, length - written};
    for (;;) {
        printer asking = {context, 0};
        lwb_write_standard_output(&line, is_to_stop, &asking);
        if (asking.orders != 0) lwb_obey(context, asking.orders);
        if (line.left == 0) return 0;
        if (lwb_interrupt_look_for_slice(&interrupt)) {
            return lwb_end_slice(L, (lua_KContext)(length - line.left), go_on_printing);
        }
    }
}

static int go_on_printing(lua_State *L, int status, lua_KContext written) {
    (void)status;
    return print_to_standard_output(L, (size_t)written);
}

static int print_to_host(lua_State *L, lwb_context *context) {
    size_t length;
    const char *bytes = lua_tolstring(L, -1, &length);
    // It may call the host's notifier, which no signal may interrupt.
    lwb_step_out(context);
    bool taken = context->current->setup.output(context->current->setup.owner, bytes, length - 1);
    lwb_step_in(context);
    lwb_check_stop(L, context);
    if (!taken) lwb_raise_error(L, "limit", NULL, "print: the host has too much to read (max_unread)");
    return 0;
}

// Pushes what is to be printed, a newline behind it.
static void push_line(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
}

int lwb_print_line(lua_State *L) {
    lwb_check_c_stack(L); // for each __tostring
    lwb_context *context = lwb_context_of(L);
    size_t limit = context->options.output_limit;
    push_line(L);
    // Wherever it goes: a script should not behave differently where nobody reads.
    if (limit != 0 && lua_rawlen(L, -1) - 1 > limit) {
        lwb_raise_error(L, "limit", NULL, "print: a line of more than %I bytes (output_bytes)", (LUAI_UACINT)limit);
    }
    switch (context->options.print) {
    case LWB_PRINT_NONE: return 0;
    case LWB_PRINT_STDOUT: return print_to_standard_output(L, 0);
    case LWB_PRINT_HOST: return print_to_host(L, context);
    }
    return luaL_error(L, "print: unknown destination");
}
