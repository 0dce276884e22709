import CPlatform
import Glibc

/// An eventfd(2) used as a level: readable or not.
///
/// Not thread-safe; its owner serialises the calls.
struct EventFD: ~Copyable {
    let descriptor: Int32
    private var isReadable = false

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

    mutating func set(readable: Bool) {
        guard readable != isReadable else { return }
        isReadable = readable
        lwp_level_set(descriptor, readable)
    }
}
