/// Host calls from where Lua cannot yield: the thread waits for the answer, and another takes its place.
extension EngineCore {
    package enum BlockAction {
        /// Posted: the thread is to wait.
        case wait(Runner?)
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
        guard blockedCount < mostBlocked else {
            let message = "\(function.name): \(blockedCount) threads wait inside scripts already (max_blocked)"
            return .answer(.refused(.text(message)))
        }
        guard evals[eval.id]?.machine.block(requests.nextID) == .proceed else { return .goOn }
        evals[eval.id]!.blocked = parker
        postRequest(eval, function, args, now, &actions)
        blockedCount += 1
        busyCount -= 1
        // Somebody must be there for what is ready, and for what will be.
        if idle.isEmpty {
            startStandIn(&actions)
        } else if hasWork {
            postWork(&actions)
        }
        return .wait(evals[eval.id]!.runner)
    }

    private mutating func startStandIn(_ actions: inout Actions) {
        standIns.oneIsStarted()
        actions.newWorkers += 1
    }

    /// The system has refused the thread. Those that are there go on, and it is asked again while one is missing.
    package mutating func standInRefused(now: Instant, _ actions: inout Actions) {
        guard let delay = standIns.oneWasRefused() else { return }
        addTimer(.standIn, deadline: now.advanced(milliseconds: delay), &actions)
    }

    mutating func retryStandIn(_ actions: inout Actions) {
        let missing = standIns.retryIsDue(blocked: blockedCount, hasIdle: !idle.isEmpty)
        for _ in 0..<missing { startStandIn(&actions) }
    }

    mutating func unblock(_ id: EvalID, _ actions: inout Actions) {
        guard let parker = evals[id]?.blocked else { return }
        evals[id]!.blocked = nil
        blockedCount -= 1
        // More than the wanted number may run now, until the next of them is done.
        busyCount += 1
        actions.wakeWaiters.append(parker)
    }

    /// For the thread that waits.
    ///
    /// - Returns: whether to wait on.
    package func isBlocked(_ eval: Eval) -> Bool {
        evals[eval.id]?.blocked != nil
    }
}
