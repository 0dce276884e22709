#!/usr/bin/env bash
# Builds the fuzz targets in Tests/Fuzz and runs them.
#
# Usage: scripts/fuzz.sh run SECONDS [TARGET...]    fuzzes each so long, from the kept seeds and what was found before
#        scripts/fuzz.sh replay [TARGET...]         runs the kept seeds and crashes alone
#        scripts/fuzz.sh minimise [TARGET...]       makes the seeds the least that covers what has been found
#   The targets: fuzz_json, fuzz_script, fuzz_pattern, fuzz_options; without any, all of them.
#
# What is found grows in .build/fuzz/corpus, and is worth keeping for long runs; a crashing input is left in
# .build/fuzz/crashes. The fuzzer (libFuzzer) and the sanitizers come with the Swift toolchain's clang; CLANG names
# another. FUZZ_SEED makes a run begin like the last one of the same number. fuzz_options runs a library of its own,
# with AddressSanitizer and coverage, and replays on the one in STAGE.
set -euo pipefail
cd "$(dirname "$0")/.."

export LUA_VARIANT=${LUA_VARIANT-sanitized}
# shellcheck source=scripts/lua-env.sh
. scripts/lua-env.sh

BUILD=${BUILD:-$PWD/.build/fuzz}
if [[ -n $LUA_VARIANT && $LUA_VARIANT != sanitized ]]; then BUILD=$BUILD-$LUA_VARIANT; fi
STAGE=${STAGE:-$PWD/.build/stage}
CLANG=${CLANG:-$(dirname "$(readlink -f "$(command -v swift)")")/clang}
SANITIZERS=address,undefined
FLAGS=(-g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all)
WARNINGS=(-Wall -Wextra -Werror -pedantic)
SMALL_STEPS=(-DLWB_STEPS_BETWEEN_LOOKS=2 -DLWB_PATTERN_WINDOW=7)
read -r -a INCLUDES <<<"$(pkg-config --cflags lua5.4 jansson)"
read -r -a LIBRARIES <<<"$(pkg-config --libs lua5.4 jansson)"

# Lua's longjmps leave frames without telling the sanitizer, which it takes for use after return. What has been freed is
# kept for a while, but not for so long that it is half a gigabyte.
export ASAN_OPTIONS=detect_stack_use_after_return=0:quarantine_size_mb=32

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# is_new PROGRAM PLACE...: whether nothing in the places has changed since it was built.
is_new() {
    local program=$1
    shift
    [[ -e $program && -z $(find "$@" -newer "$program" -print -quit) ]]
}

# compile_bridge FOLDER [DEFINITION...]: the bridge's own sources, so that the fuzzer sees its branches.
compile_bridge() {
    local folder=$1 flags=("${FLAGS[@]}" "-fsanitize=$SANITIZERS,fuzzer-no-link") sources=Sources/CLuaBridge
    shift
    if is_new "$folder/compiled" "$sources" scripts/fuzz.sh; then return; fi
    mkdir -p "$folder"
    rm -f "$folder"/*.o   # also those of files that are no more
    touch "$folder/begun" # what changes from here on makes it old
    sources=$PWD/$sources
    (
        cd "$folder" || exit 1
        "$CLANG++" -std=c++17 "${flags[@]}" "-I$sources/include" -c "$sources/values/number_format.cpp" &&
            "$CLANG" -std=gnu11 "${WARNINGS[@]}" "${flags[@]}" "$@" "-I$sources" "-I$sources/include" \
                "${INCLUDES[@]}" -c "$sources"/*/*.c
    ) || return 1
    mv "$folder/begun" "$folder/compiled"
}

# link_bridge_target TARGET FOLDER [ARGUMENT...]
link_bridge_target() {
    local target=$1 folder=$2
    shift 2
    if is_new "$BUILD/$target" "$folder/compiled" Tests/Fuzz/*.[ch] Tests/Faults/refusals.[ch]; then return; fi
    "$CLANG" -std=gnu11 "${WARNINGS[@]}" "${FLAGS[@]}" "-fsanitize=$SANITIZERS,fuzzer" -fuse-ld=lld \
        -ISources/CLuaBridge -ISources/CLuaBridge/include "${INCLUDES[@]}" "Tests/Fuzz/$target.c" "$folder"/*.o "$@" \
        -o "$BUILD/$target" "${LIBRARIES[@]}" -lstdc++ -lm -pthread
}

# link_options PROGRAM LIBRARY_FOLDER
link_options() {
    "$CLANG" -std=c11 "${WARNINGS[@]}" "${FLAGS[@]}" "-fsanitize=$SANITIZERS,fuzzer" -fuse-ld=lld -IInclude \
        Tests/Fuzz/fuzz_options.c -o "$1" "-L$2" -lluawait "-Wl,-rpath,$2" -rdynamic
}

# The library with coverage, which it reports to the program (hence -rdynamic).
build_options() {
    local scratch=$PWD/.build-fuzz coverage=inline-8bit-counters,pc-table,trace-cmp
    if ! swift build --sanitize=address --scratch-path "$scratch" --product luawait \
        -Xswiftc "-sanitize-coverage=edge,$coverage" -Xcc "-fsanitize-coverage=$coverage" >"$BUILD/swift.log" 2>&1; then
        cat "$BUILD/swift.log"
        return 1
    fi
    mkdir -p "$scratch/stage"
    cp "$scratch/debug/libluawait.so" "$scratch/stage/libluawait.so.0"
    ln -sf libluawait.so.0 "$scratch/stage/libluawait.so"
    link_options "$BUILD/fuzz_options" "$scratch/stage"
}

build() {
    mkdir -p "$BUILD"
    case $1 in
    fuzz_json) compile_bridge "$BUILD/bridge" && link_bridge_target fuzz_json "$BUILD/bridge" ;;
    fuzz_script)
        # Looks for orders are counted, so that a run depends on no clock.
        compile_bridge "$BUILD/bridge" && link_bridge_target fuzz_script "$BUILD/bridge" Tests/Fuzz/lua_mutator.c \
            Tests/Faults/refusals.c -ITests/Faults -Wl,--wrap=lwb_stopper_look,--wrap=lwb_allocate
        ;;
    fuzz_pattern)
        compile_bridge "$BUILD/bridge-sliced" "${SMALL_STEPS[@]}" &&
            link_bridge_target fuzz_pattern "$BUILD/bridge-sliced" "${SMALL_STEPS[@]}"
        ;;
    fuzz_options) build_options ;;
    *) usage ;;
    esac
}

# Sets `options` to what a target wants of the fuzzer: how long inputs get, and what they are made of.
options_of() {
    case $1 in
    fuzz_json) options=(-max_len=2000 -dict=Tests/Fuzz/json.dict) ;;
    fuzz_script) options=(-max_len=4000 -dict=Tests/Fuzz/lua.dict) ;;
    # It keeps a Lua state from one input to the next, which grows and shrinks.
    fuzz_pattern) options=(-max_len=400 -dict=Tests/Fuzz/pattern.dict -detect_leaks=0) ;;
    fuzz_options) options=(-max_len=3000 -dict=Tests/Fuzz/options.dict -close_fd_mask=1) ;;
    esac
    # Far more than any input takes on a busy machine, and far less than forever. Where all garbage is collected at each
    # chance, two hundred coroutines within one another take minutes.
    options+=("-timeout=$([[ $LUA_VARIANT == moving ]] && echo 900 || echo 60)")
}

# figure LOG PATTERN: the number behind PATTERN, where it comes last.
figure() {
    grep -a -o "$2 *[0-9]\+" "$1" | tail -n 1 | grep -o '[0-9]\+$' || echo 0
}

# Sets `kept` to the folders of a target's kept inputs.
kept_of() {
    kept=("Tests/Fuzz/seeds/$1")
    if [[ -d Tests/Fuzz/crashes/$1 ]]; then kept+=("Tests/Fuzz/crashes/$1"); fi
}

# Adds the hostile scripts to a target's inputs, each as one of its own, in a context as it wants it.
add_hostile() {
    local folder=$BUILD/hostile
    if [[ $1 != fuzz_script || ! -d Tests/Hostile ]]; then return; fi
    mkdir -p "$folder"
    find Tests/Hostile -name '*.lua' -exec awk -v folder="$folder" '
        /^--# / { close(out); out = folder "/" $2 ".lua"; print (/; *shared/ ? "--~C" : "--~@") >out; next }
        out { print >out }' {} +
    kept+=("$folder")
}

# In the functions below a failure is no end: the next target has its turn. So each step says what a failure means.
run() {
    local target=$1 options kept input status=0
    local corpus=$BUILD/corpus/$target crashes=$BUILD/crashes/$target log=$BUILD/$target.log
    build "$target" || return 1
    options_of "$target"
    kept_of "$target"
    add_hostile "$target"
    mkdir -p "$corpus" "$crashes"
    if [[ -n ${FUZZ_SEED:-} ]]; then options+=("-seed=$FUZZ_SEED"); fi
    "$BUILD/$target" "${options[@]}" "-max_total_time=$seconds" -print_final_stats=1 "-artifact_prefix=$crashes/" \
        "$corpus" "${kept[@]}" >"$log" 2>&1 || status=$?
    echo "$target: $(figure "$log" stat::number_of_executed_units:) executions" \
        "($(figure "$log" stat::average_exec_per_sec:)/s)," \
        "$(figure "$log" stat::new_units_added:) new inputs," \
        "coverage $(figure "$log" 'INITED cov:') -> $(figure "$log" ' cov:')"
    if ((status == 0)); then return; fi
    grep -a -B 1 -A 12 "does not hold\|ERROR: \|^different" "$log" | head -n 40
    echo "$target: FAILED; all of it is in $log"
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [[ -n $input ]]; then
        echo "the input: $input"
        echo "again:     ASAN_OPTIONS=$ASAN_OPTIONS $BUILD/$target -timeout=60 $input"
        echo "once it is mended, keep the input in Tests/Fuzz/crashes/$target"
    fi
    return 1
}

replay() {
    local target=$1 program=$BUILD/$1 log=$BUILD/$1.replay.log options kept inputs
    if [[ $target == fuzz_options ]]; then
        # Building the other library would take longer than all the rest.
        program=$BUILD/fuzz_options_replay
        mkdir -p "$BUILD"
        link_options "$program" "$STAGE/lib" || return 1
    else
        build "$target" || return 1
    fi
    options_of "$target"
    kept_of "$target"
    mapfile -t inputs < <(find "${kept[@]}" -type f | sort)
    if ! "$program" "${options[@]}" "${inputs[@]}" >"$log" 2>&1; then
        grep -a -v '^Executed\|^Running' "$log" | tail -n 60
        echo "$target: FAILED, $(grep -a '^Running' "$log" | tail -n 1); all of it is in $log"
        return 1
    fi
    echo "$target: ${#inputs[@]} kept inputs"
}

# The seeds with an extension are written by hand, and stay: they say what is meant to be covered.
minimise() {
    local target=$1 smaller=$BUILD/smaller/$1 options kept
    build "$target" || return 1
    options_of "$target"
    kept_of "$target"
    add_hostile "$target"
    rm -rf "$smaller"
    mkdir -p "$smaller" "$BUILD/corpus/$target"
    find "${kept[0]}" -type f -name '*.*' -exec cp -t "$smaller" {} +
    if ! "$BUILD/$target" "${options[@]}" -set_cover_merge=1 "$smaller" "${kept[@]}" "$BUILD/corpus/$target" \
        >"$BUILD/$target.merge.log" 2>&1; then
        echo "$target: FAILED, see $BUILD/$target.merge.log"
        return 1
    fi
    find "${kept[0]}" -type f ! -name '*.*' -delete
    cp "$smaller"/* "${kept[0]}"
    echo "$target: $(find "${kept[0]}" -type f | wc -l) seeds, $(cat "${kept[0]}"/* | wc -c) bytes"
}

command=${1:-}
shift || usage
case $command in
run)
    seconds=${1:-}
    [[ $seconds =~ ^[0-9]+$ ]] || usage
    shift
    ;;
replay | minimise) ;;
*) usage ;;
esac
targets=("$@")
if ((${#targets[@]} == 0)); then targets=(fuzz_json fuzz_script fuzz_pattern fuzz_options); fi

failed=0
for target in "${targets[@]}"; do
    case $command in
    run) run "$target" || failed=1 ;;
    replay) replay "$target" || failed=1 ;;
    minimise) minimise "$target" || failed=1 ;;
    esac
done
exit "$failed"
