// What may be done with an eval by whoever has its record alone.
#include "core/eval_record.h"

#include "CLuaBridge.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>

void lwb_push_globals(lua_State *L, const lwb_eval *eval) {
    if (eval->globals == LUA_NOREF) {
        lua_pushglobaltable(L);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, eval->globals);
    }
}

void lwb_forget_input(lwb_eval *eval) {
    json_decref(eval->setup.globals);
    json_decref(eval->setup.args);
    eval->setup.globals = eval->setup.args = NULL;
}
