/// Who may come in: limits on what is queued and unread, and the end of all admission.
extension EngineCore {
    /// Whether another eval may start.
    ///
    /// - Parameter delivery: a direct one runs on the calling thread, and needs no pool.
    /// - Throws: `.shutdown`; `.executor`; `.limit`, which names the config key.
    package func admit(_ delivery: Delivery) throws(CallError) {
        if isShutDown { throw .isShutDown }
        if executor == .custom, !tasks.isOpen, delivery != .direct {
            throw CallError(.executor, "no executor has been set (luawait_set_executor)")
        }
        try check(liveCount, limits.evals, "evals in progress", key: "max_evals")
        try check(queuedCount, limits.queued, "evals queued", key: "max_queued")
    }

    private func check(_ count: Int, _ limit: Int, _ what: String, key: String) throws(CallError) {
        guard limit > 0, count >= limit else { return }
        throw CallError(.limit, "\(count) \(what) (\(key))")
    }

    /// Whether a script may call the host: the requests that nobody has answered are bounded, too.
    var hasRoomForRequest: Bool {
        limits.requests == 0 || mailbox.requests.openCount < limits.requests
    }

    /// Whether there is room for what a script prints.
    var hasRoomForOutput: Bool {
        limits.unread == 0 || mailbox.events.unreadLines < limits.unread
    }

    /// No eval starts from here on.
    ///
    /// - Returns: whether some are in progress; then `parker` is unparked when none is.
    mutating func shutDown(_ parker: Parker) -> Bool {
        isShutDown = true
        quiescenceWaiters.removeAll { $0 === parker }
        guard liveCount > 0 else { return false }
        quiescenceWaiters.append(parker)
        return true
    }

    /// - Returns: false if there is something to take; else `parker` is unparked when there is.
    mutating func waitForEvent(_ parker: Parker, for affinity: ThreadAffinity = .anyThread) -> Bool {
        mailbox.wait(parker, for: affinity)
    }

    mutating func stopWaiting(_ parker: Parker) {
        mailbox.stopWaiting(parker)
        quiescenceWaiters.removeAll { $0 === parker }
    }

    /// - Returns: the waker that was set before, to be let go of outside the lock.
    mutating func set(
        _ waker: Waker?, for id: EvalID, _ actions: inout Actions
    ) throws(CallError) -> Waker? {
        guard let record = evals[id], record.eval.delivery != .direct else {
            throw CallError(.notFound, "eval \(id.value): unknown, or its outcome has been taken")
        }
        waker?.takeOwnership()
        if record.outcome != nil {
            if let waker { actions.wakers.append(waker) }
            return nil
        }
        evals[id]!.waker = waker
        return record.waker
    }
}

/// How much may be waiting. 0 is no limit.
package struct QueueLimits: Sendable {
    package var evals = 0
    package var queued = 0
    package var requests = 0
    /// Printed lines nobody has taken, by `EventQueue.unreadLines`. Enough for any host that reads, and few enough for
    /// one that does not.
    package var unread = 100_000
    /// Workers that wait inside a script for an answer.
    package var blocked = 32

    package init() {}
}
