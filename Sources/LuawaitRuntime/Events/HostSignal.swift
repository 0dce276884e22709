import Synchronization

/// How the host learns that there is something to take: the descriptor and the notifier.
final class HostSignal: Sendable {
    /// What the descriptor should show. Written under the core's lock, so that the last writer is right.
    private let level = Atomic<Bool>(false)
    private let state = Locked<State>(State())
    /// The descriptors to raise, lower and arm, once they are there: -1 before.
    private let descriptor = Atomic<Int32>(-1)
    private let timer = Atomic<Int32>(-1)
    /// Whether the descriptor has been written to since it was last read, or is about to be.
    private let isRaised = Atomic<Bool>(false)
    private let hasNotifier = Atomic<Bool>(false)

    private struct State {
        var eventFD: EventFD?
        var notifier: Notifier?
        var generation: UInt64 = 0
    }

    /// Called with the core's lock held: what is to be seen once it is released.
    func publish(level isReadable: Bool) {
        level.store(isReadable, ordering: .sequentiallyConsistent)
    }

    // MARK: - The descriptor

    /// Makes the descriptor show the level. After the core's lock has been released, by whoever has changed the level.
    ///
    /// No lock is held while it is written: the write wakes the host, who would run into that lock at once. Instead,
    /// each side looks at the level again after its system call, and makes good what the other side's change has undone. So
    /// whatever order the calls come in, the last of them leaves the descriptor as the level says.
    func update() {
        let descriptor = descriptor.load(ordering: .acquiring)
        guard descriptor >= 0 else { return }
        if !level.load(ordering: .sequentiallyConsistent) {
            lower(descriptor)
        } else if !isRaised.exchange(true, ordering: .sequentiallyConsistent) {
            raise(descriptor)
        }
    }

    private func raise(_ descriptor: Int32) {
        isRaised.store(true, ordering: .sequentiallyConsistent)
        EventFD.raise(descriptor)
        // Taken already, before the write: nobody else will come to lower it.
        if !level.load(ordering: .sequentiallyConsistent) { lower(descriptor) }
    }

    private func lower(_ descriptor: Int32) {
        EventFD.lower(descriptor)
        // In this order: set before the read, a flag raised by a third party in between would stand for a write that the
        // read has swallowed, and keep the next one from being made (docs/model/host_signal.pml).
        isRaised.store(false, ordering: .sequentiallyConsistent)
        // The read may have swallowed somebody's write, so it is not enough that `isRaised` is set.
        if level.load(ordering: .sequentiallyConsistent) { raise(descriptor) }
    }

    /// - Throws: `.system`.
    ///
    /// - Parameter withTimer: whether it is to become readable when the deadline given to `arm` has come.
    func makeDescriptor(withTimer: Bool) throws(CallError) -> Int32 {
        let result: Result<EventFD, CallError> = state.withLock { state in
            if let made = state.eventFD { return .success(made) }
            do throws(CallError) {
                let made = try EventFD(withTimer: withTimer)
                state.eventFD = made
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        let made = try result.get()
        descriptor.store(made.level, ordering: .releasing)
        timer.store(made.timer, ordering: .releasing)
        update()
        return made.descriptor
    }

    /// The descriptor is to be readable from then on, whatever its level. Only where no thread keeps the deadlines.
    func arm(at deadline: Instant) {
        let timer = timer.load(ordering: .acquiring)
        if timer >= 0 { EventFD.arm(timer, at: deadline) }
    }

    // MARK: - The notifier

    /// With the core's lock held.
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

    /// Calls the host, with no lock held, unless another notifier has been set since this was decided.
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
