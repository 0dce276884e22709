import Synchronization

/// The thread that keeps the deadlines: it ends slices, and lets timers fire.
///
/// While scripts run it wakes up once in a slice to look at the runners; when none has run for a while it sleeps until
/// the next timer. So starting a run costs a look at one flag, and an idle engine no wake-ups at all.
package final class Watchdog: Sendable {
    private let parker = Parker()
    private let runners = Mutex<[Runner]>([])
    private let isStopping = Atomic<Bool>(false)
    /// Set while it sleeps without regard to slices.
    private let sleepsDeeply = Atomic<Bool>(false)
    private let sliceNanoseconds: Int64

    /// How many looks in a row may find nothing running before it sleeps deeply.
    private static let patience = 20

    init(config: EngineConfig) {
        sliceNanoseconds = config.sliceNanoseconds
    }

    /// Looks after another runner, for good.
    func add(_ runner: Runner) {
        runners.withLock { $0.append(runner) }
    }

    /// A run begins, and has published its end: makes sure that somebody will look. Both flags are written before the
    /// other side's is read, so that not both can be missed.
    func runHasBegun() {
        if sleepsDeeply.load(ordering: .sequentiallyConsistent) { parker.unpark() }
    }

    /// There is a sooner deadline than the one it sleeps for.
    func wake() {
        parker.unpark()
    }

    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        parker.unpark()
    }

    /// The thread's whole life.
    func watch(_ engine: Engine) {
        var quietLooks = 0
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            let now = Instant.now()
            let nextSlice = endSlices(now: now)
            quietLooks = nextSlice == nil ? quietLooks + 1 : 0
            let tick = quietLooks < Self.patience ? now.advanced(nanoseconds: sliceNanoseconds) : .distantFuture
            let wakeUp = engine.fireTimers(now: now, planning: min(nextSlice ?? tick, tick))
            if wakeUp == .distantFuture || tick == .distantFuture {
                sleepDeeply(until: wakeUp)
            } else {
                parker.park(until: wakeUp)
            }
        }
    }

    private func sleepDeeply(until wakeUp: Instant) {
        sleepsDeeply.store(true, ordering: .sequentiallyConsistent)
        let nothingRuns = runners.withLock { $0.allSatisfy { !$0.isRunning } }
        if nothingRuns { parker.park(until: wakeUp) }
        sleepsDeeply.store(false, ordering: .sequentiallyConsistent)
    }

    /// - Returns: when the first of the running slices ends; nil if nothing runs.
    private func endSlices(now: Instant) -> Instant? {
        runners.withLock { runners in
            var soonest: Instant?
            for runner in runners {
                guard let next = runner.endSliceIfOver(now: now) else { continue }
                soonest = min(next, soonest ?? next)
            }
            return soonest
        }
    }
}
