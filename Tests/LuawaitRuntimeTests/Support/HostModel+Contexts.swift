@testable import LuawaitRuntime

/// Named contexts, and whose turn it is. A context takes its turn among the private evals as if it were one of them,
/// and gives it to that of its evals that has waited longest.
extension HostModel {
    enum Turn: Equatable {
        case eval(Int)
        case context(Int)
    }

    struct ModelContext {
        /// Those that existed when it was made.
        let functions: Set<SimulatedFunction>
        let callback: Int?
        /// Its limits are below what some acts need.
        let isSmall: Bool
        /// Those that wait, and those that have ended while they did.
        var queue: [Int] = []
        /// One of its evals is on the thread: no other gets there.
        var isOccupied = false
        var isQueued = false
        /// One of its evals has ended without a thread, and has left something in it.
        var isUntidy = false
        var hasUsedUpSlice = false
        var isFreed = false
    }

    /// What there is for an eval that starts now, or a context that is made now.
    func makeWorld(isSmall: Bool) -> ModelContext {
        ModelContext(
            functions: Set(functions), callback: functions.contains(.mark) ? callback : nil, isSmall: isSmall)
    }

    func isOpen(context id: Int) -> Bool {
        id > 0 && id <= contexts.count && !contexts[id - 1].isFreed
    }

    /// Those that the engine still has: one that has been freed goes with the last of its evals.
    var namedContexts: Int { contexts.count { !$0.isFreed || $0.isOccupied } }

    mutating func freeContext(_ id: Int) {
        met.insert(contexts[id - 1].isOccupied ? .contextFreedAroundACallback : .contextFreed)
        contexts[id - 1].isFreed = true
        for eval in live where self[eval].context == id { condemn(eval, .contextFreed) }
    }

    // MARK: - Turns

    mutating func queueTurn(of id: Int) {
        guard !contexts[id - 1].isOccupied, !contexts[id - 1].isQueued else { return }
        contexts[id - 1].isQueued = true
        queue.append(.context(id), afterSlice: contexts[id - 1].hasUsedUpSlice)
        contexts[id - 1].hasUsedUpSlice = false
        postWork()
    }

    mutating func leaveBehind(in id: Int) {
        contexts[id - 1].isUntidy = true
        queueTurn(of: id)
    }

    /// One that has been freed goes with the eval that leaves it.
    func hasMore(in id: Int) -> Bool {
        !contexts[id - 1].isFreed && (hasWaiting(in: id) || contexts[id - 1].isUntidy)
    }

    private func hasWaiting(in id: Int) -> Bool {
        contexts[id - 1].queue.contains { self[$0].standing == .waiting }
    }

    /// The eval that was on the thread has left it.
    mutating func vacate(_ id: Int) {
        contexts[id - 1].isOccupied = false
        if hasMore(in: id) { queueTurn(of: id) }
    }

    /// Whether somebody waits for this turn.
    func isWanted(_ turn: Turn) -> Bool {
        switch turn {
        case .eval(let id): self[id].standing == .waiting
        case .context(let id): hasWaiting(in: id)
        }
    }

    var wantedTurns: [Turn] { queue.elements.filter(isWanted) }

    /// Who runs next.
    mutating func take() -> Int? {
        while let turn = queue.popFirst() {
            switch turn {
            case .eval(let id):
                guard self[id].standing == .waiting else { continue }
                self[id].standing = .running
                return id
            case .context(let id):
                contexts[id - 1].isQueued = false
                guard let next = contexts[id - 1].queue.firstIndex(where: { self[$0].standing == .waiting }) else {
                    contexts[id - 1].queue = []
                    contexts[id - 1].isUntidy = false
                    continue
                }
                let eval = contexts[id - 1].queue[next]
                contexts[id - 1].queue.removeSubrange(...next)
                if evals.count(where: { $0.context == id && $0.isLive }) > 1 { met.insert(.turnsInContext) }
                contexts[id - 1].isOccupied = true
                self[eval].standing = .running
                return eval
            }
        }
        return nil
    }

    /// Turns that nobody wants may be gone by now or not: from here on it is these.
    mutating func adopt(_ turns: RunQueue<Turn>) {
        queue = turns
        for index in contexts.indices {
            contexts[index].isQueued = turns.elements.contains(.context(index + 1))
            if !contexts[index].isQueued, !contexts[index].isOccupied { contexts[index].isUntidy = false }
        }
    }
}
