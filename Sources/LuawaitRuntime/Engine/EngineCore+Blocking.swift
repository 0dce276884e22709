/// Host calls from where Lua cannot yield: the thread waits for the answer, and another takes its place.
extension EngineCore {
    package enum BlockAction {
        /// Posted: the thread is to wait.
        case wait(RunSlot?)
        /// There is nothing to wait for: the script gets this.
        case answer(Answer)
        /// It has been condemned.
        case goOn
    }

    /// The eval that a worker runs has called a host function where it cannot yield.
    ///
    /// - Parameter parker: is unparked when there is an answer, or the eval is condemned.
    package mutating func block(
        _ eval: Eval, at function: HostFunction, args: OwnedText?, parker: Parker, now: Instant,
        _ actions: inout Actions
    ) -> BlockAction {
        guard hasRoomForRequest else { return .answer(tooManyRequests(function)) }
        guard crew.mayPin else {
            let message = "\(function.name): \(crew.pinnedCount) threads wait inside scripts already (max_blocked)"
            return .answer(.refused(.text(message)))
        }
        guard evals[eval.id]?.machine.block(mailbox.requests.nextID) == .proceed else { return .goOn }
        evals[eval.id]!.blocked = parker
        postRequest(eval, function, args, now, &actions)
        let missing = crew.pinned()
        actions.newWorkers += missing
        if missing == 0, hasWork { postWork(&actions) }
        return .wait(evals[eval.id]!.slot)
    }

    /// The system has refused the thread. Those that are there go on, and it is asked again while one is missing.
    package mutating func standInRefused(now: Instant, _ actions: inout Actions) {
        guard let delay = crew.standInRefused() else { return }
        addTimer(.standIn, deadline: now.advanced(milliseconds: delay), &actions)
    }

    mutating func retryStandIn(_ actions: inout Actions) {
        actions.newWorkers += crew.retryIsDue()
    }

    mutating func unblock(_ id: EvalID, _ actions: inout Actions) {
        guard let parker = evals[id]?.blocked else { return }
        evals[id]!.blocked = nil
        crew.unpinned()
        actions.wakeWaiters.append(parker)
    }

    /// For the thread that waits.
    ///
    /// - Returns: whether to wait on.
    package func isBlocked(_ eval: Eval) -> Bool {
        evals[eval.id]?.blocked != nil
    }
}
