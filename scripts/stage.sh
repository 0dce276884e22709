#!/usr/bin/env bash
# Puts the release library, stripped and under its versioned name, with its header into .build/stage, or STAGE. BUILT is
# the library as it was built.
#
# Files are written beside their final place and then renamed, so that a program which has the old library loaded
# keeps it, and nobody ever sees half of a new one.
set -euo pipefail
cd "$(dirname "$0")/.."

stage=${STAGE:-.build/stage}
built=${BUILT:-.build/release/libluawait.so}
version=$(scripts/version.sh)

mkdir -p "$stage/lib" "$stage/include"
temporary=$(mktemp -d "$stage/.new.XXXXXX")
trap 'rm -rf "$temporary"' EXIT

# put TEMPORARY FINAL: renames, unless the same content is there already.
put() {
    if ! cmp -s "$1" "$2"; then
        chmod 644 "$1"
        mv -fT "$1" "$2"
    fi
}

# link TARGET LINK
link() {
    ln -s "$1" "$temporary/link"
    mv -fT "$temporary/link" "$2"
}

strip --strip-unneeded -o "$temporary/library" "$built"
cp Include/luawait.h "$temporary/header"

library=libluawait.so.$version
soname=libluawait.so.${version%%.*}
put "$temporary/library" "$stage/lib/$library"
put "$temporary/header" "$stage/include/luawait.h"
link "$library" "$stage/lib/$soname"
link "$soname" "$stage/lib/libluawait.so"

# What an older version left behind.
for old in "$stage"/lib/libluawait.so.*; do
    case "${old##*/}" in
    "$library" | "$soname") ;;
    *) rm -f "$old" ;;
    esac
done

echo "build: $stage/lib/$library, $(du -k --apparent-size "$stage/lib/$library" | cut -f 1) KiB"
