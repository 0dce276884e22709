#!/usr/bin/env bash
# Compiles and runs the benchmarks against the staged library. Usage: bench/run.sh [NAME...], such as `cpu_bound`.
set -euo pipefail
cd "$(dirname "$0")/.."

stage=$PWD/.build/stage
out=$PWD/.build/bench
all=(futex_pingpong host_call_roundtrip start_to_outcome yield_resume cpu_bound cancel_latency load_time parked_memory
    context_ends json_values patterns tables event_batches fd_wakeup host_run_overrun fairness)

if [[ ! -e $stage/lib/libluawait.so ]]; then
    echo "bench: no library in .build/stage; run \`make build\` first" >&2
    exit 1
fi

selected=("$@")
if ((${#selected[@]} == 0)); then
    selected=("${all[@]}")
fi

mkdir -p "$out"
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh
read -ra flags < <(pkg-config --cflags lua5.4 jansson)
read -ra libs < <(pkg-config --libs lua5.4 jansson)
for name in "${selected[@]}"; do
    if [[ ! -f bench/$name.c ]]; then
        echo "bench: no benchmark \`$name\`; there are: ${all[*]}" >&2
        exit 1
    fi
    ours=(-L"$stage/lib" -lluawait "-Wl,-rpath,$stage/lib")
    # Loads the library itself, by path.
    if [[ $name == load_time ]]; then
        ours=(-ldl)
    fi
    # The yardsticks are programs over the same Lua. The bundled one wants a seed, which the library gives by itself.
    "${CC:-cc}" -O2 -std=c11 -Wall -Wextra -Werror -pedantic -pthread -I"$stage/include" "${flags[@]}" \
        "bench/$name.c" scripts/lua/hash_seed.c -o "$out/$name" "${ours[@]}" "${libs[@]}"
done

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
version=$(sed -n 's/^#define LUAWAIT_VERSION "\(.*\)"$/\1/p' "$stage/include/luawait.h")
echo "Machine:  ${cpu:-$(uname -m)}, $(nproc) cores, Linux $(uname -r)"
echo "Software: Luawait $version, Lua $(pkg-config --modversion lua5.4) ($(readlink .build/lua/chosen))," \
    "jansson $(pkg-config --modversion jansson), ${CC:-cc} $("${CC:-cc}" -dumpversion)"
echo "Figures are medians of alternating rounds in one process; \`x\` is the ratio to the yardstick above it."
for name in "${selected[@]}"; do
    arguments=()
    if [[ $name == load_time ]]; then
        arguments=("$stage/lib/libluawait.so")
    fi
    "$out/$name" "${arguments[@]}"
done
