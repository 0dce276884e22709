#!/usr/bin/env bash
# Checks that the staged library exports exactly the functions that the public header declares: none missing, none more,
# and no symbol of any other kind.
set -euo pipefail
cd "$(dirname "$0")/.."

header=Include/luawait.h
library=.build/stage/lib/libluawait.so
if [[ ! -e $library ]]; then
    echo "$library is missing: run \`make build\` first" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The preprocessor drops comments and macros. What remains is cut into declarations; those that are not types and have a
# name of ours before a parenthesis declare a function.
"${CC:-cc}" -std=c11 -E -P "$header" | tr '\n' ' ' | tr ';' '\n' | grep -v -w typedef |
    grep -oE '\bluawait_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$work/declared"

# Without a version script's version behind the name.
nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/exported"
# T and W are functions; anything else (data, say) is none of the header's.
nm -D --defined-only "$library" | awk '$2 != "T" { print $3 " (" $2 ")" }' >"$work/no_functions"

passed=0
failed=0

# report NAME FILE: passes when the file is empty, else shows its lines.
report() {
    if [[ -s $2 ]]; then
        echo "FAILED $1"
        sed 's/^/    /' "$2"
        failed=$((failed + 1))
    else
        echo "ok $1"
        passed=$((passed + 1))
    fi
}

# A parser that finds nothing would find nothing wrong either.
grep -qx luawait_engine_new "$work/declared" && grep -qx luawait_set_notifier "$work/declared" ||
    echo "the header's functions were not recognised" >"$work/unrecognised"
touch "$work/unrecognised"
comm -23 "$work/declared" "$work/exported" >"$work/missing"
comm -13 "$work/declared" "$work/exported" >"$work/surplus"

report functions_of_the_header_are_recognised "$work/unrecognised"
report every_declared_function_is_exported "$work/missing"
report every_export_is_declared "$work/surplus"
report every_export_is_a_function "$work/no_functions"
echo "$(wc -l <"$work/declared") functions declared, $(wc -l <"$work/exported") symbols exported"
echo "$passed passed, $failed failed"
((failed == 0))
