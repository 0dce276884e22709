#!/usr/bin/env bash
# Makes the Luas that the library can be built with, and decides which one it is.
#
# Usage: scripts/lua.sh choose            the Lua of `make build`: .build/lua/chosen leads to it
#        scripts/lua.sh make VARIANT      one of them, in .build/lua/VARIANT:
#            system      the system's liblua5.4
#            bundled     Lua 5.4.9 in the library itself: static, hidden, its code in a section of its own
#            checked     the same with Lua's assertions and checks of its API's use
#            sanitized   the same as checked, with AddressSanitizer
#            moving      the same as sanitized, and at every place where Lua's stack may move it does, and where garbage may
#                        be collected all of it is
#            source-NAME the same as bundled, of the sources in the folder LUA_VARIANT_SOURCE
#
# LUA=system|bundled forces the choice. Otherwise it is the system's if that passes the probes of known memory faults
# (scripts/lua-probes), and else the bundled one if its sources can be had. LUA_SOURCE names a folder with them;
# without it they are fetched from Debian's source package or from lua.org, and held against their pinned checksum.
#
# A variant is a folder with a pkg-config file for lua5.4 and `luawait_lua.h`, which tells the library what it was built
# with. Programs find it by PKG_CONFIG_PATH (scripts/lua-env.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=5.4.9 CHECKSUM=2335b6c582a52654f94612bf10d2f4672805d05329aa6568b1d8cd9e5c6fb8e6
readonly ROOT=$PWD/.build/lua
readonly PROBES=$PWD/scripts/lua-probes
readonly PROBE_FILES=("$PROBES"/*.[ch] "$PROBES"/probes/*.lua)

say() { echo "lua: $*" >&2; }

# ---- Sources -------------------------------------------------------------------------------------------------------

has_checksum() {
    [[ -e $1 ]] && sha256sum --check --status <<<"$CHECKSUM  $1"
}

# Debian's archive under the name that the machine's apt knows, with a configuration of its own: the machine's is left
# alone.
apt_get() { "$1" -c "$ROOT/apt/apt.conf" "${@:2}"; }

fetch_from_debian() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror version apt=$ROOT/apt
    command -v apt-get >/dev/null && [[ -e $keyring ]] || return 1
    # shellcheck disable=SC2016 # apt expands it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' |
        head -n 1) || return 1
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$mirror" unstable "$keyring" "$mirror" testing \
        >"$apt/sources.list"
    # Without a sandbox user, who could not read this folder.
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
    apt_get apt-get -q update || return 1
    # Each paragraph is one version of the package.
    version=$(apt_get apt-cache showsrc lua5.4 | awk -v checksum="$CHECKSUM" '
        /^Version:/ { version = $2 }
        $1 == checksum { print version; exit }')
    [[ -n $version ]] || return 1
    (cd "$1" && apt_get apt-get -q source --download-only --tar-only "lua5.4=$version") || return 1
    mv "$1"/lua5.4_*.orig.tar.gz "$2"
}

fetch_from_lua_org() {
    local url=https://www.lua.org/ftp/lua-$VERSION.tar.gz
    if command -v curl >/dev/null; then
        curl -fsSL --connect-timeout 20 --max-time 120 -o "$2" "$url"
    else
        python3 - "$url" "$2" <<'PYTHON'
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer, open(sys.argv[2], "wb") as file:
    file.write(answer.read())
PYTHON
    fi
}

# Prints the folder with the pinned sources.
fetched_source() {
    local folder=$ROOT/lua-$VERSION tarball=$ROOT/lua-$VERSION.tar.gz way work
    if [[ ! -e $folder/src/lapi.c ]]; then
        mkdir -p "$ROOT"
        for way in fetch_from_debian fetch_from_lua_org; do
            if has_checksum "$tarball"; then break; fi
            work=$(mktemp -d "$ROOT/fetch.XXXXXX")
            "$way" "$work" "$work/tarball" >"$ROOT/$way.log" 2>&1 || say "${way//_/ }: not to be had"
            if [[ -e $work/tarball ]] && ! has_checksum "$work/tarball"; then
                say "${way//_/ }: a file of another checksum than the pinned one; thrown away"
            elif [[ -e $work/tarball ]]; then
                mv "$work/tarball" "$tarball"
            fi
            rm -rf "$work"
        done
        has_checksum "$tarball" || return 1
        tar -xzf "$tarball" -C "$ROOT"
    fi
    echo "$folder/src"
}

# Prints the folder with the sources of the bundled Lua.
source_folder() {
    local given=${LUA_SOURCE:-}
    if [[ -z $given ]]; then
        fetched_source
    elif [[ -e $given/lapi.c ]]; then
        (cd "$given" && pwd)
    elif [[ -e $given/src/lapi.c ]]; then
        (cd "$given/src" && pwd)
    else
        say "LUA_SOURCE=$given: no lapi.c in there"
        return 1
    fi
}

# ---- Variants ------------------------------------------------------------------------------------------------------

# defined NAME FOLDER: a number that lua.h gives as text, such as LUA_VERSION_RELEASE.
defined() { sed -n "s/^#define $1[[:space:]]*\"\([0-9]*\)\".*/\1/p" "$2/lua.h"; }

# write_pc FOLDER VERSION CFLAGS LIBS
write_pc() {
    mkdir -p "$1/pkgconfig"
    cat >"$1/pkgconfig/lua5.4.pc" <<PC
Name: Lua
Description: the Lua that Luawait is built with
Version: $2
Cflags: -I$1/include${3:+ $3}
Libs: $4
PC
}

# write_identity FOLDER BUNDLED BUILD_ID PROBED FAILED: what the library says of its Lua.
write_identity() {
    mkdir -p "$1/include"
    cat >"$1/include/luawait_lua.h.new" <<HEADER
// Made by scripts/lua.sh: which Lua this build of the library is for, and which probes of known memory faults it fails.
#define LUAWAIT_LUA_BUNDLED $2
#define LUAWAIT_LUA_BUILD_ID "$3"
#define LUAWAIT_LUA_PROBED $4
#define LUAWAIT_LUA_FAILED_PROBES "$5"
HEADER
    # The same content keeps its time, or everything would be compiled anew.
    if cmp -s "$1/include/luawait_lua.h.new" "$1/include/luawait_lua.h"; then
        rm "$1/include/luawait_lua.h.new"
    else
        mv "$1/include/luawait_lua.h.new" "$1/include/luawait_lua.h"
    fi
}

# probe FOLDER [FLAG...]: prints the names of the probes that the Lua in FOLDER fails, with commas; fails if it cannot
# be probed.
probe() {
    local folder=$1 cflags libs
    shift
    cflags=$(PKG_CONFIG_PATH=$folder/pkgconfig pkg-config --cflags lua5.4)
    # The linker's warnings (of the sanitizers' own symbols) matter when it fails.
    libs="scripts/lua/hash_seed.c $(PKG_CONFIG_PATH=$folder/pkgconfig pkg-config --libs lua5.4)"
    if ! BUILD=$folder scripts/probe-lua.sh "$cflags $*" "$libs" >"$folder/probes.txt" 2>"$folder/probes.log"; then
        cat "$folder/probes.log" >&2
        return 1
    fi
    sed -n 's/^fail \([a-z0-9_]*\).*/\1/p' "$folder/probes.txt" | paste -sd ,
}

build_id_of() {
    readelf -n "$1" 2>/dev/null | sed -n 's/^ *Build ID: //p' | head -n 1
}

# The path of the shared library that -llua5.4 means here.
system_library() {
    local libs=() directory word
    read -r -a libs <<<"$(pkg-config --libs lua5.4)"
    for word in "${libs[@]}" "-L$("${CC:-cc}" -print-file-name=liblua5.4.so | xargs dirname)"; do
        [[ $word == -L* ]] || continue
        directory=${word#-L}
        if [[ -e $directory/liblua5.4.so ]]; then
            readlink -f "$directory/liblua5.4.so"
            return
        fi
    done
    return 1
}

make_system() {
    local folder=$ROOT/system library id failed stamp
    unset PKG_CONFIG_PATH
    [[ -z ${OUTER_PKG_CONFIG_PATH:-} ]] || export PKG_CONFIG_PATH=$OUTER_PKG_CONFIG_PATH
    pkg-config --exists lua5.4 || return 1
    library=$(system_library) || library=
    id=$([[ -z $library ]] || build_id_of "$library")
    stamp="$library $id $(cat "${PROBE_FILES[@]}" | sha256sum)"
    if [[ $(cat "$folder/stamp" 2>/dev/null) == "$stamp" ]]; then return; fi
    write_pc "$folder" "$(pkg-config --modversion lua5.4)" "$(pkg-config --cflags lua5.4)" "$(pkg-config --libs lua5.4)"
    if failed=$(probe "$folder"); then
        write_identity "$folder" 0 "$id" 1 "$failed"
        echo "$stamp" >"$folder/stamp"
    else
        say "the system's Lua could not be probed"
        write_identity "$folder" 0 "$id" 0 ""
    fi
}

# compile FOLDER SOURCE COMPILER [FLAG...]: a static archive of Lua's core and libraries, without lua and luac.
#
# Its code is moved to a section of its own: by the linker's __start_luatext and __stop_luatext a signal handler can
# tell whether it has interrupted Lua. No link-time optimisation, which would mix it with other code.
compile() {
    local folder=$1 source=$2 compiler=$3 objects=$1/objects file name section renames asserting=()
    shift 3
    if [[ " $* " == *" -DLUAI_ASSERT "* ]]; then asserting=(-include "$PWD/scripts/lua/asserting.h"); fi
    rm -rf "$objects" "${folder:?}/lib"
    mkdir -p "$objects" "$folder/lib" "$folder/include"
    for file in "$source"/l*.c; do
        name=$(basename "$file" .c)
        case $name in
        lua | luac | ltests) continue ;;
        esac
        # No LUA_USE_DLOPEN: a C module would bring the system's liblua into the process, beside this one.
        "$compiler" -std=gnu99 -fPIC -fvisibility=hidden -fno-lto -g -DLUA_USE_POSIX -DLUA_COMPAT_5_3 \
            -include "$PWD/scripts/lua/bundled.h" "-I$source" "${asserting[@]}" "$@" -c "$file" -o "$objects/$name.o"
        renames=()
        while read -r section; do
            renames+=(--rename-section "$section=luatext")
        done < <(readelf -SW "$objects/$name.o" | grep -o ' \.text[^ ]*')
        objcopy "${renames[@]}" "$objects/$name.o"
    done
    ar -rcs "$folder/lib/libluawait_lua.a" "$objects"/*.o
    cp "$source"/{lua.h,luaconf.h,lauxlib.h,lualib.h} "$folder/include"
    rm -rf "$objects"
}

# make_bundled NAME SOURCE COMPILER [FLAG...]
make_bundled() {
    local name=$1 folder=$ROOT/$1 source=$2 compiler=$3 failed='' probed=1 stamp version
    shift 3
    stamp="$source $compiler $("$compiler" --version | head -n 1) $* $(cat "$source"/*.[ch] scripts/lua.sh scripts/lua/*.h "${PROBE_FILES[@]}" |
        sha256sum)"
    if [[ $(cat "$folder/stamp" 2>/dev/null) == "$stamp" ]]; then return; fi
    version=5.4.$(defined LUA_VERSION_RELEASE "$source")
    say "compiling Lua $version ($name)"
    compile "$folder" "$source" "$compiler" "$@"
    # Of another name than the system's: whichever -L comes first, only one is found.
    write_pc "$folder" "$version" "" "-L$folder/lib -lluawait_lua -lm"
    if [[ $name == moving ]]; then
        probed=0 # a deep stack that moves at every call takes minutes
    elif ! failed=$(CC=$compiler probe "$folder" "$@"); then
        say "the bundled Lua could not be probed"
        return 1
    fi
    write_identity "$folder" 1 "" "$probed" "$failed"
    echo "$stamp" >"$folder/stamp"
}

readonly CHECKS=(-O1 -DLUAI_ASSERT -DLUA_USE_APICHECK)

toolchain_clang() { echo "$(dirname "$(readlink -f "$(command -v swift)")")/clang"; }

make_variant() {
    local source
    case $1 in
    system) make_system ;;
    bundled) source=$(source_folder) && make_bundled bundled "$source" "${CC:-cc}" -O3 ;;
    checked) source=$(source_folder) && make_bundled checked "$source" "${CC:-cc}" "${CHECKS[@]}" ;;
    sanitized)
        source=$(source_folder) &&
            make_bundled sanitized "$source" "$(toolchain_clang)" "${CHECKS[@]}" -fsanitize=address
        ;;
    moving) # by Lua's own macros for hard tests (llimits.h)
        source=$(source_folder) && make_bundled moving "$source" "$(toolchain_clang)" "${CHECKS[@]}" \
            -fsanitize=address -DHARDSTACKTESTS -DHARDMEMTESTS -include "$PWD/scripts/lua/moving.h"
        ;;
    source-*) source=$(LUA_SOURCE=$LUA_VARIANT_SOURCE source_folder) && make_bundled "$1" "$source" "${CC:-cc}" -O3 ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
}

# ---- The choice ----------------------------------------------------------------------------------------------------

failed_probes() { sed -n 's/^#define LUAWAIT_LUA_FAILED_PROBES "\(.*\)"/\1/p' "$ROOT/$1/include/luawait_lua.h"; }
is_sound() { grep -q '^#define LUAWAIT_LUA_PROBED 1' "$ROOT/$1/include/luawait_lua.h" && [[ -z $(failed_probes "$1") ]]; }

decide() {
    case ${LUA:-} in
    system | bundled)
        make_variant "$LUA" || return 1
        chosen=$LUA
        ;;
    "")
        if make_variant system && is_sound system; then
            chosen=system
        elif make_variant bundled; then
            chosen=bundled
        elif [[ -e $ROOT/system/stamp ]]; then
            chosen=system
        else
            say "no Lua: install liblua5.4-dev, or name a folder with Lua's sources by LUA_SOURCE"
            return 1
        fi
        ;;
    *)
        say "LUA=$LUA: only \`system\` and \`bundled\` can be meant"
        return 2
        ;;
    esac
}

choose() {
    local chosen
    decide
    ln -sfnT "$chosen" "$ROOT/chosen"
    if is_sound "$chosen"; then return; fi
    cat >&2 <<WARNING
lua: ************************************************************************************************
lua: WARNING: the library is built with the $chosen Lua, which fails probes of known memory faults:
lua:     $(failed_probes "$chosen")
lua: A script that nobody has reviewed can crash or corrupt the host. docs/security.md says more.
lua: LUA_SOURCE=folder with the sources of Lua $VERSION makes a sound one.
lua: ************************************************************************************************
WARNING
}

# The Lua that is looked for must not be one of ours.
OUTER_PKG_CONFIG_PATH=$(tr ':' '\n' <<<"${PKG_CONFIG_PATH:-}" | grep -v "^$ROOT/" | paste -sd : || true)
# Parts of the tests that run at once may want the same one: the second finds it made.
mkdir -p "$ROOT"
exec 8>"$ROOT/lock"
flock 8
case ${1:-} in
choose) choose ;;
make) make_variant "${@:2}" ;;
*) make_variant help ;;
esac
