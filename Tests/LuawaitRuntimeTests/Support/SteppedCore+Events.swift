@testable import LuawaitRuntime

/// What a host does that takes events, sets wakers, blocks, shuts down, or runs the scripts itself.
extension SteppedCore {
    // MARK: - Events

    /// The next event in a few words; nil if there is none.
    func nextEvent(for affinity: ThreadAffinity = .anyThread) -> String? {
        step { core, _ in core.nextEvent(for: affinity)?.words }
    }

    /// All events that are there now.
    func allEvents(for affinity: ThreadAffinity = .anyThread) -> [String] {
        var events: [String] = []
        while let event = nextEvent(for: affinity) { events.append(event) }
        return events
    }

    /// - Returns: false if there was no room for the line.
    @discardableResult
    func print(_ line: String, from eval: Eval) -> Bool {
        step { core, actions in
            guard core.hasRoomForOutput else { return false }
            core.post(.output(eval.id, OwnedText.copying(line)!), &actions)
            return true
        }
    }

    /// Starts an eval if it is let in, as `luawait_start` does.
    @discardableResult
    func startAdmitted(_ options: String = "{}") throws -> Eval {
        try step { core, _ in try core.admit(.kept) }
        return try start(options)
    }

    /// Starts an eval and takes it, as the only one that is ready.
    func startRunning(_ options: String = "{}", on worker: Int = 0) throws -> Eval {
        let eval = try start(options)
        guard take(worker) === eval else { throw Discrepancy(message: "another eval was ready") }
        return eval
    }

    // MARK: - Wakers and waiters

    func setWaker(_ waker: Waker?, for id: EvalID) throws {
        _ = try step { core, actions in try core.set(waker, for: id, &actions) }
    }

    /// Wakes whose evals have ended in the last step, and lets go of them.
    func carryOutWakers() {
        let wakers = actions.wakers
        step { _, _ in }
        for waker in wakers { waker.wake() }
    }

    func removeWaiter(_ parker: Parker, _ eval: Eval) {
        step { core, _ in core.removeWaiter(parker, eval.id) }
    }

    /// - Returns: whether it has to wait.
    func waitForEvent(_ parker: Parker, for affinity: ThreadAffinity = .anyThread) -> Bool {
        step { core, _ in core.waitForEvent(parker, for: affinity) }
    }

    func stopWaiting(_ parker: Parker) {
        step { core, _ in core.stopWaiting(parker) }
    }

    /// Whether the last step woke this one, and how often.
    func wakeUps(of parker: Parker) -> Int {
        actions.wakeWaiters.count { $0 === parker }
    }

    // MARK: - The end

    /// - Returns: whether it has to wait.
    func shutDown(_ parker: Parker) -> Bool {
        step { core, _ in core.shutDown(parker) }
    }

    /// The time for a graceful end is up.
    func losePatience() {
        step { core, actions in core.condemnAll(.shutDown, &actions) }
    }

    // MARK: - Executor "host"

    func takeReady() -> Eval? {
        let ticket = announce()
        let taken = step { core, _ in core.takeReady(slot: workers[0].slot, ticket: ticket) }
        if case .run(let eval) = taken { return eval }
        return nil
    }

    /// - Returns: how many states it got.
    func takeRetired(ifUrgent isUrgent: Bool = false) -> Int {
        step { core, _ in core.takeRetired(ifUrgent: isUrgent).count }
    }

    /// - Returns: whether there is more to run.
    func endRun() -> Bool {
        step { core, _ in core.endRun() }
    }

    func nextDeadline() -> Instant? {
        step { core, _ in core.nextDeadline() }
    }
}

extension EngineCore.Event {
    /// For comparing: `request 3 of 1`, `withdrawn 3 of 1`, `finished 1: cancelled`, `output 1: line`.
    var words: String {
        switch self {
        case .request(let handover): "request \(handover.request.value) of \(handover.eval.value)"
        case .withdrawn(let request, let eval, _): "withdrawn \(request.value) of \(eval.value)"
        case .finished(let eval, let outcome): "finished \(eval.value): \(outcome.state)"
        case .output(let eval, let text): "output \(eval.value): \(text.string)"
        }
    }
}
