import CPlatform
import Synchronization

/// The thread that keeps the deadlines: it ends slices, and lets timers fire.
///
/// While scripts run it wakes up once in a slice to look at the slots; when none has run for a while it sleeps until
/// the next timer. So starting a run costs a look at one flag, and an idle engine no wake-ups at all.
package final class Watchdog: Sendable {
    private let parker = Parker()
    private let slots = Locked<[RunSlot]>([])
    private let isStopping = Atomic<Bool>(false)
    /// Until when it sleeps, or is about to.
    private let wakesAt = Atomic<Int64>(.max)
    private let sliceNanoseconds: Int64
    private let clock: any Clock

    /// How many looks in a row may find nothing running before it sleeps deeply.
    private static let patience = 20

    init(config: EngineConfig, clock: any Clock) {
        self.clock = clock
        sliceNanoseconds = config.sliceNanoseconds
    }

    /// Looks after another slot.
    func add(_ slot: RunSlot) {
        slots.withLock { $0.append(slot) }
    }

    /// Nothing will run on it.
    func remove(_ slot: RunSlot) {
        slots.withLock { $0.removeAll { $0 === slot } }
    }

    /// A run begins, and has published `end`: makes sure that somebody will look then. Each side writes its own word
    /// before it reads the other's, so that not both can miss the other.
    func runHasBegun(until end: Instant) {
        if end.nanoseconds < wakesAt.load(ordering: .sequentiallyConsistent) { parker.unpark() }
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
        // A host that gives its scripts 200 µs means 200 µs, not 250.
        lwp_thread_wake_precisely()
        var quietLooks = 0
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            let now = clock.now()
            let nextSlice = endSlices(now: now)
            quietLooks = nextSlice == nil ? quietLooks + 1 : 0
            // Looking in once in a slice, so that runs need not wake it.
            let tick = quietLooks < Self.patience ? now.advanced(nanoseconds: sliceNanoseconds) : .distantFuture
            sleep(until: engine.fireTimers(now: now, planning: min(nextSlice ?? tick, tick)))
        }
    }

    private func sleep(until wakeUp: Instant) {
        wakesAt.store(wakeUp.nanoseconds, ordering: .sequentiallyConsistent)
        let isInTime = slots.withLock { slots in
            slots.allSatisfy { slot in slot.sliceEnd.map { $0 >= wakeUp } ?? true }
        }
        if isInTime { parker.park(until: wakeUp, by: clock) }
    }

    /// - Returns: when the first of the running slices ends; nil if nothing runs.
    private func endSlices(now: Instant) -> Instant? {
        slots.withLock { slots in
            var soonest: Instant?
            for slot in slots {
                guard let next = slot.endSliceIfOver(now: now) else { continue }
                soonest = min(next, soonest ?? next)
            }
            return soonest
        }
    }
}
