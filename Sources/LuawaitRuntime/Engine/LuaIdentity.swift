import CLuaBridge
import Glibc
import Synchronization

/// Which Lua runs the scripts, and whether it has memory faults that a script can reach.
package struct LuaIdentity: Sendable {
    package let version: String
    /// Part of this library; else the system's.
    package let isBundled: Bool
    /// The build has probed this very Lua.
    package let isProbed: Bool
    /// The names of the probes that it fails.
    package let failedProbes: [String]

    package static let current = LuaIdentity()

    private init() {
        var length = 0
        let version = lwb_lua_version(&length)
        self.version = String(decoding: UnsafeRawBufferPointer(start: version, count: length), as: UTF8.self)
        isBundled = lwb_lua_is_bundled()
        isProbed = lwb_lua_is_probed()
        let names: String = lwb_lua_failed_probes().map { String(cString: $0) } ?? ""
        failedProbes = names.split(separator: ",").map(String.init)
    }

    package init(version: String, isBundled: Bool, isProbed: Bool, failedProbes: [String]) {
        self.version = version
        self.isBundled = isBundled
        self.isProbed = isProbed
        self.failedProbes = failedProbes
    }

    /// One line for whoever runs scripts that nobody has reviewed; nil when there is nothing to fear.
    package var warning: String? {
        let what = isBundled ? "the bundled Lua \(version)" : "the system's Lua \(version)"
        let more = "(docs/security.md, \"Which Lua\")"
        if !isProbed { return "luawait: \(what) has not been probed for known memory faults \(more)" }
        guard !failedProbes.isEmpty else { return nil }
        let names = failedProbes.joined(separator: ", ")
        return "luawait: \(what) has memory faults that any script can reach: \(names) \(more)"
    }

    private static let hasWarned = Atomic<Bool>(false)

    /// Writes the warning to the standard error, once in the life of the process.
    func warnOnce() {
        guard let warning, !Self.hasWarned.exchange(true, ordering: .relaxed) else { return }
        let line = Array((warning + "\n").utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
