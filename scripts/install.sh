#!/usr/bin/env bash
# Installs the staged library, its header and its pkg-config file, or removes them again.
# Usage: scripts/install.sh install|uninstall; PREFIX (/usr/local) and DESTDIR (none) come from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
if [[ $prefix != /* ]]; then
    echo "install: PREFIX must be an absolute path, not \`$prefix\`" >&2
    exit 2
fi
root=${DESTDIR:-}$prefix
version=$(scripts/version.sh)
library=libluawait.so.$version
soname=libluawait.so.${version%%.*}
header=include/luawait.h
pc=lib/pkgconfig/luawait.pc

# The dynamic linker's cache is the running system's business, not that of a package being put together.
refresh_linker_cache() {
    local ldconfig
    if [[ -z ${DESTDIR:-} && $(id -u) -eq 0 ]] && ldconfig=$(PATH=$PATH:/usr/sbin:/sbin command -v ldconfig); then
        "$ldconfig"
    fi
}

do_install() {
    local temporary
    if [[ ! -e .build/stage/lib/$library ]]; then
        echo "install: no library in .build/stage; run \`make build\` first" >&2
        exit 1
    fi
    mkdir -p "$root/lib/pkgconfig" "$root/include"
    temporary=$(mktemp -d "$root/lib/.luawait.XXXXXX")
    # shellcheck disable=SC2064 # the directory's name is known now and gone later
    trap "rm -rf '$temporary'" EXIT
    # Renamed into place, never written over: programs that run keep the library they have.
    install -m 644 ".build/stage/lib/$library" "$temporary/library"
    mv -fT "$temporary/library" "$root/lib/$library"
    ln -s "$library" "$temporary/soname"
    mv -fT "$temporary/soname" "$root/lib/$soname"
    ln -s "$soname" "$temporary/name"
    mv -fT "$temporary/name" "$root/lib/libluawait.so"
    install -m 644 .build/stage/include/luawait.h "$root/$header"
    sed -e "s|@prefix@|$prefix|" -e "s|@version@|$version|" scripts/luawait.pc.in \
        >"$temporary/pc"
    install -m 644 "$temporary/pc" "$root/$pc"
    refresh_linker_cache
    echo "install: Luawait $version into $root"
}

do_uninstall() {
    rm -f "$root/lib/$library" "$root/lib/$soname" "$root/lib/libluawait.so" "$root/$header" "$root/$pc"
    refresh_linker_cache
    echo "uninstall: Luawait $version from $root"
}

case "${1:-}" in
install) do_install ;;
uninstall) do_uninstall ;;
*)
    echo "usage: scripts/install.sh install|uninstall" >&2
    exit 2
    ;;
esac
