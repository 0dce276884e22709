import Synchronization

/// How the host learns that there is something to take: the descriptor and the notifier.
final class HostSignal: Sendable {
    /// What the descriptor should show. Written under the core's lock, so that the last writer is right.
    private let level = Atomic<Bool>(false)
    private let state = Mutex<State>(State())

    private struct State: ~Copyable {
        var eventFD: EventFD?
        var notifier: Notifier?
    }

    /// Called with the core's lock held: what is to be seen once it is released.
    func publish(level isReadable: Bool) {
        level.store(isReadable, ordering: .sequentiallyConsistent)
    }

    /// Makes the descriptor show the level. After the core's lock has been released.
    ///
    /// Each change of the level is followed by a call of this, and the calls are serialised, and each looks at the level
    /// anew: so whatever order they come in, the last one leaves the descriptor right.
    func update() {
        state.withLock { state in
            state.eventFD?.set(readable: level.load(ordering: .sequentiallyConsistent))
        }
    }

    /// - Throws: `.system`.
    func descriptor() throws(CallError) -> Int32 {
        let result: Result<Int32, CallError> = state.withLock { state in
            if state.eventFD == nil {
                do throws(CallError) {
                    state.eventFD = try EventFD()
                } catch {
                    return .failure(error)
                }
            }
            state.eventFD?.set(readable: level.load(ordering: .sequentiallyConsistent))
            return .success(state.eventFD?.descriptor ?? -1)
        }
        return try result.get()
    }

    /// The old one is dropped when nobody is calling it any more.
    func set(_ notifier: Notifier?) {
        // Kept until after the lock is released: dropping it calls the host.
        var old: Notifier?
        state.withLock { state in
            old = state.notifier
            state.notifier = notifier
        }
        withExtendedLifetime(old) {}
    }

    /// Calls the host, with no lock held.
    func notify() {
        let notifier = state.withLock { $0.notifier }
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
