# To be sourced by the scripts that test under a sanitizer, in the project's folder, with LUA_VARIANT set: how to build the
# library with one, and where programs find it then.
# shellcheck shell=bash
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh

# The sanitizers' runtime comes with the Swift toolchain, and so does the clang that goes with it.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")

# stage_sanitized address|thread FOLDER: builds into the folder, and sets what scripts that run programs look at.
stage_sanitized() {
    local sanitizer=$1 scratch=$2
    export STAGE=$scratch/stage BUILD=$scratch/tests-c CC="$toolchain/clang -fsanitize=$sanitizer"
    # It is slow.
    export LUAWAIT_TEST_SCALE=small
    swift build "--sanitize=$sanitizer" --scratch-path "$scratch" --product luawait
    mkdir -p "$STAGE/lib" "$STAGE/include"
    cp "$scratch/debug/libluawait.so" "$STAGE/lib/libluawait.so.0"
    ln -sf libluawait.so.0 "$STAGE/lib/libluawait.so"
    cp Include/luawait.h "$STAGE/include/"
}
