import Testing

@testable import LuawaitRuntime

struct LuaIdentityTests {
    private func identity(isProbed: Bool = true, failing probes: [String] = []) -> LuaIdentity {
        LuaIdentity(version: "5.4.4", isBundled: false, isProbed: isProbed, failedProbes: probes)
    }

    @Test func a_sound_lua_is_not_warned_of() {
        #expect(identity().warning == nil)
    }

    @Test func a_warning_names_the_version_and_the_probes_that_fail() throws {
        let warning = try #require(identity(failing: ["one_fault", "another"]).warning)
        #expect(warning.contains("the system's Lua 5.4.4"))
        #expect(warning.contains("one_fault, another"))
        #expect(!warning.contains("\n"))
    }

    @Test func a_lua_that_nobody_has_probed_is_warned_of() throws {
        let warning = try #require(identity(isProbed: false).warning)
        #expect(warning.contains("has not been probed"))
    }

    @Test func the_loaded_lua_is_some_5_4() {
        #expect(LuaIdentity.current.version.hasPrefix("5.4."))
        // Of one that was not probed nothing is known.
        #expect(LuaIdentity.current.isProbed || LuaIdentity.current.failedProbes.isEmpty)
    }
}
