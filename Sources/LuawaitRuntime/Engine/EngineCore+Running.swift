import DequeModule

/// What workers do with the core: take work, and say what came of it.
extension EngineCore {
    /// What a worker does next.
    package enum Work {
        case turn(Taken)
        /// Let go of these.
        case reclaim([Eval.Remains])
        /// Make a world that knows these functions, for `WarmContexts`.
        case warm(FunctionSet)
        /// Wait to be woken; the worker has been noted as idle.
        case sleep
        case exit
    }

    /// - Parameter ticket: what the run will be called, already announced: a stop may come as soon as this returns.
    package mutating func takeWork(for worker: Worker, ticket: Ticket) -> Work {
        crew.reported(worker)
        if retired.isDue { return .reclaim(retired.takeBatch()) }
        if crew.hasRoom, let taken = takeReady(slot: worker.slot, ticket: ticket) {
            crew.began(worker)
            return .turn(taken)
        }
        if !retired.isEmpty { return .reclaim(retired.takeBatch()) }
        if isStopping { return .exit }
        if warm.wantsMore { return .warm(functions) }
        crew.fellAsleep(worker)
        return .sleep
    }

    /// For `luawait_run`. Nil when nothing is ready.
    package mutating func takeReady(slot: RunSlot, ticket: Ticket) -> Taken? {
        while let turn = ready.popFirst() {
            let taken: Taken? =
                switch turn {
                case .eval(let eval): take(eval, slot: slot, ticket: ticket) ? .run(eval) : nil
                case .context(let id): takeTurn(of: id, slot: slot, ticket: ticket)
                }
            guard let taken else { continue }
            retired.scriptHasTurn()
            return taken
        }
        return nil
    }

    /// - Returns: false if it has ended in the queue.
    mutating func take(_ eval: Eval, slot: RunSlot, ticket: Ticket) -> Bool {
        guard evals[eval.id]?.machine.take(ticket) == true else { return false }
        queuedCount -= 1
        evals[eval.id]!.slot = slot
        return true
    }

    /// The end of a `luawait_run`.
    ///
    /// - Returns: whether there is more to run.
    package mutating func endRun() -> Bool {
        if !hasWork { mailbox.withdrawWork() }
        return hasWork
    }

    /// Whether there is something to do for whoever runs scripts.
    var hasWork: Bool { !ready.isEmpty || !retired.isEmpty }

    /// What is to be let go of in `luawait_run`: a batch, or nothing.
    ///
    /// - Parameter isUrgent: only if it comes before scripts that are ready
    package mutating func takeRetired(ifUrgent isUrgent: Bool) -> [Eval.Remains] {
        isUrgent && !retired.isDue ? [] : retired.takeBatch()
    }

    /// A run on the host's own thread (`luawait_eval`).
    ///
    /// - Returns: false if it ended before it could be taken; `takeOutcome` has the outcome.
    mutating func takeDirect(_ eval: Eval, slot: RunSlot, ticket: Ticket) -> Bool {
        guard evals[eval.id]?.machine.take(ticket) == true else { return false }
        evals[eval.id]!.slot = slot
        return true
    }

    /// The slice of the eval that was running is over.
    package mutating func slice(_ eval: Eval, _ actions: inout Actions) -> EvalMachine.LeaveAction {
        requeue(eval, afterSlice: true, &actions)
    }

    /// The eval that was running leaves its thread, and is ready to go on.
    ///
    /// - Parameter afterSlice: whether it has used up its slice.
    mutating func requeue(
        _ eval: Eval, afterSlice: Bool, _ actions: inout Actions
    ) -> EvalMachine.LeaveAction {
        evals[eval.id]?.slot = nil
        guard let action = evals[eval.id]?.machine.slice() else { return .end(.shutDown) }
        if action == .proceed { enqueue(eval, afterSlice: afterSlice, &actions) }
        return action
    }

    /// The eval that was running has ended by itself, or was stopped.
    ///
    /// - Returns: `.end` when it had been condemned: then the caller makes an outcome that says so, and calls
    ///   `complete`.
    package mutating func finish(
        _ eval: Eval, _ outcome: Outcome, _ actions: inout Actions
    ) -> EvalMachine.LeaveAction {
        evals[eval.id]?.slot = nil
        guard let action = evals[eval.id]?.machine.finish() else { return .end(.shutDown) }
        if action == .proceed { complete(eval.id, outcome, &actions) }
        return action
    }
}
