#!/usr/bin/env bash
# Checks which Lua scripts/lua.sh chooses: in a copy of the scripts, where nothing can be fetched unless a test brings
# it.
set -euo pipefail
cd "$(dirname "$0")/.."

sources=$PWD/.build/lua/lua-5.4.9/src
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# Nobody can be asked for sources. `apt-get` and `curl` bring what is in $work/offer, if it is there.
mkdir -p "$work/bin"
cat >"$work/bin/curl" <<'STUB'
#!/usr/bin/env bash
while [[ $1 != -o ]]; do shift; done
cp "$OFFER" "$2"
STUB
printf '#!/bin/sh\nexit 100\n' >"$work/bin/apt-get"
chmod +x "$work"/bin/*
export OFFER=$work/offer

fresh() {
    rm -rf "$work/tree" "$OFFER"
    mkdir -p "$work/tree"
    cp -r scripts "$work/tree/"
}

# choose [NAME=VALUE...]: runs the choice, keeps what it says, gives its status.
choose() {
    (cd "$work/tree" && env -u LUA -u LUA_SOURCE -u PKG_CONFIG_PATH "PATH=$work/bin:$PATH" "$@" scripts/lua.sh choose) >"$work/said" 2>&1
}

chosen() { readlink "$work/tree/.build/lua/chosen" 2>/dev/null || echo none; }
says() { grep -qF -- "$1" "$work/said"; }

# check NAME CONDITION...: the condition is a command.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "FAILED $name: chose $(chosen), and said:"
        sed 's/^/    /' "$work/said"
        failed=$((failed + 1))
    fi
}

# Whether the system's Lua is sound decides what is expected.
fresh
choose LUA=system
check the_system_s_lua_can_be_forced test "$(chosen)" = system
is_sound=yes
says WARNING && is_sound=no

fresh
if choose; then status=0; else status=$?; fi
if [[ $is_sound == yes ]]; then
    check a_sound_system_s_lua_is_taken test "$(chosen)" = system
else
    goes_on() { [[ $status == 0 && $(chosen) == system ]] && says WARNING && says "fails probes" && says "LUA_SOURCE=folder"; }
    check without_sources_the_build_goes_on_with_the_system_s_and_a_warning goes_on
fi

fresh
refuses() { ! choose LUA=bundled && [[ $(chosen) == none ]]; }
check a_bundled_lua_that_cannot_be_had_is_an_error refuses

fresh
echo "not the tarball" >"$OFFER"
throws_away() { ! choose LUA=bundled && says "thrown away" && [[ ! -e $work/tree/.build/lua/lua-5.4.9.tar.gz ]]; }
check a_file_of_another_checksum_is_thrown_away throws_away

fresh
refuses_folder() { ! choose LUA=bundled "LUA_SOURCE=$work/bin" && says "no lapi.c in there"; }
check a_folder_without_sources_is_named refuses_folder

fresh
# shellcheck disable=SC2016 # backquotes are what it says
refuses_word() { ! choose LUA=luajit && says 'LUA=luajit: only `system` and `bundled` can be meant'; }
check an_unknown_choice_is_named refuses_word

if [[ -e $sources/lapi.c ]]; then
    fresh
    takes_folder() { choose LUA=bundled "LUA_SOURCE=$sources" && [[ $(chosen) == bundled ]] && ! says "not to be had"; }
    check a_local_copy_is_taken_and_nothing_fetched takes_folder
    says_so() { grep -q '^pass ' "$work/tree/.build/lua/bundled/probes.txt" && ! grep -q '^fail ' "$work/tree/.build/lua/bundled/probes.txt"; }
    check the_bundled_lua_passes_all_probes says_so
fi

echo "$passed passed, $failed failed"
((failed == 0))
