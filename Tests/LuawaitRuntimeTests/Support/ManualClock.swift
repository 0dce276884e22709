@testable import LuawaitRuntime

/// A clock that stands still until a test moves it.
final class ManualClock: Clock, @unchecked Sendable {
    // Unchecked: it belongs to the one thread that moves it and runs the scripts.

    /// What it shows, without a look.
    private(set) var time: Instant
    /// How long each look at the clock takes.
    private var tick: Int64 = 0
    private var slice: Int32 = 1000
    /// Called at each look, with no lock held: between any two stays of scripts on the thread there is one.
    var onLook: ((Instant) -> Void)?
    /// Called before each look, which sees what time it has become: what other threads do, and how long they take.
    var beforeLook: (() -> Void)?

    /// Decades ahead of the system's clock: a timer of the system's that is armed at an instant of this one never
    /// fires.
    init(startingAt start: Instant = Instant(nanoseconds: 1 << 61)) {
        time = start
    }

    func now() -> Instant {
        beforeLook?()
        let seen = time
        time = time.advanced(nanoseconds: tick)
        onLook?(seen)
        return seen
    }

    var instructionsPerSlice: Int32? { slice }

    func setInstructionsPerSlice(_ count: Int32) {
        slice = count
    }

    func advance(milliseconds: Int64) {
        time = time.advanced(milliseconds: milliseconds)
    }

    /// Lets each look at the clock take some time while `body` runs.
    func ticking<Result>(nanoseconds step: Int64, _ body: () throws -> Result) rethrows -> Result {
        let before = tick
        tick = step
        defer { tick = before }
        return try body()
    }

    func advance(to instant: Instant) {
        time = max(time, instant)
    }
}
