# To be sourced by the scripts that compare the bridge's functions with Lua's own, in the project's folder: how to compile
# a program together with the bridge's sources. SANITIZE=yes does so with AddressSanitizer and UBSan.
# shellcheck shell=bash
BUILD=${BUILD:-$PWD/.build/tests-differential}
FLAGS=(-Wall -Wextra -Werror -g -O2)
# On a Lua that checks how it is called, and itself.
LUA_VARIANT=${LUA_VARIANT-checked}
if [[ -n ${SANITIZE:-} ]]; then
    clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    CC=$clang CXX=$clang++ LUA_VARIANT=sanitized
    FLAGS+=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
fi
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
read -r -a INCLUDES <<<"$(pkg-config --cflags lua5.4 jansson)"
read -r -a LIBRARIES <<<"$(pkg-config --libs lua5.4 jansson)"
INCLUDES+=(-ISources/CLuaBridge -ISources/CLuaBridge/include)

mkdir -p "$BUILD"
"${CXX:-c++}" -std=c++17 "${FLAGS[@]}" "${INCLUDES[@]}" \
    -c Sources/CLuaBridge/values/number_format.cpp -o "$BUILD/number_format.o"

# compile SOURCE PROGRAM [DEFINITION...]
compile() {
    local source=$1 program=$2
    shift 2
    "${CC:-cc}" -std=gnu11 -pedantic "${FLAGS[@]}" "$@" "${INCLUDES[@]}" "$source" Sources/CLuaBridge/*/*.c \
        "$BUILD/number_format.o" -o "$BUILD/$program" "${LIBRARIES[@]}" -lstdc++ -lm -pthread
}
