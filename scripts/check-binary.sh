#!/usr/bin/env bash
# Checks what the staged library needs on the machine where it runs: a few system libraries and nothing of Swift's,
# Foundation's or libdispatch's; and that it is what loaders expect.
set -euo pipefail
cd "$(dirname "$0")/.."

library=.build/stage/lib/libluawait.so
if [[ ! -e $library ]]; then
    echo "$library is missing: run \`make build\` first" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# report NAME FILE: passes when the file is empty, else shows its first lines.
report() {
    if [[ -s $2 ]]; then
        echo "FAILED $1"
        head -n 20 "$2" | sed 's/^/    /'
        failed=$((failed + 1))
    else
        echo "ok $1"
        passed=$((passed + 1))
    fi
}

# expect NAME TEXT PATTERN: passes when the pattern is in the text.
expect() {
    if grep -qE -- "$3" <<<"$2"; then
        : >"$work/found"
    else
        printf 'no %s in:\n%s\n' "$3" "$2" >"$work/found"
    fi
    report "$1" "$work/found"
}

# A grep that finds nothing is what most checks hope for.
without_failing() { "$@" || true; }

# All code of the bundled Lua, and nothing else, is in the section `luatext`: a signal handler tells by it whether it
# has interrupted Lua.
check_lua_section() {
    local symbols=$work/symbols
    nm --defined-only .build/lua/bundled/lib/libluawait_lua.a 2>/dev/null | awk '$2 ~ /^[tT]$/ { print $3 }' |
        sort -u >"$work/of-lua"
    # Functions of the unstripped library, with the section that each is in.
    objdump -t "$unstripped" | awk -F '\t' '$1 ~ / F [.a-z]*text$/ {
        sub(/.* /, "", $1); sub(/.* /, "", $2); print $2, $1 }' | sort -u >"$symbols"
    awk '$2 == "luatext" { print $1 }' "$symbols" >"$work/inside"
    # Static functions of different files may share a name, so elsewhere only those are looked for that nobody else has.
    sort "$work/inside" | comm -23 - "$work/of-lua" >"$work/strangers"
    report nothing_but_lua_is_in_its_section "$work/strangers"
    without_failing grep -E '^lua(|[A-Z]|open)_.* [.]' "$symbols" >"$work/outside"
    report all_of_lua_is_in_its_section "$work/outside"
    : >"$work/few"
    if (($(wc -l <"$work/inside") < 300)); then echo "only $(wc -l <"$work/inside") functions in it" >"$work/few"; fi
    report the_section_is_not_empty "$work/few"
}

# The globals that Swift makes on their first use are made before a process's first call, or a fork could leave a child
# waiting for one (Sources/LuawaitABI/FirstUse.swift).
check_globals() {
    local made=Sources/LuawaitRuntime/Globals.swift mangled type name
    nm "$unstripped" | sed -nE 's/.* [$]s1[0-9]Luawait(Runtime|ABI)(.*)_WZ$/\2/p' >"$work/mangled"
    : >"$work/forgotten"
    while read -r mangled; do
        # 11EvalOptionsV4keys: the lengths of names, the names, and what kind the first is.
        read -r type name <<<"$(sed -E 's/^[0-9]+//; s/33_.*//; s/[OVC][0-9]+/ /' <<<"$mangled")"
        grep -qE "\b$type${name:+\b.*\b$name}\b" "$made" || echo "$type $name" >>"$work/forgotten"
    done <"$work/mangled"
    report globals_are_made_before_the_first_call "$work/forgotten"
    : >"$work/none"
    [[ -s $work/mangled ]] || echo "no global found in $unstripped" >"$work/none"
    report globals_are_found "$work/none"
}

unstripped=.build/release/libluawait.so
dynamic=$(readelf -dW "$library")
needed=$(sed -nE 's/.*\(NEEDED\).*\[(.*)\]$/\1/p' <<<"$dynamic")

expect soname_carries_the_abi "$dynamic" '\(SONAME\).*\[libluawait\.so\.0\]$'
# A process keeps the library once it is loaded: threads and signal handlers of it may still be around.
expect library_is_never_unloaded "$dynamic" '\(FLAGS_1\).*NODELETE'
lua=$(readlink .build/lua/chosen)
if [[ $lua == bundled ]]; then
    without_failing grep -E '^liblua' <<<"$needed" >"$work/lua"
    report the_bundled_lua_is_the_only_one "$work/lua"
    check_lua_section
else
    expect lua_comes_from_the_system "$needed" '^liblua5\.4\.so\.0$'
fi
check_globals
expect jansson_comes_from_the_system "$needed" '^libjansson\.so\.4$'

allowed='lib(c|m|dl|pthread|gcc_s|stdc\+\+)\.so\.[0-9]+|libjansson\.so\.4|liblua5\.4\.so\.0|ld-linux.*'
without_failing grep -vxE "$allowed" <<<"$needed" >"$work/needed"
report nothing_else_is_needed "$work/needed"

# A search path of the machine that built it would be a hole on every other.
sed -nE 's/.*\((RPATH|RUNPATH)\).*\[(.*)\]$/\2/p' <<<"$dynamic" | without_failing grep -vxF "\$ORIGIN" >"$work/paths"
report library_search_paths_are_relative "$work/paths"

# Undefined symbols name what a dynamic link wants. The strings are those that libdispatch and Foundation carry in every
# build, also when linked statically into a stripped library.
nm -D --undefined-only "$library" |
    without_failing grep -E ' (_?dispatch_|[$]s10Foundation|[$]s8Dispatch|swift_)' >"$work/undefined"
report no_symbol_of_swift_foundation_or_dispatch_is_wanted "$work/undefined"
strings -a "$library" >"$work/strings"
without_failing grep -E 'BUG IN (CLIENT OF )?LIBDISPATCH' "$work/strings" >"$work/dispatch"
report dispatch_is_not_linked_in "$work/dispatch"
without_failing grep -E 'FoundationEssentials|_CFRuntime' "$work/strings" >"$work/foundation"
report foundation_is_not_linked_in "$work/foundation"
import='^[[:space:]]*(@[a-zA-Z_()]+[[:space:]]+)*([a-z]+[[:space:]]+)?import[[:space:]]+(Foundation|Dispatch)'
without_failing grep -rnE "$import" Sources --include='*.swift' >"$work/imports"
report sources_import_neither "$work/imports"

without_failing grep -E 'GNU_STACK.*E' <<<"$(readelf -lW "$library" | grep GNU_STACK | sed 's/0x[0-9a-f]*//g')" \
    >"$work/stack"
report stack_is_not_executable "$work/stack"
without_failing grep -E '\(TEXTREL\)' <<<"$dynamic" >"$work/textrel"
report code_is_position_independent "$work/textrel"

size=$(stat -Lc %s "$library")
limit=8000000
: >"$work/size"
if ((size >= limit)); then
    echo "$size bytes, the limit is $limit" >"$work/size"
fi
report library_is_smaller_than_8_mb "$work/size"

echo "$size bytes; needs $(tr '\n' ' ' <<<"$needed")"
echo "$passed passed, $failed failed"
((failed == 0))
