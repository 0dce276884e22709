// Included before each file of the Luas that assert.
//
// Lua asserts that a copied value is no nil of its inner kinds: "absent" and "empty", which tables have. A closing
// method that is gone when the variable is closed is such a one: Lua puts it where it calls it, finds nil, and raises
// the error. Nobody sees the value, so this one assertion is too strict.
#ifndef LUAWAIT_ASSERTING_LUA_H
#define LUAWAIT_ASSERTING_LUA_H

#define LUA_CORE
// clang-format off
#include "lprefix.h" // before anything of the system's
#include "lobject.h"
// clang-format on
#include <string.h>

#undef setobj
#define setobj(L, obj1, obj2)                                                                                          \
    {                                                                                                                  \
        TValue *io1 = (obj1);                                                                                          \
        const TValue *io2 = (obj2);                                                                                    \
        io1->value_ = io2->value_;                                                                                     \
        settt_(io1, io2->tt_);                                                                                         \
        checkliveness(L, io1);                                                                                         \
        lua_assert(!isnonstrictnil(io1) || strcmp(__func__, "callclosemethod") == 0);                                  \
    }

#endif
