// Which Lua this is: the system's or the bundled one, of which version, and what the build's probes of known memory
// faults have found.
//
// The verdict on the system's liblua belongs to the file that was probed. Another one may be loaded at run time, so the
// build id that the linker gave it is compared; of one without, or another, nothing is known. Nothing is probed here: a
// probe that fails kills its process.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // dl_iterate_phdr
#endif
#include "core/lua_identity.h"

#include "CLuaBridge.h"

#if __has_include(<luawait_lua.h>)
#include <luawait_lua.h>
#else
// Built without scripts/lua.sh, by a Swift package that depends on this one, say.
#define LUAWAIT_LUA_BUNDLED 0
#define LUAWAIT_LUA_BUILD_ID ""
#define LUAWAIT_LUA_PROBED 0
#define LUAWAIT_LUA_FAILED_PROBES ""
#endif

#include <elf.h>
#include <link.h>
#include <lua.h>
#include <stdatomic.h>
#include <string.h>

// ---- The seed of hashes --------------------------------------------------------------------------------------------

// What lua_newstate on this thread takes for the state that it makes.
static _Thread_local unsigned int hash_seed;

void lwb_set_lua_hash_seed(uint32_t seed) {
    hash_seed = seed;
}

// The bundled Lua asks for it (scripts/lua/bundled.h); the system's has one of its own making.
unsigned int lwb_lua_hash_seed(void) {
    return hash_seed;
}

// ---- The version ---------------------------------------------------------------------------------------------------

// Of the Lua that is loaded, which need not be the one whose header was compiled in. Declared in no header of Lua's.
extern const char lua_ident[] __attribute__((weak));

const char *lwb_lua_version(size_t *length) {
    static const char begin[] = "$LuaVersion: Lua ";
    const char *version = LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE;
    if (lua_ident != NULL && strncmp(lua_ident, begin, sizeof begin - 1) == 0) version = lua_ident + sizeof begin - 1;
    *length = strspn(version, "0123456789.");
    return version;
}

bool lwb_lua_is_bundled(void) {
    return LUAWAIT_LUA_BUNDLED;
}

// ---- The verdict ---------------------------------------------------------------------------------------------------

#if !LUAWAIT_LUA_BUNDLED && LUAWAIT_LUA_PROBED

static bool holds(const struct dl_phdr_info *object, uintptr_t address) {
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && address >= start && address - start < header->p_memsz) return true;
    }
    return false;
}

static bool is_expected(const unsigned char *id, size_t length) {
    static const char digits[] = "0123456789abcdef";
    const char *expected = LUAWAIT_LUA_BUILD_ID;
    if (length == 0 || strlen(expected) != 2 * length) return false;
    for (size_t i = 0; i < length; i++) {
        if (expected[2 * i] != digits[id[i] >> 4] || expected[2 * i + 1] != digits[id[i] & 15]) return false;
    }
    return true;
}

// Whether one of the notes between `note` and `end` is the expected build id.
static bool has_expected_id(const char *note, const char *end) {
    while (end - note >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *head = (const void *)note;
        const char *name = note + sizeof *head;
        size_t name_room = (head->n_namesz + 3u) & ~3u, content_room = (head->n_descsz + 3u) & ~3u;
        if (name_room + content_room > (size_t)(end - name)) return false;
        bool is_id = head->n_type == NT_GNU_BUILD_ID && head->n_namesz == sizeof ELF_NOTE_GNU &&
                     memcmp(name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0;
        if (is_id) return is_expected((const unsigned char *)name + name_room, head->n_descsz);
        note = name + name_room + content_room;
    }
    return false;
}

// Looks at the object that liblua's code is in; 2 ends the search.
static int compare(struct dl_phdr_info *object, size_t size, void *is_probed) {
    (void)size;
    if (!holds(object, (uintptr_t)&lua_newstate)) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        const char *notes = (const char *)(object->dlpi_addr + header->p_vaddr);
        if (header->p_type == PT_NOTE && has_expected_id(notes, notes + header->p_memsz)) *(bool *)is_probed = true;
    }
    return 2;
}

bool lwb_lua_is_probed(void) {
    static atomic_int known; // 0: not looked yet; else 1 + the answer
    int answer = atomic_load(&known);
    if (answer == 0) {
        bool is_probed = false;
        dl_iterate_phdr(compare, &is_probed);
        answer = 1 + is_probed;
        atomic_store(&known, answer);
    }
    return answer - 1;
}

#else

bool lwb_lua_is_probed(void) {
    return LUAWAIT_LUA_PROBED;
}

#endif

const char *lwb_lua_failed_probes(void) {
    return lwb_lua_is_probed() ? LUAWAIT_LUA_FAILED_PROBES : "";
}
