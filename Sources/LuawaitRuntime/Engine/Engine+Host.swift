import CLuaBridge

/// What the host asks of an engine: one method for each function of the ABI that needs more than reading.
extension Engine {
    // MARK: - Host functions

    package func register(_ function: HostFunction) throws(CallError) {
        try checkFunctionName(function.name)
        try changeFunctions { functions throws(CallError) in
            let changed = try functions.adding(function)
            function.callback?.takeOwnership()
            return changed
        }
    }

    package func unregister(_ name: String) throws(CallError) {
        try changeFunctions { functions throws(CallError) in try functions.removing(name) }
    }

    private func changeFunctions(
        _ change: (FunctionSet) throws(CallError) -> FunctionSet
    ) throws(CallError) {
        let stale: ([Context], FunctionSet) = try withCore { core, _ throws(CallError) in
            let old = core.functions
            core.functions = try change(old)
            return (core.warm.removeAll(), old)
        }
        // Out of the lock: with the last reference to a callback its data is dropped, which calls the host.
        withExtendedLifetime(stale) {}
    }

    // MARK: - Evals

    /// Queues a script.
    ///
    /// - Throws: `.limit`, `.shutdown`, `.executor`, `.notFound` for a context that is not there.
    package func start(_ script: OwnedText, options: EvalOptions) throws(CallError) -> EvalID {
        let now = clock.now()
        let eval = try withCore { core, actions throws(CallError) in
            try core.admit(options.delivery)
            let named = try options.context.map { (id) throws(CallError) in try core.findContext(id) }
            let eval = Eval(
                id: core.nextEvalID(), script: script, options: options,
                functions: named?.context.functions ?? core.functions,
                delivery: options.delivery, named: named)
            core.start(eval, now: now, &actions)
            return eval
        }
        if config.executor == .custom {
            // Out of the lock: with it may go the last reference to a callback, whose data is dropped then.
            try withExtendedLifetime(eval) { () throws(CallError) in
                try withCore { core, actions throws(CallError) in try core.takeBackIfRefused(eval.id, &actions) }
            }
        }
        return eval.id
    }

    package func poll(_ id: EvalID) throws(CallError) -> EngineCore.Progress {
        try withCore { core, _ throws(CallError) in try core.takeOutcome(id) }
    }

    package func wait(_ id: EvalID, until deadline: Instant) throws(CallError) -> EngineCore.Progress {
        let parker = Parker()
        while true {
            let progress = try withCore { core, _ throws(CallError) in
                core.removeWaiter(parker, id)
                let progress = try core.takeOutcome(id)
                if case .inProgress = progress { core.addWaiter(parker, id) }
                return progress
            }
            if case .ended = progress { return progress }
            if deadline != .distantFuture, clock.now() >= deadline {
                withCore { core, _ in core.removeWaiter(parker, id) }
                return progress
            }
            parker.park(until: deadline, by: clock)
        }
    }

    package func cancel(_ id: EvalID) throws(CallError) {
        try withCore { core, actions throws(CallError) in try core.cancel(id, &actions) }
    }

    /// Ends an eval from inside its callback.
    func condemn(_ id: EvalID, _ reason: EvalMachine.Condemnation) {
        withCore { core, actions in core.condemn(id, reason, &actions) }
    }

    /// Runs a script on the calling thread until it ends.
    package func evaluate(_ script: OwnedText, options: EvalOptions) throws(CallError) -> Outcome {
        guard options.context == nil else {
            throw CallError(.option, "options.context: luawait_eval cannot wait for a context; use luawait_start")
        }
        let slot = try borrowRunSlot()
        slot.bind()
        defer {
            slot.unbind()
            giveBack(slot)
        }
        let now = clock.now()
        let eval = try withCore { core, actions throws(CallError) in
            try core.admit(.direct)
            let eval = Eval(
                id: core.nextEvalID(), script: script, options: options, functions: core.functions,
                delivery: .direct)
            core.start(eval, now: now, &actions)
            return eval
        }
        while true {
            fireTimersWithoutWatchdog()
            let ticket = slot.announce()
            let isTaken = withCore { core, _ in core.takeDirect(eval, slot: slot, ticket: ticket) }
            if isTaken, step(eval, on: slot) != .ended { continue }
            if let outcome = withCore({ core, _ in core.takeDirectOutcome(eval.id) }) { return outcome }
        }
    }

    /// Compiles a script without running it.
    package func check(_ script: UnsafeBufferPointer<UInt8>, name: String) throws(CallError) {
        guard let context = makeContext(.empty, limits: config.limits) else { throw .outOfMemory }
        let start = UnsafeRawPointer(script.baseAddress)?.assumingMemoryBound(to: CChar.self)
        let limit = config.limits.cpuMilliseconds * 1_000_000
        guard lwb_context_check(context.raw, start, script.count, name, limit) != LWB_READY else { return }
        let report = ErrorReport(context.failure)
        let kind: CallError.Kind
        switch report.type {
        case .memory: kind = .memory
        case .limit: kind = .limit
        default: kind = .syntax
        }
        throw CallError(kind, report.message, line: report.line ?? 0)
    }

    // MARK: - Events

    /// Takes the oldest events, as many as there are and at most `most`.
    package func nextEvents(atMost most: Int) -> [EngineCore.Event] {
        let affinity = affinity
        return withCore { core, _ in
            var events: [EngineCore.Event] = []
            while events.count < most, let event = core.nextEvent(for: affinity) { events.append(event) }
            return events
        }
    }

    /// A script printed a line.
    ///
    /// - Returns: false if there is no room for it.
    func post(_ line: String, from eval: EvalID) -> Bool {
        guard let text = OwnedText.copying(line) else { return false }
        return withCore { core, actions in
            guard core.hasRoomForOutput else { return false }
            core.post(.output(eval, text), &actions)
            return true
        }
    }

    /// Blocks until there is something to take.
    ///
    /// - Returns: false if the time was up first.
    package func waitForEvent(until deadline: Instant) -> Bool {
        let parker = Parker()
        let affinity = affinity
        while withCore({ core, _ in core.waitForEvent(parker, for: affinity) }) {
            // Where no thread keeps the deadlines, that one has come is for the host to see to.
            let due = watchdog == nil && isToRun ? nextRun() ?? .distantFuture : .distantFuture
            let now = clock.now()
            if now >= due || (deadline != .distantFuture && now >= deadline) {
                withCore { core, _ in core.stopWaiting(parker) }
                return now >= due
            }
            parker.park(until: min(deadline, due), by: clock)
        }
        return true
    }

    package func setWaker(_ waker: Waker?, for id: EvalID) throws(CallError) {
        let old = try withCore { core, actions throws(CallError) in try core.set(waker, for: id, &actions) }
        withExtendedLifetime(old) {}
    }

    // MARK: - Named contexts

    /// Makes a Lua world that many evals share.
    ///
    /// - Throws: `.memory`, `.shutdown`.
    package func makeNamedContext(_ options: ContextOptions) throws(CallError) -> ContextID {
        let functions = withCore { core, _ in core.functions }
        let context = Context(
            config: config, limits: options.limits, functions: functions, count: liveContexts, isShared: true,
            globals: options.globals, hashSeed: hashSeed)
        guard let context else { throw .outOfMemory }
        return try withCore { core, _ throws(CallError) in
            if core.isShutDown { throw .isShutDown }
            return core.addContext(context)
        }
    }

    /// - Throws: `.notFound`.
    package func freeNamedContext(_ id: ContextID) throws(CallError) {
        let named = try withCore { core, actions throws(CallError) in try core.freeContext(id, &actions) }
        // Out of the lock: freeing a world takes a while.
        withExtendedLifetime(named) {}
    }

    // MARK: - The end

    /// Refuses new evals, waits for those in progress, and cancels what is left when the time is up.
    package func shutDown(by deadline: Instant) throws(CallError) {
        let parker = Parker()
        var deadline = deadline
        while withCore({ core, _ in core.shutDown(parker) }) {
            if clock.now() >= deadline {
                // Those that run end within milliseconds; the others have ended now.
                withCore { core, actions in core.condemnAll(.shutDown, &actions) }
                deadline = .distantFuture
            } else if config.executor == .host {
                // Nobody else may be there to run them. A millisecond at a time, to see when the last has ended.
                let more = try run(budgetNanoseconds: 1_000_000)
                if !more { parker.park(until: min(deadline, nextRun() ?? .distantFuture), by: clock) }
            } else {
                parker.park(until: deadline, by: clock)
            }
        }
    }

    // MARK: - Requests

    /// Takes the oldest pending request; see `EngineCore.takeRequest`.
    package func takeRequest<Taken: Sendable>(
        accept: (EngineCore.Handover) throws(CallError) -> Taken
    ) throws(CallError) -> Taken? {
        let affinity = affinity
        return try withCore { core, _ throws(CallError) in try core.takeRequest(for: affinity, accept: accept) }
    }

    /// - Parameter parse: makes the answer; only called if the request is open, and not under a lock.
    package func answer(
        _ id: RequestID, _ parse: () throws(CallError) -> Answer
    ) throws(CallError) {
        try withCore { core, _ throws(CallError) in try core.checkOpen(id) }
        let answer = try parse()
        try withCore { core, actions throws(CallError) in try core.answer(id, with: answer, &actions) }
    }
}
