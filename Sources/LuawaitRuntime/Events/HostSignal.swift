import Synchronization

/// How the host learns that there is something to take: the descriptors and the notifier.
final class HostSignal: Sendable {
    /// What any thread may take.
    let common = EventLevel()
    /// What only the main thread may take.
    let mainOnly = EventLevel()
    private let state = Locked<State>(State())
    /// The descriptor to arm, once it is there: -1 before.
    private let timer = Atomic<Int32>(-1)
    private let hasNotifier = Atomic<Bool>(false)

    private struct State {
        var eventFD: EventFD?
        /// The main thread's: readable while `eventFD` is, or there is something for the main thread alone.
        var mainEventFD: EventFD?
        var notifier: Notifier?
        var generation: UInt64 = 0
    }

    /// - Throws: `.system`.
    ///
    /// - Parameters:
    ///   - withTimer: whether it is to become readable when the deadline given to `arm` has come
    ///   - onMainThread: whose descriptor it is to be
    func makeDescriptor(withTimer: Bool, onMainThread: Bool = false) throws(CallError) -> Int32 {
        let result: Result<(EventFD, EventFD?), CallError> = state.withLock { state in
            do throws(CallError) {
                if state.eventFD == nil { state.eventFD = try EventFD(withTimer: withTimer) }
                let made = state.eventFD!
                guard onMainThread else { return .success((made, nil)) }
                if state.mainEventFD == nil { state.mainEventFD = try EventFD(beside: made) }
                return .success((made, state.mainEventFD))
            } catch {
                return .failure(error)
            }
        }
        let (made, main) = try result.get()
        timer.store(made.timer, ordering: .releasing)
        common.show(on: made.level)
        guard let main else { return made.descriptor }
        mainOnly.show(on: main.level)
        return main.descriptor
    }

    /// The descriptor is to be readable from then on, whatever its level. Only where no thread keeps the deadlines.
    func arm(at deadline: Instant) {
        let timer = timer.load(ordering: .acquiring)
        if timer >= 0 { EventFD.arm(timer, at: deadline) }
    }

    // MARK: - The notifier

    /// With the core's lock held. The first half of the model's `set`; the other is in `Engine.setNotifier`.
    ///
    /// - Returns: the old one, to be let go of where the host may be called.
    @discardableResult
    func set(_ notifier: Notifier?, generation: UInt64) -> Notifier? {
        state.withLock { state in
            defer {
                state.notifier = notifier
                state.generation = generation
                hasNotifier.store(notifier != nil, ordering: .sequentiallyConsistent)
            }
            return state.notifier
        }
    }

    /// Calls the host, with no lock held, unless another notifier has been set since this was decided. In
    /// docs/model/notifier.pml `notify`: from the decision to here a call is `under_way`.
    func notify(_ generation: UInt64) {
        guard hasNotifier.load(ordering: .sequentiallyConsistent) else { return }
        let notifier = state.withLock { $0.generation == generation ? $0.notifier : nil }
        notifier?.notify()
    }
}

/// The host's function that is called when there is something to take, and its data.
package final class Notifier: @unchecked Sendable {
    // Unchecked: the header demands of the host that both can be called from any thread.
    let notify: () -> Void
    private let drop: () -> Void

    package init(notify: @escaping () -> Void, drop: @escaping () -> Void) {
        self.notify = notify
        self.drop = drop
    }

    deinit {
        drop()
    }
}
