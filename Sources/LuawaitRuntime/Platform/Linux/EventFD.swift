import CPlatform
import Glibc

/// An eventfd(2) used as a level, owned: readable after `raise`, not readable after `lower`.
struct EventFD: ~Copyable {
    let descriptor: Int32

    /// - Throws: `.system`, when the process has no descriptor left.
    init() throws(CallError) {
        descriptor = lwp_level_new()
        if descriptor < 0 {
            throw CallError(.system, "no event descriptor could be created: \(String(cString: strerror(-descriptor)))")
        }
    }

    deinit {
        // Negative when init has thrown.
        if descriptor >= 0 { close(descriptor) }
    }

    // Static, because they are called without the lock that guards the owner.

    static func raise(_ descriptor: Int32) {
        lwp_level_raise(descriptor)
    }

    static func lower(_ descriptor: Int32) {
        lwp_level_lower(descriptor)
    }
}
