// Included before each file of the Lua `moving`, whose HARDMEMTESTS makes every check of the collector a whole
// collection.
//
// Lua's own macro for it does its work twice when a step of the collector is due: the second time it sets the top of
// the stack by a pointer from before the first, which may have moved the stack. So here it is the step or the
// collection.
#ifndef LUAWAIT_MOVING_LUA_H
#define LUAWAIT_MOVING_LUA_H

#define LUA_CORE
// clang-format off
#include "lprefix.h" // before anything of the system's
#include "lgc.h"
// clang-format on

#undef luaC_condGC
#define luaC_condGC(L, pre, pos)                                                                                       \
    {                                                                                                                  \
        if (G(L)->GCdebt > 0) {                                                                                        \
            pre;                                                                                                       \
            luaC_step(L);                                                                                              \
            pos;                                                                                                       \
        } else {                                                                                                       \
            condchangemem(L, pre, pos);                                                                                \
        }                                                                                                              \
    }

#endif
