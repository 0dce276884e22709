#!/usr/bin/env bash
# Checks the models in docs/model exhaustively: every interleaving, for the sizes given here. Usage: check-model.sh
# JOBS says how many are checked at once (2); the largest take a gigabyte or so each.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/.build/model
export out

# check NAME [-DCONSTANT=VALUE…]
check() {
    local name=$1 folder=$out/${*// /}
    folder=${folder//[ =]/_}
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "docs/model/$name.pml" "$folder/"
    shift
    (
        cd "$folder"
        spin "$@" -a "$name.pml"
        "${CC:-cc}" -O2 -DSAFETY -DCOLLAPSE -w -o pan pan.c
        # -E would leave out invalid end states, which are the lost wake-ups.
        ./pan -m1000000 -w24 >pan.log
    )
    # One write each, so that the output of those that run at once does not mix.
    if grep -q 'errors: 0$' "$folder/pan.log" && ! grep -q 'max search depth too small' "$folder/pan.log"; then
        echo "ok $name $* ($(sed -n 's/^ *\([0-9e.+]*\) states, stored.*/\1/p' "$folder/pan.log") states)"
    else
        (cd "$folder" && spin "$@" -t -p -g "$name.pml" | tail -n 80) >"$folder/trail.log"
        echo "FAILED $name $*"$'\n'"$(cat "$folder/pan.log" "$folder/trail.log")"
    fi
}

# The largest come first, so that none of them is left over in the end.
models=(
    "host_signal -DPRODUCERS=2 -DHOSTS=2"
    "notifier -DEVALS=3"
    "eval -DCALLS=3"
    "eval"
    "notifier -DEVALS=2"
    "notifier -DEVALS=2 -DREARMS=1"
    "notifier -DEVALS=2 -DMAIN_ONLY=1"
    "host_signal -DPRODUCERS=2 -DHOSTS=1"
    "host_signal -DPRODUCERS=1 -DHOSTS=2"
    "stop_signal"
    "stop_signal -DFAILING=1"
)
mkdir -p "$out"
export -f check
# Bash is named in full: xargs starts it anew for each, with the function above from the environment.
# shellcheck disable=SC2016
printf '%s\n' "${models[@]}" |
    xargs -P "${JOBS:-2}" -L 1 bash -c 'set -euo pipefail; check "$@" || echo "FAILED $*: no result"' check |
    tee "$out/check.log"

passed=$(grep -c '^ok ' "$out/check.log" || true)
failed=$((${#models[@]} - passed))
echo "$passed passed, $failed failed"
((failed == 0))
