import CLuaBridge

/// A Lua world that many evals share. They take turns: one of them runs at a time, on whichever thread has taken the
/// context.
package final class NamedContext: @unchecked Sendable {
    // Unchecked: nothing here changes but `doomed`, which has a lock, and `context`, which belongs to whoever has taken
    // it.

    package let id: ContextID
    let context: Context
    /// Evals that ended while somebody else may have been inside; whoever is next lets go of them.
    private let doomed = Locked<[Doomed]>([])

    private struct Doomed: @unchecked Sendable {
        let raw: OpaquePointer
    }

    init(id: ContextID, context: Context) {
        self.id = id
        self.context = context
    }

    /// Any thread.
    func doom(_ raw: OpaquePointer) {
        doomed.withLock { $0.append(Doomed(raw: raw)) }
    }

    /// Only by the thread that has taken the context.
    func freeDoomed() {
        let taken = doomed.withLock { doomed in
            defer { doomed = [] }
            return doomed
        }
        for eval in taken { lwb_eval_free(eval.raw) }
    }
}
