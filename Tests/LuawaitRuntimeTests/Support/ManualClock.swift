import Synchronization

@testable import LuawaitRuntime

/// A clock that stands still until a test moves it.
final class ManualClock: Clock {
    private let nanoseconds: Atomic<Int64>
    private let tick = Atomic<Int64>(0)
    private let instructions = Atomic<Int32>(1000)

    /// Decades ahead of the system's clock: a timer of the system's that is armed at an instant of this one never fires.
    init(startingAt start: Instant = Instant(nanoseconds: 1 << 61)) {
        nanoseconds = Atomic(start.nanoseconds)
    }

    func now() -> Instant {
        let step = tick.load(ordering: .relaxed)
        return Instant(nanoseconds: nanoseconds.wrappingAdd(step, ordering: .sequentiallyConsistent).oldValue)
    }

    var instructionsPerSlice: Int32? { instructions.load(ordering: .relaxed) }

    func setInstructionsPerSlice(_ count: Int32) {
        instructions.store(count, ordering: .relaxed)
    }

    func advance(milliseconds: Int64) {
        nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .sequentiallyConsistent)
    }

    /// Lets each look at the clock take some time while `body` runs; then the clock shows `milliseconds` later than before.
    func ticking<Result>(
        nanoseconds step: Int64, thenAdvanceBy milliseconds: Int64, _ body: () throws -> Result
    ) rethrows -> Result {
        let end = now().advanced(milliseconds: milliseconds)
        tick.store(step, ordering: .relaxed)
        defer {
            tick.store(0, ordering: .relaxed)
            precondition(now() < end, "too many looks at the clock")
            nanoseconds.store(end.nanoseconds, ordering: .sequentiallyConsistent)
        }
        return try body()
    }
}
