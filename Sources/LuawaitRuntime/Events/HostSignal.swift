import CPlatform
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

    fileprivate struct State {
        var eventFD: EventFD?
        /// The main thread's: readable while `eventFD` is, or there is something for the main thread alone.
        var mainEventFD: EventFD?
        var notifier: Notifier?
        var generation: UInt64 = 0
        /// Those that are in progress.
        var calls: [Call] = []
    }

    /// A call of the notifier, or several in a row.
    fileprivate struct Call {
        /// `lwp_thread_number`
        let thread: UInt64
        var telling: Telling
        /// Decided on by what the notifier itself has done.
        var next: Telling?
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
    ///
    /// Inside of a call on the same thread it is left to that one, which is repeated: a notifier that makes another
    /// call due does not nest.
    func notify(_ telling: Telling) {
        guard hasNotifier.load(ordering: .sequentiallyConsistent) else { return }
        let thread = lwp_thread_number()
        var notifier = state.withLock { $0.begin(telling, on: thread) }
        while let called = notifier {
            called.notify()
            notifier = state.withLock { $0.goOn(on: thread) }
        }
    }

    /// Which call of the notifier the calling thread is inside of; nil: none.
    var tellingOnThisThread: UInt64? {
        let thread = lwp_thread_number()
        return state.withLock { state in state.calls.first { $0.thread == thread }?.telling.number }
    }
}

extension HostSignal.State {
    private func notifier(for telling: Telling) -> Notifier? {
        telling.generation == generation ? notifier : nil
    }

    fileprivate mutating func begin(_ telling: Telling, on thread: UInt64) -> Notifier? {
        if let outer = calls.firstIndex(where: { $0.thread == thread }) {
            calls[outer].next = telling
            return nil
        }
        guard let notifier = notifier(for: telling) else { return nil }
        calls.append(HostSignal.Call(thread: thread, telling: telling))
        return notifier
    }

    /// A call has returned.
    fileprivate mutating func goOn(on thread: UInt64) -> Notifier? {
        guard let index = calls.firstIndex(where: { $0.thread == thread }) else { return nil }
        let next = calls[index].next
        guard let next, let notifier = notifier(for: next) else {
            calls.remove(at: index)
            return nil
        }
        calls[index] = HostSignal.Call(thread: thread, telling: next)
        return notifier
    }
}

/// That the host is to be told of something.
struct Telling: Equatable, Sendable {
    /// The notifier that is to be called: which one it was, counted from the engine's beginning.
    var generation: UInt64 = 0
    /// The last one has told all there was.
    var number: UInt64 = 0
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
