#!/usr/bin/env bash
# Checks formatting and style of all sources; with --fix, applies the formatters instead. What is checked is here,
# how is in .swift-format, .clang-format and ruff.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

swift_sources=(Sources Tests Package.swift)
c_directories=(Include Sources/CLuaBridge Sources/CPlatform Tests/C Tests/Faults Tests/Fuzz Tests/Hostile Tests/Stress
    examples/c bench scripts/lua-probes)
python_directories=(bindings/python examples/python bench scripts)
shell_scripts=(scripts/*.sh bench/*.sh .ci/run)

c_list=$(find "${c_directories[@]}" -name '*.h' -o -name '*.c' -o -name '*.cpp')
mapfile -t c_sources <<<"$c_list"
ruff=.venv/bin/ruff

if [[ ${1:-} == --fix ]]; then
    swift format format --in-place --parallel --recursive "${swift_sources[@]}"
    clang-format -i "${c_sources[@]}"
    "$ruff" check --quiet --fix "${python_directories[@]}"
    "$ruff" format --quiet "${python_directories[@]}"
    exit 0
fi

failed=()

# check NAME COMMAND...: goes on after a failure, so that one run shows everything.
check() {
    local name=$1
    shift
    "$@" || failed+=("$name")
}

check swift-format swift format lint --strict --parallel --recursive "${swift_sources[@]}"
check clang-format clang-format --dry-run --Werror "${c_sources[@]}"
check ruff "$ruff" check --quiet "${python_directories[@]}"
check ruff-format "$ruff" format --check --quiet "${python_directories[@]}"
check shellcheck shellcheck "${shell_scripts[@]}"
check includes scripts/check-includes.py

if ((${#failed[@]} > 0)); then
    echo "not clean: ${failed[*]}; \`make format\` mends what is only formatting" >&2
    exit 1
fi
echo "Swift, C, Python and shell are clean"
