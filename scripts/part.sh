#!/usr/bin/env bash
# Runs one part of the tests. Usage: scripts/part.sh NAME COMMAND...
#
# What the command prints goes to .build/logs/NAME.log; here appear its closing line when it succeeds and its output
# when it fails. scripts/summary.py reads the logs and the statuses beside them.
set -euo pipefail

name=$1
shift
logs=$(dirname "$0")/../.build/logs
mkdir -p "$logs"
log=$(cd "$logs" && pwd)/$name.log
echo "$name: ..."
begin=$SECONDS
status=0
"$@" >"$log" 2>&1 || status=$?
echo "$status" >"${log%.log}.status"
elapsed=$((SECONDS - begin))
if ((status == 0)); then
    closing=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 || true)
    echo "$name: ok ($elapsed s)${closing:+: $closing}"
else
    lines=$(wc -l <"$log")
    if ((lines > 400)); then
        echo "(the last 400 of $lines lines)"
    fi
    tail -n 400 "$log"
    echo "$name: FAILED with status $status ($elapsed s); all of it is in .build/logs/$name.log" >&2
fi
exit "$status"
