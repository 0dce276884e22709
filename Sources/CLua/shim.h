// Debian installs Lua's headers in a directory of their own, which pkg-config adds to the search path.
#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>
