import DequeModule

/// All that an engine knows, without threads, clocks or system calls: evals, requests, deadlines, who runs what.
///
/// The engine calls these methods under its lock, with the time as an argument, and carries out the actions they
/// collect after unlocking. So each race between host, workers and watchdog is an order of calls here, which a test can
/// make.
package struct EngineCore: Sendable {
    enum Deadline: Hashable {
        case call(RequestID)
        case eval(EvalID)
        /// The host's pool is to be asked again.
        case retry
        /// The system is to be asked again for a worker.
        case standIn
    }

    struct Record {
        let eval: Eval
        var machine = EvalMachine()
        /// Set when it has ended and its outcome is to be taken.
        var outcome: Outcome?
        /// The thread that runs it, while it runs.
        var slot: RunSlot?
        var hasTimer: Bool
        let context: ContextID?
        var waiters: [Parker] = []
        /// Where its thread waits for an answer.
        var blocked: Parker?
        var waker: Waker?
    }

    var evals: [EvalID: Record] = [:]
    package internal(set) var mailbox = Mailbox()
    var timers = TimerQueue<Deadline>()
    var ready = RunQueue<Turn>()
    /// Evals that wait for their turn.
    package internal(set) var queuedCount = 0
    /// The named contexts.
    var contexts: [ContextID: ContextRecord] = [:]
    var lastContext: UInt64 = 0
    package internal(set) var crew: Crew
    var warm: WarmContexts
    /// What evals left that ended on the host's thread; whoever runs scripts lets go of it.
    package internal(set) var retired = ReclaimQueue()
    package internal(set) var functions = FunctionSet.empty
    package internal(set) var counts = Counts()
    var isStopping = false
    /// No new evals are taken.
    package internal(set) var isShutDown = false
    /// Threads that wait until no eval is in progress.
    var quiescenceWaiters: [Parker] = []
    /// Evals that have not ended.
    package internal(set) var liveCount = 0
    let limits: QueueLimits
    /// When the watchdog means to wake up.
    var watchdogPlan = Instant.distantFuture

    /// Totals since the engine was created.
    package struct Counts: Sendable {
        /// Ids given to evals.
        package var started: UInt64 = 0
        /// Of these, how many the host's pool would not run: their start has failed.
        package var refused: UInt64 = 0
        package var succeeded: UInt64 = 0
        package var failed: UInt64 = 0
        package var cancelled: UInt64 = 0
        package var answered: UInt64 = 0
        package var withdrawn: UInt64 = 0
    }

    let executor: EngineConfig.Executor
    /// Executor "custom": what the host's pool has been given.
    package internal(set) var tasks: PoolTasks

    package init(
        warmContexts: Int, executor: EngineConfig.Executor = .threads, workers: Int = 256,
        limits: QueueLimits = QueueLimits()
    ) {
        crew = Crew(mostBusy: workers, mostPinned: limits.blocked)
        warm = WarmContexts(wanted: warmContexts)
        self.executor = executor
        tasks = PoolTasks(most: workers)
        self.limits = limits
    }

    // MARK: - Starting

    /// The id of the next eval. Ids are never used again.
    mutating func nextEvalID() -> EvalID {
        counts.started += 1
        return EvalID(counts.started)
    }

    package mutating func start(_ eval: Eval, now: Instant, _ actions: inout Actions) {
        let timeout = eval.options.limits.timeoutMilliseconds
        liveCount += 1
        evals[eval.id] = Record(eval: eval, hasTimer: timeout > 0, context: eval.named?.id)
        if let named = eval.named { contexts[named.id]?.members.insert(eval.id) }
        if timeout > 0 {
            let deadline = now.advanced(milliseconds: timeout)
            eval.deadline = deadline
            addTimer(.eval(eval.id), deadline: deadline, &actions)
        }
        enqueue(eval, &actions)
    }

    mutating func enqueue(_ eval: Eval, afterSlice: Bool = false, _ actions: inout Actions) {
        guard eval.delivery != .direct, evals[eval.id] != nil else { return }
        queuedCount += 1
        if let named = eval.named {
            enqueue(eval, in: named, &actions)
            if afterSlice { contexts[named.id]?.hasUsedUpSlice = true }
        } else {
            ready.append(.eval(eval), afterSlice: afterSlice)
            postWork(&actions)
        }
    }

    /// There is something to do for whoever runs scripts.
    mutating func postWork(_ actions: inout Actions) {
        switch executor {
        case .threads:
            if let worker = crew.workCame() { actions.wakeWorkers.append(worker) }
        case .custom:
            if tasks.workCame() { actions.tasks += 1 }
        case .host:
            guard mailbox.postWork(&actions) else { return }
            // Who shuts the engine down runs its scripts.
            actions.wakeWaiters += quiescenceWaiters
            quiescenceWaiters = []
        }
    }

    // MARK: - Ending

    /// Condemns an eval: cancelled, timed out, or shut down.
    package mutating func condemn(
        _ id: EvalID, _ reason: EvalMachine.Condemnation, _ actions: inout Actions
    ) {
        guard let action = evals[id]?.machine.condemn(reason) else { return }
        switch action {
        case .nothing:
            break
        case .stop(let ticket, let withdrawing):
            if let withdrawing {
                _ = withdraw(withdrawing, &actions)
                unblock(id, &actions)
            }
            if let slot = evals[id]?.slot { actions.stops.append(Actions.Stop(slot: slot, ticket: ticket)) }
        case .end(let withdrawing):
            let function = withdrawing.flatMap { withdraw($0, &actions)?.function.name }
            guard let record = evals[id] else { return }
            let eval = record.eval
            if withdrawing == nil, eval.delivery != .direct { queuedCount -= 1 }
            discard(eval.giveUp(), &actions)
            if let context = record.context { tidy(context, &actions) }
            complete(id, Outcome(reason.report(eval.options, waitingFor: function)), &actions)
        }
    }

    /// An eval has ended, with this outcome.
    package mutating func complete(_ id: EvalID, _ outcome: Outcome, _ actions: inout Actions) {
        guard var record = evals[id] else { return }
        switch outcome.state {
        case .succeeded: counts.succeeded += 1
        case .failed: counts.failed += 1
        case .cancelled: counts.cancelled += 1
        }
        if record.hasTimer {
            record.hasTimer = false
            evals[id]?.hasTimer = false
            voidTimer()
        }
        liveCount -= 1
        if let context = record.context { contexts[context]?.members.remove(id) }
        wakeQuiescenceWaiters(&actions)
        actions.wakeWaiters += record.waiters
        record.waiters = []
        if let waker = record.waker {
            actions.wakers.append(waker)
            record.waker = nil
        }
        guard record.eval.delivery != .detached else {
            evals[id] = nil
            return
        }
        record.outcome = outcome
        record.slot = nil
        evals[id] = record
        if record.eval.delivery == .kept { post(.finished(id), &actions) }
    }

    mutating func wakeQuiescenceWaiters(_ actions: inout Actions) {
        guard liveCount == 0 else { return }
        actions.wakeWaiters += quiescenceWaiters
        quiescenceWaiters = []
    }

    /// Leaves it to whoever runs scripts: here the core's lock is held.
    mutating func discard(_ remains: Eval.Remains, _ actions: inout Actions) {
        retired.retire(remains)
        postWork(&actions)
    }

    // MARK: - Deadlines

    mutating func addTimer(_ target: Deadline, deadline: Instant, _ actions: inout Actions) {
        timers.add(target, deadline: deadline)
        if deadline < watchdogPlan {
            watchdogPlan = deadline
            actions.nextDeadline = deadline
        }
    }

    mutating func voidTimer() {
        withTimers { timers, isLive in timers.voidOne(isLive: isLive) }
    }

    private mutating func takeDueTimer(now: Instant) -> Deadline? {
        withTimers { timers, isLive in timers.takeDue(now: now, isLive: isLive) }
    }

    /// The soonest deadline that still matters.
    mutating func nextDeadline() -> Instant? {
        withTimers { timers, isLive in timers.nextLive(isLive: isLive) }
    }

    /// Lets `body` change the timers while it looks at the rest: Swift's exclusivity wants them apart.
    private mutating func withTimers<Result>(
        _ body: (inout TimerQueue<Deadline>, (Deadline) -> Bool) -> Result
    ) -> Result {
        var timers = TimerQueue<Deadline>()
        swap(&timers, &self.timers)
        defer { swap(&timers, &self.timers) }
        return body(&timers) { deadline in
            switch deadline {
            case .call(let id): mailbox.requests[id] != nil
            case .eval(let id): evals[id]?.hasTimer == true
            case .retry, .standIn: true
            }
        }
    }

    /// Does what is due.
    ///
    /// - Returns: when to come back.
    package mutating func fireTimers(now: Instant, _ actions: inout Actions) -> Instant {
        while let target = takeDueTimer(now: now) {
            switch target {
            case .call(let id): timeOutCall(id, &actions)
            case .eval(let id):
                evals[id]?.hasTimer = false
                condemn(id, .timedOut, &actions)
            case .retry: retryTask(&actions)
            case .standIn: retryStandIn(&actions)
            }
        }
        return timers.next ?? .distantFuture
    }
}

extension EvalMachine.Condemnation {
    /// - Parameter function: the host function the script was waiting for, if it was.
    func report(_ options: EvalOptions, waitingFor function: String? = nil) -> ErrorReport {
        var report: ErrorReport
        let place = function.map { " while it waited for host function '\($0)'" } ?? ""
        switch self {
        case .cancelled: report = ErrorReport(.cancelled, "cancelled\(place)")
        case .shutDown: report = ErrorReport(.cancelled, "cancelled\(place): the engine is shutting down")
        case .contextFreed: report = ErrorReport(.cancelled, "cancelled\(place): its context was freed")
        case .unanswered(let name):
            report = ErrorReport(.cancelled, "cancelled: host function '\(name)' gave no answer")
            report.function = name
            return report
        case .timedOut:
            let limit = options.limits.timeoutMilliseconds
            report = ErrorReport(.timeout, "took longer than \(limit) ms (timeout_ms)\(place)")
        }
        report.function = function
        return report
    }
}
