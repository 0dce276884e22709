#!/usr/bin/env bash
# Checks the models in docs/model exhaustively: every interleaving, for the sizes given here. Usage: check-model.sh
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/.build/model
passed=0
failed=0

# check NAME [-DCONSTANT=VALUE…]
check() {
    local name=$1
    shift
    local folder=$out/$name
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "docs/model/$name.pml" "$folder/"
    (
        cd "$folder"
        spin "$@" -a "$name.pml"
        "${CC:-cc}" -O2 -DSAFETY -DCOLLAPSE -w -o pan pan.c
        # -E would leave out invalid end states, which are the lost wake-ups.
        ./pan -m1000000 -w24 >pan.log
    )
    if grep -q 'errors: 0$' "$folder/pan.log" && ! grep -q 'max search depth too small' "$folder/pan.log"; then
        passed=$((passed + 1))
        echo "ok $name $* ($(sed -n 's/^ *\([0-9e.+]*\) states, stored.*/\1/p' "$folder/pan.log") states)"
    else
        failed=$((failed + 1))
        echo "FAILED $name $*"
        cat "$folder/pan.log"
        (cd "$folder" && spin "$@" -t -p -g "$name.pml" | tail -n 80)
    fi
}

check eval
check eval -DCALLS=3
check notifier -DEVALS=2
check notifier -DEVALS=3
check stop_signal
check host_signal -DPRODUCERS=1 -DHOSTS=2
check host_signal -DPRODUCERS=2 -DHOSTS=1
check host_signal -DPRODUCERS=2 -DHOSTS=2

echo "$passed passed, $failed failed"
((failed == 0))
