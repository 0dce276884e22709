import DequeModule

/// Named contexts: many evals, one at a time.
///
/// A context has a place in the run queue, not its evals: whoever takes it runs one of them for a stay, the one that
/// has waited longest, and puts it back behind the others that are ready. So a context with a thousand evals gets the
/// turns of one, and no two threads are ever inside.
extension EngineCore {
    /// A place in the run queue.
    enum Turn {
        case eval(Eval)
        case context(ContextID)
    }

    /// What somebody who has taken a turn is to do.
    package enum Taken {
        case run(Eval)
        /// Nothing to run: let go of what has ended in this context, and leave it.
        case tidy(NamedContext)
    }

    struct ContextRecord {
        let named: NamedContext
        /// Its evals that are ready, and those that have ended since they were.
        var queue = Deque<Eval>()
        /// Those that have not ended.
        var members: Set<EvalID> = []
        /// Somebody is inside.
        var isTaken = false
        /// It has its place in the run queue.
        var isQueued = false
        /// An eval that has ended is to be let go of.
        var isUntidy = false
        /// The last who was inside has.
        var hasUsedUpSlice = false
        var isFreed = false
        /// Bytes that it had when somebody last left it.
        var memoryUsed: Int
    }

    mutating func addContext(_ context: Context) -> ContextID {
        lastContext += 1
        let id = ContextID(lastContext)
        contexts[id] = ContextRecord(
            named: NamedContext(id: id, context: context), memoryUsed: context.memoryUsed)
        return id
    }

    /// - Throws: `.notFound`.
    func findContext(_ id: ContextID) throws(CallError) -> NamedContext {
        guard let record = contexts[id], !record.isFreed else {
            throw CallError(.notFound, "context \(id.value): no such context")
        }
        return record.named
    }

    /// Cancels its evals; it goes with the last of them.
    ///
    /// - Returns: the context, to be let go of outside the lock.
    mutating func freeContext(_ id: ContextID, _ actions: inout Actions) throws(CallError) -> NamedContext {
        let named = try findContext(id)
        contexts[id]!.isFreed = true
        for member in contexts[id]!.members.sorted(by: { $0.value < $1.value }) {
            condemn(member, .contextFreed, &actions)
        }
        removeIfDone(id)
        return named
    }

    private mutating func removeIfDone(_ id: ContextID) {
        guard let record = contexts[id], record.isFreed, !record.isTaken, record.members.isEmpty else { return }
        contexts[id] = nil
    }

    // MARK: - Turns

    mutating func enqueue(_ eval: Eval, in named: NamedContext, _ actions: inout Actions) {
        contexts[named.id]?.queue.append(eval)
        queue(named.id, &actions)
    }

    /// An eval of this context has ended while nobody was inside, or while somebody was with another.
    mutating func tidy(_ id: ContextID, _ actions: inout Actions) {
        contexts[id]?.isUntidy = true
        queue(id, &actions)
    }

    private mutating func queue(_ id: ContextID, _ actions: inout Actions) {
        guard let record = contexts[id], !record.isTaken, !record.isQueued else { return }
        contexts[id]!.isQueued = true
        ready.append(.context(id), afterSlice: record.hasUsedUpSlice)
        contexts[id]!.hasUsedUpSlice = false
        postWork(&actions)
    }

    mutating func takeTurn(of id: ContextID, slot: RunSlot, ticket: Ticket) -> Taken? {
        guard contexts[id]?.isQueued == true else { return nil }
        contexts[id]!.isQueued = false
        while let eval = contexts[id]!.queue.popFirst() {
            guard take(eval, slot: slot, ticket: ticket) else { continue }
            contexts[id]!.isTaken = true
            return .run(eval)
        }
        guard contexts[id]!.isUntidy else {
            removeIfDone(id)
            return nil
        }
        contexts[id]!.isUntidy = false
        contexts[id]!.isTaken = true
        return .tidy(contexts[id]!.named)
    }

    /// Whoever had taken it is out again.
    mutating func leave(_ named: NamedContext, _ actions: inout Actions) {
        guard contexts[named.id] != nil else { return }
        contexts[named.id]!.isTaken = false
        contexts[named.id]!.memoryUsed = named.context.memoryUsed
        removeIfDone(named.id)
        guard let record = contexts[named.id], !record.queue.isEmpty || record.isUntidy else { return }
        queue(named.id, &actions)
    }
}
