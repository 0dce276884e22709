@testable import LuawaitRuntime

/// Running scripts: the model is told how far each stay on the thread got.
extension EngineSchedule {
    // MARK: - Steps

    /// A turn for one script, or for some if time passes.
    func turn() throws {
        guard isCustom else { return try slice() }
        if let task = pool.waiting.randomElement(using: &random) { try runTask(task) }
    }

    /// One stay of one script.
    private func slice() throws {
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        note("run for one slice")
        try runEngine { try live.run(budgetNanoseconds: 0) }
    }

    /// As many stays as fit into a budget, while time passes.
    func runForLonger() throws {
        if isCustom { return try turn() }
        let budget = Int64(number(1...30)) * tick
        clock.setInstructionsPerSlice(Int32(number(10...2000)))
        note("run for \(budget) ns, \(tick) ns for a look at the clock")
        try clock.ticking(nanoseconds: tick) {
            try runEngine { try live.run(budgetNanoseconds: budget) }
        }
    }

    /// - Parameter run: returns whether there is more to run; nil: it does not say.
    func runEngine(_ run: () throws -> Bool?) throws {
        let (begin, freed) = (clock.time, worldsFreed)
        let more = try run()
        if let discrepancy { throw discrepancy }
        try observe()
        try expect(model.soonest ?? .distantFuture > begin, "a deadline has been passed over")
        try expect(model.garbage == 0 || worldsFreed > freed, "none of \(model.garbage) worlds has been freed")
        guard let more else { return }
        let expected = model.endRun()
        try expect(more == expected, "more: \(more)")
    }

    /// `luawait_eval`.
    func evaluate() throws {
        let script = SimulatedScript.random(canPark: false, using: &random)
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        let refusal = model.refusal(isDirect: true)
        let id = model.evals.count + 1
        note("evaluate \(id) \(script)")
        let begin = clock.time
        let options = try EvalOptions(json: nil, defaults: live.config.limits, maxDepth: 128)
        if refusal == nil {
            _ = model.start(script, timeout: 0, callTimeout: 0, isDetached: false, isDirect: true, now: clock.time)
        }
        do {
            let outcome = try live.evaluate(.copying(script.source(eval: id))!, options: options)
            try expect(refusal == nil, "admitted, and should be refused: \(refusal!)")
            if let discrepancy { throw discrepancy }
            try observe()
            try expect(model.soonest ?? .distantFuture > begin, "a deadline has been passed over")
            let lines = live.withCore { core, _ in core.mailbox.gate.available } - model.available
            try model.stay(id, lines: lines, .ended, now: clock.time)
            try compare(outcome, model[id].ending, id)
        } catch let error as CallError {
            try expect(error.kind == refusal, "refused: \(error)")
        }
    }

    func compare(_ outcome: Outcome, _ ending: HostModel.Ending?, _ id: Int) throws {
        let text = outcome.state == .succeeded ? outcome.json : try outcome.member("type")
        try expect(
            outcome.state == ending?.state && text == ending?.text,
            "eval \(id) ended with \(outcome.state) \(outcome.json), should be \(String(describing: ending))")
    }

    // MARK: - Watching the thread

    /// The engine looks at its clock: before a script gets the thread, while it has it, and after it has left.
    func look(_ now: Instant) {
        guard discrepancy == nil, isLooking else { return }
        do {
            try observe()
        } catch {
            discrepancy = error as? Discrepancy
        }
        lastLook = now
        if let last = stays.indices.last { stays[last].lastLook = now }
    }

    /// What of an engine is looked at while it is at work.
    fileprivate struct Sight {
        /// On a thread of the executor's.
        let running: [Int]
        let nextDeadline: Instant
        let turns: RunQueue<HostModel.Turn>
        let garbage: Int
        let workIsPosted: Bool
        let isQuiescent: Bool
    }

    /// Tells the model what the engine has done since its last look at the clock: let an eval begin or leave, at most;
    /// fired the timers that were due then; ended a run.
    ///
    /// - Parameter isShutDown: whether it has just been.
    func observe(isShutDown: Bool = false) throws {
        let sight = live.withCore { core, _ in core.sight }
        if isCustom || isShutDown { losePatience(sight) }
        let left = stays.last.flatMap { sight.running.contains($0.id) ? nil : $0 }
        // One that was condemned leaves after whatever condemned it.
        if let left, model[left.id].condemnation == nil {
            try leave(left.id, at: left.lastLook)
            fireTimers(sight)
        } else {
            fireTimers(sight)
            if let left { try leave(left.id, at: left.lastLook) }
        }
        if let new = sight.running.first(where: { id in !stays.contains { $0.id == id } }) {
            let expected = model.take()
            note("eval \(new) on the thread")
            stays.append((new, lastLook))
            try expect(new == expected, "eval \(new) runs, and it was the turn of \(expected ?? 0)")
        }
        try expect(sight.garbage <= model.garbage, "\(sight.garbage) worlds to be freed, not \(model.garbage)")
        worldsFreed += model.garbage - sight.garbage
        model.garbage = sight.garbage
        if !sight.turns.isEmpty || !model.queue.isEmpty {
            let wanted = sight.turns.elements.filter(model.isWanted)
            try expect(wanted == model.wantedTurns, "it is the turn of \(wanted), should be \(model.wantedTurns)")
            model.adopt(sight.turns)
        }
        if model.workIsPosted, !sight.workIsPosted {
            try expect(!model.endRun(), "there is more to run, and nobody is told")
        }
    }

    /// The time for a graceful end is up, and the engine has cancelled what was left.
    private func losePatience(_ sight: Sight) {
        guard let end = shutDownEnd, end <= lastLook, sight.isQuiescent else { return }
        guard stays.isEmpty, pool.inside == 0, !model.live.isEmpty else { return }
        note("what is left is cancelled")
        model.met.insert(.shutDownTimedOut)
        model.condemnAll(.shutDown)
    }

    /// Between which of its looks the engine has fired its timers only it knows; that it has shows.
    private func fireTimers(_ sight: Sight) {
        guard let soonest = model.soonest, soonest <= lastLook, sight.nextDeadline > lastLook else { return }
        model.fireTimers(now: lastLook)
    }

    private func leave(_ id: Int, at now: Instant) throws {
        stays.removeLast()
        if !stays.isEmpty { model.met.insert(.runInsideCallback) }
        let (leaving, available): (HostModel.Leaving, Int) = live.withCore { core, _ in
            let record = core.evals[EvalID(UInt64(id))]
            var leaving = HostModel.Leaving.ended
            switch record?.machine.phase {
            case .parked: leaving = .parked
            case .waiting: leaving = if case .refused = record?.eval.answer { .refused } else { .sliced }
            case .running, .blocked, .ended, nil: break
            }
            return (leaving, core.mailbox.gate.available)
        }
        let lines = available - model.available - model.arrivals(of: id, leaving)
        note("eval \(id) leaves: \(leaving), \(lines) lines")
        try model.stay(id, lines: lines, leaving, now: now)
    }

    /// The callback that answers `mark`.
    func answerMark(_ eval: EvalID, _ args: String) {
        guard discrepancy == nil else { return }
        do {
            let parts = args.dropFirst().dropLast().split(separator: ",").compactMap { Int($0) }
            try expect(parts.count == 2, "mark\(args)")
            let (id, act) = (parts[0], parts[1])
            try expect(eval.value == (model[id].isDirect ? 0 : UInt64(id)), "eval \(eval.value) calls for \(id)")
            let lines = live.withCore { core, _ in core.mailbox.gate.available } - model.available
            note("eval \(id) calls back, \(lines) lines")
            try model.stay(id, lines: lines, .calling(act: act), now: clock.time)
            callbacks[model[id].callback!].tally.calls += 1
            // A callback may do what the host may.
            model.met.insert(.callback)
            if chance(in: 3) { try stepAnywhere() }
            while chance(in: 10), !model[id].isDirect { try cancel(id) }
            if let context = model[id].context, chance(in: 12) { try freeContext(context) }
            if chance(in: 8), stays.count < 3 { try chance(in: 2) ? turn() : evaluate() }
        } catch {
            discrepancy = error as? Discrepancy ?? Discrepancy(message: "\(error)")
        }
    }
}

extension EngineCore {
    fileprivate var sight: EngineSchedule.Sight {
        mutating get {
            let running = evals.values.filter { record in
                if case .running = record.machine.phase { return record.eval.delivery != .direct }
                return false
            }
            let turns: RunQueue<HostModel.Turn> = ready.map { turn in
                switch turn {
                case .eval(let eval): .eval(Int(eval.id.value))
                case .context(let context): .context(Int(context.value))
                }
            }
            return EngineSchedule.Sight(
                running: running.map { Int($0.eval.id.value) }, nextDeadline: nextDeadline() ?? .distantFuture,
                turns: turns, garbage: retired.count, workIsPosted: mailbox.workIsPosted, isQuiescent: liveCount == 0)
        }
    }
}
