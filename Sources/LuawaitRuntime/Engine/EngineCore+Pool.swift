/// Executor "custom": tasks for the host's pool.
extension EngineCore {
    /// There is a pool now, or there is none any more.
    package mutating func setHasPool(_ hasPool: Bool, _ actions: inout Actions) {
        guard hasPool, !isStopping else { return tasks.closed() }
        actions.tasks += tasks.opened(readyCount: hasWork ? max(1, ready.count) : 0)
    }

    /// The pool will not run a task that it was given.
    package mutating func taskRefused(_ code: Int32, now: Instant, _ actions: inout Actions) {
        guard let delay = tasks.refused(code, leavingWork: hasWork) else { return }
        addTimer(.retry, deadline: now.advanced(milliseconds: delay), &actions)
    }

    mutating func retryTask(_ actions: inout Actions) {
        if tasks.retryIsDue(hasWork: hasWork) { actions.tasks += 1 }
    }

    /// A task has done what it could in its time.
    package mutating func taskEnded(_ actions: inout Actions) {
        if tasks.ended(leavingWork: hasWork) { actions.tasks += 1 }
    }

    /// Takes back an eval that has just been started, if the pool wants nothing to do with it.
    ///
    /// - Throws: `.executor`.
    package mutating func takeBackIfRefused(_ id: EvalID, _ actions: inout Actions) throws(CallError) {
        guard let code = tasks.refusal, tasks.outstanding == 0, let record = evals[id],
            record.machine.phase == .waiting
        else { return }
        ready.removeLast { turn in
            if case .eval(let eval) = turn { eval === record.eval } else { false }
        }
        queuedCount -= 1
        evals[id] = nil
        // Its place in the context's queue leads to nothing any more, and is skipped.
        if let context = record.context { contexts[context]?.members.remove(id) }
        counts.refused += 1
        liveCount -= 1
        if record.hasTimer { voidTimer() }
        wakeQuiescenceWaiters(&actions)
        throw CallError(.executor, "the executor refused to run it: submit returned \(code)")
    }
}
