import Testing

@testable import LuawaitRuntime

/// An engine's core without threads and without a clock: each step is a call, and after each step the books must
/// balance.
final class SteppedCore {
    var core: EngineCore
    /// What the last step made necessary.
    private(set) var actions = Actions()
    var now = Instant(nanoseconds: 1_000_000_000)
    let workers: [Worker]
    private var lastTicket: UInt64 = 0
    private var functions: [String: HostFunction] = [:]

    init(
        workers count: Int = 2, warmContexts: Int = 0, executor: EngineConfig.Executor = .threads,
        limits: QueueLimits = QueueLimits(), mostBusy: Int = 256
    ) throws(CallError) {
        core = EngineCore(warmContexts: warmContexts, executor: executor, workers: mostBusy, limits: limits)
        var workers: [Worker] = []
        for _ in 0..<count { workers.append(try Worker(config: EngineConfig(), clock: SystemClock())) }
        self.workers = workers
    }

    @discardableResult
    func step<Result>(_ body: (inout EngineCore, inout Actions) throws -> Result) rethrows -> Result {
        actions = Actions()
        defer { checkBooks() }
        return try body(&core, &actions)
    }

    // MARK: - The host

    @discardableResult
    func start(_ options: String = "{}", isDirect: Bool = false) throws -> Eval {
        let options = try evalOptions(options)
        return step { core, actions in
            let eval = Eval(
                id: core.nextEvalID(), script: nil, options: options, functions: .empty,
                delivery: isDirect ? .direct : options.delivery)
            core.start(eval, now: now, &actions)
            return eval
        }
    }

    func takeRequest(for affinity: ThreadAffinity = .anyThread) -> EngineCore.Handover? {
        let taken = try? step { core, _ in
            try core.takeRequest(for: affinity) { handover throws(CallError) in handover }
        }
        return taken ?? nil
    }

    func takeRequest(accept: (EngineCore.Handover) throws(CallError) -> Int) throws -> Int? {
        try step { core, _ in try core.takeRequest(accept: accept) }
    }

    func answer(_ id: RequestID, _ json: String = "true") throws {
        try answer(id, with: result(json))
    }

    func answer(_ id: RequestID, with answer: Answer) throws {
        try step { core, actions in try core.answer(id, with: answer, &actions) }
    }

    func outcome(_ eval: Eval) throws -> Outcome? {
        try step { core, _ in try core.takeOutcome(eval.id).outcome }
    }

    func cancel(_ eval: Eval) throws {
        try cancel(eval.id)
    }

    func cancel(_ id: EvalID) throws {
        try step { core, actions in try core.cancel(id, &actions) }
    }

    func stop() {
        step { core, actions in core.stop(&actions) }
    }

    func addWaiter(_ parker: Parker, _ eval: Eval) {
        step { core, _ in core.addWaiter(parker, eval.id) }
    }

    // MARK: - The workers

    /// What a worker has to do once it has let go of what ended evals have left.
    func work(_ worker: Int = 0) -> EngineCore.Work {
        while true {
            let work = anyWork(worker)
            guard case .reclaim = work else { return work }
        }
    }

    func anyWork(_ worker: Int = 0) -> EngineCore.Work {
        let ticket = announce()
        return step { core, _ in core.takeWork(for: workers[worker], ticket: ticket) }
    }

    /// Nil if there is nothing to run.
    func take(_ worker: Int = 0) -> Eval? {
        if case .turn(.run(let eval)) = work(worker) { return eval }
        return nil
    }

    func takeDirect(_ eval: Eval, _ worker: Int = 0) -> Bool {
        let ticket = announce()
        return step { core, _ in core.takeDirect(eval, slot: workers[worker].slot, ticket: ticket) }
    }

    /// The name of the next run.
    func announce() -> Ticket {
        lastTicket += 1
        return ticket
    }

    var ticket: Ticket { Ticket(lastTicket) }

    /// - Parameter timeout: the function's own, in milliseconds.
    @discardableResult
    func park(
        _ eval: Eval, at name: String = "fetch", timeout: Int64? = nil, for affinity: ThreadAffinity = .anyThread
    ) -> EvalMachine.LeaveAction {
        let function = HostFunction(name: name, timeoutMilliseconds: timeout, callback: nil, affinity: affinity)
        return step { core, actions in
            core.park(eval, at: function, args: .copying("[\(eval.id.value)]"), now: now, &actions)
        }
    }

    /// - Parameter parker: of the worker.
    func block(_ eval: Eval, for affinity: ThreadAffinity, _ parker: Parker) -> EngineCore.BlockAction {
        let function = HostFunction(name: "fetch", timeoutMilliseconds: nil, callback: nil, affinity: affinity)
        return step { core, actions in
            core.block(
                eval, at: function, args: .copying("[\(eval.id.value)]"), parker: parker, now: now, &actions)
        }
    }

    @discardableResult
    func slice(_ eval: Eval) -> EvalMachine.LeaveAction {
        step { core, actions in core.slice(eval, &actions) }
    }

    @discardableResult
    func finish(_ eval: Eval, _ json: String = "42") -> EvalMachine.LeaveAction {
        step { core, actions in
            core.finish(eval, Outcome(state: .succeeded, text: .copying(json)), &actions)
        }
    }

    /// What a worker does when a step has told it `.end`.
    func complete(_ eval: Eval, _ reason: EvalMachine.Condemnation) {
        step { core, actions in core.complete(eval.id, Outcome(reason.report(eval.options)), &actions) }
    }

    /// Starts an eval, runs it and parks it.
    func startParked(_ options: String = "{}") throws -> (eval: Eval, request: RequestID) {
        let eval = try start(options)
        let taken = try #require(take())
        try #require(taken === eval)
        park(eval)
        return (eval, RequestID(core.mailbox.requests.postedCount))
    }

    // MARK: - The watchdog

    func advance(milliseconds: Int64) {
        now = now.advanced(milliseconds: milliseconds)
    }

    @discardableResult
    func fireTimers() -> Instant {
        step { core, actions in
            let next = core.fireTimers(now: now, &actions)
            core.watchdogPlan = next
            return next
        }
    }

    // MARK: - The books

    var phases: [EvalMachine.Phase] { core.evals.values.map(\.machine.phase) }

    var stats: Stats { Stats(core, workers: workers.count, liveContexts: 0) }

    /// No older request is open.
    private var closedUpTo: UInt64 = 0

    /// Then the steps are few, and each can be followed by a search. A random run looks at `mistake` itself.
    var isByHand = true

    /// How many events a host would get that took them all now.
    private var eventsInStock: Int {
        var copy = core
        var count = 0
        while copy.nextEvent(for: .mainThread) != nil { count += 1 }
        return count
    }

    /// The first one found; the steps after it are of no interest.
    private(set) var mistake: String?

    private func checkBooks() {
        guard mistake == nil else { return }
        mistake = mistakeInTheBooks
        if isByHand, let mistake { Issue.record("\(mistake)") }
    }

    private var mistakeInTheBooks: String? {
        let counts = core.counts
        var unread = 0
        var unfinished = 0
        var timers = core.crew.standIns.isRetryPlanned ? 1 : 0
        for record in core.evals.values {
            if record.outcome == nil { unfinished += 1 } else if record.eval.delivery != .direct { unread += 1 }
            if record.hasTimer { timers += 1 }
        }
        while closedUpTo < core.mailbox.requests.postedCount, core.mailbox.requests[RequestID(closedUpTo + 1)] == nil {
            closedUpTo += 1
        }
        for number in closedUpTo..<core.mailbox.requests.postedCount
        where core.mailbox.requests[RequestID(number + 1)]?.hasTimer == true {
            timers += 1
        }
        let (pending, open) = (core.mailbox.requests.pendingCount, core.mailbox.requests.openCount)
        let ended = Int(counts.succeeded + counts.failed + counts.cancelled)
        let closed = Int(counts.answered + counts.withdrawn)
        let (available, work) = (core.mailbox.gate.available, core.mailbox.workIsPosted ? 1 : 0)
        if available < pending + unread + work {
            return "the gate counts \(available): too few for \(pending) requests and \(unread) outcomes"
        }
        if isByHand, available != eventsInStock + work {
            return "the gate counts \(available), but there are \(eventsInStock) events"
        }
        let waiting = core.evals.values.count { $0.eval.delivery != .direct && $0.machine.phase == .waiting }
        if core.queuedCount != waiting {
            return "\(core.queuedCount) evals counted in the queue, but \(waiting) are"
        }
        if core.liveCount != unfinished {
            return "\(core.liveCount) evals counted in progress, but \(unfinished) are"
        }
        if Int(counts.started) != ended + unfinished + Int(counts.refused) {
            return "\(counts.started) evals started, but \(ended) have ended and \(unfinished) not"
        }
        if Int(core.mailbox.requests.postedCount) != closed + open {
            return "\(core.mailbox.requests.postedCount) requests posted, but \(closed) are closed and \(open) open"
        }
        if core.timers.count != timers {
            return "\(core.timers.count) timers counted, but \(timers) are live"
        }
        return nil
    }
}
