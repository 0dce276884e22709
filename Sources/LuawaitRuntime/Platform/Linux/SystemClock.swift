import CPlatform

/// The system's monotonic clock.
package struct SystemClock: Clock {
    package init() {}

    package func now() -> Instant {
        Instant(nanoseconds: lwp_monotonic_ns())
    }

    package var instructionsPerSlice: Int32? { nil }
}
