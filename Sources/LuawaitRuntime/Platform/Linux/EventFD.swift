import CPlatform
import Glibc

/// The descriptor that the host polls, owned: an eventfd(2) used as a level, readable after `raise`, not readable after
/// `lower`; and, where no thread keeps the deadlines, a timerfd(2) beside it, both behind one epoll(7) descriptor.
final class EventFD: Sendable {
    /// What the host polls.
    let descriptor: Int32
    /// What is raised and lowered.
    let level: Int32
    /// -1: there is none.
    let timer: Int32

    /// - Throws: `.system`, when the process has no descriptor left.
    init(withTimer: Bool) throws(CallError) {
        let level = try Self.check(lwp_level_new())
        guard withTimer else {
            (descriptor, self.level, timer) = (level, level, -1)
            return
        }
        let timer = lwp_timer_new()
        let both = timer < 0 ? timer : lwp_either_new(level, timer)
        (descriptor, self.level, self.timer) = (both, level, timer)
        _ = try Self.check(both)
    }

    /// Readable while `other` is, or its own level is raised. `other` must live as long.
    ///
    /// - Throws: `.system`.
    init(beside other: EventFD) throws(CallError) {
        let level = try Self.check(lwp_level_new())
        let both = lwp_either_new(other.descriptor, level)
        (descriptor, self.level, timer) = (both, level, -1)
        _ = try Self.check(both)
    }

    private static func check(_ descriptor: Int32) throws(CallError) -> Int32 {
        guard descriptor < 0 else { return descriptor }
        throw CallError(.system, "no event descriptor could be created: \(String(cString: strerror(-descriptor)))")
    }

    deinit {
        // Negative where init has thrown: a class is torn down even then, once its properties are set.
        if descriptor >= 0, descriptor != level { close(descriptor) }
        if timer >= 0 { close(timer) }
        if level >= 0 { close(level) }
    }

    // Static, because they are called without the lock that guards the owner.

    static func raise(_ level: Int32) {
        lwp_level_raise(level)
    }

    static func lower(_ level: Int32) {
        lwp_level_lower(level)
    }

    static func arm(_ timer: Int32, at deadline: Instant) {
        lwp_timer_arm(timer, deadline.nanoseconds)
    }
}
