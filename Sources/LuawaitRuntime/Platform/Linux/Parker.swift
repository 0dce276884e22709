import CPlatform

/// A place for one thread to wait in.
///
/// An unpark while nobody waits makes the next park return at once, so a wake-up that comes too early is not lost.
/// Several unparks before a park are as one.
package final class Parker: @unchecked Sendable {
    // Unchecked: the word is only touched by platform.c, atomically; allocated, because its address is what the kernel
    // knows.
    private let raw: UnsafeMutablePointer<lwp_parker>

    package init() {
        raw = .allocate(capacity: 1)
        raw.initialize(to: lwp_parker(state: 0))
    }

    deinit {
        raw.deallocate()
    }

    /// Waits for an unpark. Only one thread at a time may.
    package func park() {
        lwp_parker_park(raw, -1)
    }

    /// - Parameter deadline: the clock's instant to give up at; `.distantFuture` never gives up.
    package func park(until deadline: Instant, by clock: any Clock) {
        if deadline == .distantFuture {
            park()
        } else {
            lwp_parker_park(raw, max(0, deadline.nanoseconds - clock.now().nanoseconds))
        }
    }

    /// Lets the waiting thread go on, or the next one that would wait. Any thread.
    package func unpark() {
        lwp_parker_unpark(raw)
    }
}
