@testable import LuawaitRuntime

/// What a host may do at any moment, also from inside its callbacks.
extension EngineSchedule {
    func stepAnywhere() throws {
        switch number(0...26) {
        case 0...1: try start()
        case 2...3: try takeRequest()
        case 4...7: try takeEvents()
        case 8...9: try answer(number(0...model.requests.count + 1))
        case 10...13: if let id = model.openRequests.randomElement(using: &random) { try answer(id) }
        case 14...15: try cancel(number(0...model.evals.count))
        case 16...17: try poll(number(0...model.evals.count))
        case 18...19: try setWaker(number(0...model.evals.count))
        case 20: try setNotifier()
        case 21: try register(SimulatedFunction.allCases.randomElement(using: &random)!)
        case 22: try unregister(SimulatedFunction.allCases.randomElement(using: &random)!)
        case 23: try makeContext()
        case 24: try freeContext(number(0...model.contexts.count + 1))
        case 25: if isCustom { try changePool() }
        default: try waitForEvent()
        }
    }

    // MARK: - Evals

    func start() throws {
        let context = chance(in: 2) && !model.contexts.isEmpty ? number(1...model.contexts.count + 1) : nil
        let peer = peer(in: context)
        var script = SimulatedScript.random(canPark: true, using: &random)
        script.sharesGlobals = context != nil && chance(in: 2)
        if context != nil, chance(in: 2) { script.addGlobal(peer: peer) }
        var options = try EvalOptions(json: nil, defaults: live.config.limits, maxDepth: 128)
        let timeout = Int64(chance(in: 4) ? number(1...15) : 0)
        let callTimeout = Int64(chance(in: 2) ? number(1...7) : 0)
        options.limits.timeoutMilliseconds = timeout
        options.limits.callTimeoutMilliseconds = callTimeout
        options.isDetached = chance(in: 8)
        options.context = context.map { ContextID(UInt64($0)) }
        options.sharesGlobals = script.sharesGlobals
        let refusal = model.refusal(context: context)
        var id = model.evals.count + 1
        let place = context.map { "in context \($0)" } ?? ""
        note("start \(id) \(place) timeout \(timeout) call \(callTimeout) detached \(options.isDetached) \(script)")
        let source = script.source(eval: id)
        if refusal == nil {
            id = model.start(
                script, timeout: timeout, callTimeout: callTimeout, isDetached: options.isDetached,
                isDirect: false, context: context, now: clock.time)
        }
        // At the first of its looks at the clock the model is ahead.
        isLooking = false
        defer { isLooking = true }
        do {
            let started = try live.start(.copying(source)!, options: options)
            try expect(refusal == nil && started.value == UInt64(id), "started as \(started.value)")
            try expect(!isCustom || outstandingTasks > 0, "started, and nobody will run it")
        } catch let error as CallError {
            if refusal == nil, isCustom, error.kind == .executor, outstandingTasks == 0 { return model.takeBack(id) }
            try expect(error.kind == refusal, "refused: \(error)")
        }
    }

    /// - Returns: whether the call was accepted.
    func accepted(unless kind: CallError.Kind, _ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch let error as CallError {
            try expect(error.kind == kind, "refused: \(error)")
            return false
        }
    }

    func cancel(_ id: Int) throws {
        note("cancel \(id)")
        let isKnown = model.isKnown(id)
        if isKnown { model.condemn(id, .cancelled) }
        let accepted = try accepted(unless: .notFound) { try live.cancel(EvalID(UInt64(id))) }
        try expect(accepted == isKnown, "cancel: \(accepted)")
    }

    func poll(_ id: Int) throws {
        let blocks = chance(in: 3)
        note("\(blocks ? "wait" : "poll") \(id)")
        let isKnown = model.isKnown(id) && !model[id].isDetached
        let ending = isKnown ? model.poll(id) : nil
        let accepted = try accepted(unless: .notFound) {
            let id = EvalID(UInt64(id))
            let progress = try blocks ? live.wait(id, until: clock.time) : live.poll(id)
            guard let outcome = progress.outcome else { return try expect(ending == nil, "still in progress") }
            try compare(outcome, ending, Int(id.value))
        }
        try expect(accepted == isKnown, "poll: \(accepted)")
    }

    // MARK: - Taking

    func takeRequest() throws {
        let accepting = !chance(in: 5)
        let isElsewhere = chance(in: 16)
        note("take a request\(accepting ? "" : ", without memory for it")\(isElsewhere ? ", elsewhere" : "")")
        let isMain = model.mainThread == .here && !isElsewhere
        let expected = model.takeRequest(accepting: accepting, isMain: isMain)
        var seen: EngineCore.Handover?
        var taken: RequestID??
        try onThread(elsewhere: isElsewhere) { [self] in
            taken = try? live.takeRequest { handover throws(CallError) in
                seen = handover
                if !accepting { throw .outOfMemory }
                return handover.request
            }
        }
        try expect(seen.map { Int($0.request.value) } == expected, "request \(seen?.request.value ?? 0)")
        try expect((taken.flatMap { $0 } != nil) == (accepting && expected != nil), "taken: \(taken != nil)")
        if let seen { try compare(seen) }
    }

    private func compare(_ handover: EngineCore.Handover) throws {
        let request = model.requests[Int(handover.request.value) - 1]
        try expect(
            handover.eval.value == UInt64(request.eval) && handover.function.name == request.function.rawValue
                && handover.args?.string == "[\(request.eval),\(request.act)]",
            "request \(handover.request.value) of eval \(handover.eval.value): \(handover.args?.string ?? "")")
    }

    func takeEvents() throws {
        let most = number(0...4)
        let isElsewhere = chance(in: 16)
        note("take \(most) events\(isElsewhere ? ", elsewhere" : "")")
        let expected = model.nextEvents(atMost: most, isMain: model.mainThread == .here && !isElsewhere)
        var taken: [EngineCore.Event] = []
        try onThread(elsewhere: isElsewhere) { [self] in taken = live.nextEvents(atMost: most) }
        let seen = try taken.map { event in
            switch event {
            case .request(let handover):
                try compare(handover)
                return HostModel.Event.request(Int(handover.request.value))
            case .withdrawn(let request, let eval, let function):
                let known = model.requests[Int(request.value) - 1]
                try expect(
                    UInt64(known.eval) == eval.value && known.function.rawValue == function.name, "another's withdrawal"
                )
                return .withdrawn(Int(request.value))
            case .finished(let id, let outcome):
                try compare(outcome, model[Int(id.value)].ending, Int(id.value))
                return .finished(Int(id.value))
            case .output(let id, let text): return .output(eval: Int(id.value), line: text.string)
            }
        }
        try expect(seen == expected, "events \(seen), should be \(expected)")
        if chance(in: 3) { kept += taken }
    }

    /// Does it at once, here or on a thread that is never the main thread.
    func onThread(elsewhere: Bool, _ body: () -> Void) throws {
        guard elsewhere else { return body() }
        model.met.insert(.takenElsewhere)
        try withoutActuallyEscaping(body) { body in
            // The other thread has it for itself until it ends.
            nonisolated(unsafe) let body = body
            try onThreads(1) { _ in body() }
        }
    }

    func waitForEvent() throws {
        note("wait for an event")
        let isDue = model.mainThread != .elsewhere && model.nextRun.map { $0 <= clock.time } ?? false
        let expected = model.visible > 0 || isDue
        if model.visible == 0 { model.foundNothing() }
        try expect(live.waitForEvent(until: clock.time) == expected, "not \(expected)")
    }

    func nextRun() throws {
        note("next run")
        if model.soonest != nil, !model.workIsPosted { model.met.insert(.sleepUntilDeadline) }
        let next = live.nextRun()
        try expect(next == model.nextRun, "\(String(describing: next)), should be \(String(describing: model.nextRun))")
    }

    // MARK: - Answering

    /// - Parameter id: perhaps of a request that is not open, or nobody's.
    func answer(_ id: Int) throws {
        let isOpen = id > 0 && id <= model.requests.count && model.requests[id - 1].isOpen
        let kind = number(0...7)
        note("answer \(id), which is \(isOpen ? "open" : "not open"), in way \(kind)")
        let value = 100 * id + kind
        if isOpen { model.met.insert(kind == 0 ? .malformedAnswer : .answer) }
        if isOpen, model.requests[id - 1].isPending { model.met.insert(.answerBeforeTaking) }
        if !isOpen, id > 0, id <= model.requests.count { model.met.insert(.lateAnswer) }
        if isOpen, kind > 0 { model.answer(id, kind < 3 ? .error("host") : .value(value)) }
        var wasParsed = false
        do {
            try live.answer(RequestID(UInt64(id))) { () throws(CallError) in
                wasParsed = true
                switch kind {
                case 0: return try result("[1,")
                case 1...2: return try failure(#"{"message": "no"}"#)
                default: return try result("\(value)")
                }
            }
            try expect(isOpen && kind > 0, "an answer too many")
        } catch let error as CallError {
            try expect(error.kind == (isOpen ? .json : .notFound) && (kind == 0 || !isOpen), "refused: \(error)")
        }
        try expect(wasParsed == isOpen, "parsed: \(wasParsed)")
    }

    // MARK: - What the host gives to the engine

    func setWaker(_ id: Int) throws {
        let isKnown = model.isKnown(id)
        let isRemoval = chance(in: 4)
        note("\(isRemoval ? "remove" : "set") the waker of \(id)")
        var waker: Waker?
        if !isRemoval {
            let calls = Calls()
            waker = Waker(wake: { calls.tally.calls += 1 }, drop: { calls.tally.drops += 1 })
            wakers.append(calls)
            model.wakers.append(HostModel.Tally())
        }
        if isKnown { model.setWaker(isRemoval ? nil : wakers.count - 1, for: id) }
        let accepted = try accepted(unless: .notFound) { try live.setWaker(waker, for: EvalID(UInt64(id))) }
        waker = nil
        try expect(accepted == isKnown, "set waker: \(accepted)")
    }

    func setNotifier() throws {
        if chance(in: 3) {
            note("remove the notifier")
            model.setNotifier(nil)
            live.setNotifier(nil)
            return
        }
        note("set notifier \(notifiers.count)")
        let calls = Calls()
        notifiers.append(calls)
        model.notifiers.append(HostModel.Tally())
        model.setNotifier(notifiers.count - 1)
        let notifier = Notifier(
            notify: { [unowned self] in
                // With a lock held this would not return.
                _ = live.stats
                note("notified")
                calls.tally.calls += 1
            },
            drop: { calls.tally.drops += 1 })
        live.setNotifier(notifier)
    }

    func register(_ function: SimulatedFunction) throws {
        note("register \(function)")
        let isNew = !model.functions.contains(function)
        var callback: HostCallback?
        if function == .mark {
            let calls = Calls()
            callbacks.append(calls)
            if isNew { ownedCallbacks.insert(callbacks.count - 1) }
            callback = HostCallback(
                invoke: { [unowned self] eval, _, args in
                    answerMark(eval, String(decoding: args, as: UTF8.self))
                    return nil
                },
                drop: { calls.tally.drops += 1 })
        }
        let timeout = function == .slow ? SimulatedFunction.slowTimeout : nil
        let declared = HostFunction(
            name: function.rawValue, timeoutMilliseconds: timeout, callback: callback,
            affinity: function == .screen ? .mainThread : .anyThread)
        if isNew {
            model.functions.append(function)
            if function == .mark { model.callback = callbacks.count - 1 }
        }
        let accepted = try accepted(unless: .exists) { try live.register(declared) }
        try expect(accepted == isNew, "registered: \(accepted)")
    }

    func unregister(_ function: SimulatedFunction) throws {
        note("unregister \(function)")
        let isThere = model.functions.contains(function)
        model.functions.removeAll { $0 == function }
        if function == .mark { model.callback = nil }
        let accepted = try accepted(unless: .notFound) { try live.unregister(function.rawValue) }
        try expect(accepted == isThere, "unregistered: \(accepted)")
    }
}
