#!/usr/bin/env bash
# Prints the version, such as 0.1.0. Its one home is LUAWAIT_VERSION in the public header.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^#define LUAWAIT_VERSION "\([0-9]*\.[0-9]*\.[0-9]*\)"$/\1/p' Include/luawait.h)
if [[ -z $version ]]; then
    echo "version: no LUAWAIT_VERSION in Include/luawait.h" >&2
    exit 1
fi
echo "$version"
