/// Outcomes: taken once, by poll or wait.
extension EngineCore {
    package enum Progress: Sendable {
        case inProgress
        case ended(Outcome)
    }

    /// Takes the outcome if there is one, and forgets the eval.
    ///
    /// - Throws: `.notFound`.
    package mutating func takeOutcome(_ id: EvalID) throws(CallError) -> Progress {
        guard let record = evals[id], record.eval.delivery == .kept else {
            throw CallError(.notFound, "eval \(id.value): unknown, detached, or its outcome has been taken")
        }
        guard let outcome = record.outcome else {
            mailbox.foundNothing()
            return .inProgress
        }
        evals[id] = nil
        mailbox.removed()
        return .ended(outcome)
    }

    /// The outcome of `luawait_eval`, whose id nobody else can use. Nil while it is in progress.
    mutating func takeDirectOutcome(_ id: EvalID) -> Outcome? {
        guard let outcome = evals[id]?.outcome else { return nil }
        evals[id] = nil
        return outcome
    }

    /// - Throws: `.notFound`.
    package mutating func cancel(_ id: EvalID, _ actions: inout Actions) throws(CallError) {
        guard let delivery = evals[id]?.eval.delivery, delivery != .direct else {
            throw CallError(.notFound, "eval \(id.value): unknown, or its outcome has been taken")
        }
        condemn(id, .cancelled, &actions)
    }

    /// `parker` is unparked when the eval ends.
    mutating func addWaiter(_ parker: Parker, _ id: EvalID) {
        evals[id]?.waiters.append(parker)
    }

    mutating func removeWaiter(_ parker: Parker, _ id: EvalID) {
        evals[id]?.waiters.removeAll { $0 === parker }
    }

    /// The oldest first.
    mutating func condemnAll(_ reason: EvalMachine.Condemnation, _ actions: inout Actions) {
        for id in evals.keys.sorted(by: { $0.value < $1.value }) { condemn(id, reason, &actions) }
    }

    /// Condemns everything and lets the workers go.
    mutating func stop(_ actions: inout Actions) {
        isStopping = true
        isShutDown = true
        condemnAll(.shutDown, &actions)
        actions.wakeWorkers += crew.dismissed()
    }
}
