/// Names a task that the host's pool has been given. Unique in the process, never used again: one that is run twice, or
/// after its engine was freed, is unknown and does nothing.
package struct TaskID: Hashable, Sendable {
    package let value: UInt

    package init(_ value: UInt) {
        self.value = value
    }
}

/// The host's threads, for executor "custom".
package final class HostPool: @unchecked Sendable {
    // Unchecked: the header demands of the host that both can be called from any thread.

    /// Asks for `Engine.runTask` to be called with this id on one of the pool's threads. 0: it will be.
    let submit: (TaskID) -> Int32
    private let drop: () -> Void

    package init(submit: @escaping (TaskID) -> Int32, drop: @escaping () -> Void) {
        self.submit = submit
        self.drop = drop
    }

    deinit {
        drop()
    }
}

/// The tasks that pools have been given, and whose they are. One table for the process: a pool knows nothing but a
/// task's id, and may come with it when the engine is gone.
enum TaskTable {
    private struct Tasks {
        var gates: [TaskID: TaskGate] = [:]
        var last: UInt = 0
    }

    private static let tasks = Locked(Tasks())

    static func make() { tasks.withLock { _ in } }

    static func add(_ gate: TaskGate) -> TaskID {
        tasks.withLock { tasks in
            tasks.last += 1
            let id = TaskID(tasks.last)
            tasks.gates[id] = gate
            return id
        }
    }

    static func take(_ id: TaskID) -> TaskGate? {
        tasks.withLock { $0.gates.removeValue(forKey: id) }
    }

    static func removeAll(of gate: TaskGate) {
        tasks.withLock { tasks in
            tasks.gates = tasks.gates.filter { $0.value !== gate }
        }
    }

    // A fork while another thread is in the table would leave it locked in the child for ever (`ForkCount`).
    static func lockForFork() { tasks.lock() }
    static func unlockAfterFork() { tasks.unlock() }
}

/// Where tasks come in, and where the engine's end waits for those that are inside.
final class TaskGate: Sendable {
    private struct State {
        /// Nil when the engine has been stopped.
        var engine: Engine?
        var inside = 0
        var waiter: Parker?
    }

    private let state = Locked(State())

    func open(_ engine: Engine) {
        state.withLock { $0.engine = engine }
    }

    /// Runs `body` with the engine, if it has not been stopped.
    ///
    /// Whoever stops the engine holds it until everybody has left, so nobody inside does: with the last reference go
    /// the host's callbacks, and that is to happen on the thread that frees the engine, before it returns to the host.
    func withEngine(_ body: (Engine) -> Void) {
        let inside: Unmanaged<Engine>? = state.withLock { state in
            guard let engine = state.engine else { return nil }
            state.inside += 1
            return .passUnretained(engine)
        }
        guard let inside else { return }
        inside._withUnsafeGuaranteedRef { body($0) }
        leave()
    }

    private func leave() {
        let waiter = state.withLock { state in
            state.inside -= 1
            return state.inside == 0 ? state.waiter : nil
        }
        waiter?.unpark()
    }

    /// Lets nobody in any more, and waits until nobody is inside.
    func close() {
        TaskTable.removeAll(of: self)
        let parker = Parker()
        var isWaiting = state.withLock { state in
            state.engine = nil
            state.waiter = parker
            return state.inside > 0
        }
        while isWaiting {
            parker.park()
            isWaiting = state.withLock { $0.inside > 0 }
        }
    }
}
