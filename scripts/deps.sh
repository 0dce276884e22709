#!/usr/bin/env bash
# Installs the Debian packages that goals need and the machine lacks. Usage: scripts/deps.sh run|test|lint|model...
#
# Silent when nothing is missing. What counts is whether a tool or library can be used, not whether a package of some
# name is installed: a compiler from elsewhere is as good. As root or with passwordless sudo it installs; otherwise it
# prints the one command to run and fails.
set -euo pipefail

swift_needed=6.2
missing=()

# need PACKAGE PROBE...: the package is missing when the probe fails.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

# To build the library and run the example.
probe_run() {
    need gcc command -v cc
    need g++ command -v c++
    need binutils command -v strip
    need pkg-config command -v pkg-config
    need git command -v git
    need python3 command -v python3
    need liblua5.4-dev pkg-config --exists lua5.4
    need libjansson-dev pkg-config --exists jansson
}

probe_venv() {
    need python3-venv python3 -c 'import ensurepip, venv'
}

# To test: everything above and what the tests call.
probe_test() {
    probe_run
    probe_venv
    need lua5.4 command -v lua5.4
    need valgrind command -v valgrind
    need libglib2.0-dev pkg-config --exists glib-2.0
    need libuv1-dev pkg-config --exists libuv
    need locales test -e /usr/share/i18n/charmaps/ISO-8859-1.gz # Tests/C/comma.locale
}

probe_lint() {
    probe_venv
    need clang-format command -v clang-format
    need shellcheck command -v shellcheck
}

probe_model() {
    need gcc command -v cc
    need spin command -v spin
}

# probe KIND...: fills `missing` with what these kinds of goals lack, each package once.
probe() {
    local kind
    missing=()
    for kind in "$@"; do
        case "$kind" in
        run) probe_run ;;
        test) probe_test ;;
        lint) probe_lint ;;
        model) probe_model ;;
        *)
            echo "usage: scripts/deps.sh run|test|lint|model..." >&2
            exit 2
            ;;
        esac
    done
    if ((${#missing[@]} > 0)); then
        mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    fi
}

install_missing() {
    local as_root=()
    local command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "deps: missing, by their Debian names: ${missing[*]}. Install what your system calls them." >&2
        return 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! sudo -n true 2>/dev/null; then
            echo "deps: missing packages. Run this, then try again:" >&2
            echo "    sudo sh -c '$command'" >&2
            return 1
        fi
        as_root=(sudo -n)
    fi
    echo "deps: installing ${missing[*]}"
    "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# The toolchain is not a Debian package: this only says how to get it.
check_swift() {
    local found=""
    if command -v swift >/dev/null; then
        found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
        if [[ -n $found && $(printf '%s\n' "$swift_needed" "$found" | sort -V | head -n 1) == "$swift_needed" ]]; then
            return 0
        fi
        echo "deps: Swift $swift_needed or newer is needed; \`swift\` here is ${found:-of no known version}." >&2
    else
        echo "deps: Swift $swift_needed or newer is needed, and there is no \`swift\` on the PATH." >&2
    fi
    echo "deps: Get the toolchain for your system from https://www.swift.org/install/linux/, unpack it," >&2
    echo "deps: put its usr/bin directory on the PATH and try again." >&2
    return 1
}

status=0
probe "$@"
if ((${#missing[@]} > 0)); then
    install_missing || status=1
    if ((status == 0)); then
        probe "$@"
        if ((${#missing[@]} > 0)); then
            echo "deps: installed, and still not usable: ${missing[*]}" >&2
            status=1
        fi
    fi
fi
check_swift || status=1
exit "$status"
