#!/usr/bin/env bash
# Runs tests on a library that is built with another Lua.
#
# Usage: scripts/test-lua.sh [LUA [PART...]]
#   LUA is a variant of scripts/lua.sh (system, bundled, checked) or a folder with Lua 5.4's sources; without it, the
#   one of system and bundled that the last build has not chosen. A part is `probes` (prints the verdict), `c`,
#   `hostile`, `stress`, `python`, `swift`, or the name of a C test; without any: probes, c and hostile. The last line
#   is `N passed, N failed`.
#
# What the probes of known memory faults find in that Lua is expected of the scripts that need them sound.
set -euo pipefail
cd "$(dirname "$0")/.."

lua=${1:-}
(($# == 0)) || shift
(($# > 0)) || set -- probes c hostile

case $lua in
"")
    # shellcheck source=scripts/lua-env.sh
    . scripts/lua-env.sh
    case $(readlink .build/lua/chosen) in
    bundled) variant=system ;;
    *) variant=bundled ;;
    esac
    ;;
system | bundled | checked) variant=$lua ;;
*)
    # A folder of its own for each, so that going from one to another compiles nothing anew.
    variant=source-$(cd "$lua" && pwd | sha256sum | cut -c 1-8)
    export LUA_VARIANT_SOURCE=$lua
    ;;
esac
if ! scripts/lua.sh make "$variant"; then
    echo "skipped: no $variant Lua to be had"
    echo "0 passed, 0 failed, 1 skipped"
    exit
fi
scripts/build.sh "$variant"
export STAGE=$PWD/.build-lua/$variant/stage BUILD=$PWD/.build-lua/$variant/tests-c

passed=0
failed=0
# part NAME COMMAND...: adds up what it counts on its last line.
part() {
    local name=$1 log=$BUILD/$1.part.log status=0 counts
    shift
    mkdir -p "$BUILD"
    "$@" 2>&1 | tee "$log" || status=1
    counts=$(tail -n 1 "$log")
    if [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        if ((BASH_REMATCH[2] > 0)); then status=0; fi # counted
    elif ((status == 0)); then
        passed=$((passed + 1))
    fi
    if ((status != 0)); then
        echo "FAILED $name"
        failed=$((failed + 1))
    fi
}

c_tests=()
for name in "$@"; do
    case $name in
    probes) sed 's/^/# /' ".build/lua/$variant/probes.txt" ;;
    c) part c scripts/test-c.sh ;;
    hostile) part hostile scripts/test-hostile.sh ;;
    stress) part stress scripts/stress.sh ;;
    python)
        LUAWAIT_LIBRARY=$STAGE/lib/libluawait.so PYTHONPATH=bindings/python \
            part python .venv/bin/pytest bindings/python/tests
        ;;
    swift) LUA_VARIANT=$variant part swift scripts/test-swift.sh --scratch-path ".build-lua/$variant" ;;
    *) c_tests+=("$name") ;;
    esac
done
((${#c_tests[@]} == 0)) || part some-c scripts/test-c.sh "${c_tests[@]}"
echo "Lua $(sed -n 's/^Version: //p' ".build/lua/$variant/pkgconfig/lua5.4.pc") ($variant)"
echo "$passed passed, $failed failed"
((failed == 0))
