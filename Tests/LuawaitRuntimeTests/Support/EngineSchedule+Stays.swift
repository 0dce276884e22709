@testable import LuawaitRuntime

/// Running scripts: the model is told how far each stay on the thread got.
extension EngineSchedule {
    // MARK: - Steps

    /// One stay of one script.
    func slice() throws {
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        note("run for one slice")
        try runEngine { try live.run(budgetNanoseconds: 0) }
    }

    /// As many stays as fit into a budget. Not from inside a script: meanwhile time passes.
    func runForLonger() throws {
        let longest: Int64 = 2
        // So that no deadline comes in the middle of it, where the model could not tell between which stays.
        if model.hasDeadline(after: clock.time, by: clock.time.advanced(milliseconds: longest)) { return try slice() }
        let budget = Int64(number(1...30)) * 1000
        clock.setInstructionsPerSlice(Int32(number(10...2000)))
        note("run for \(budget) ns")
        try clock.ticking(nanoseconds: 1000, thenAdvanceBy: longest) {
            try runEngine { try live.run(budgetNanoseconds: budget) }
        }
    }

    private func runEngine(_ run: () throws -> Bool) throws {
        model.fireTimers(now: clock.time)
        let more = try run()
        let (garbage, ready) = live.withCore { core, _ in (core.garbage.count, core.readyEvals) }
        // Those that ended in the queue may have left it by now or not.
        try expect(ready.elements.filter { model.waiting.contains($0) } == model.waiting, "ready are \(ready)")
        model.queue = ready
        try expect(garbage <= model.garbage, "\(garbage) worlds to be freed, should be at most \(model.garbage)")
        try expect(garbage == 0 || garbage < model.garbage, "none of \(garbage) worlds has been freed")
        model.garbage = garbage
        let expected = model.endRun()
        try expect(more == expected, "more: \(more)")
    }

    /// `luawait_eval`.
    func evaluate() throws {
        let script = SimulatedScript.random(canPark: false, using: &random)
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        let refusal = model.refusal()
        let id = model.evals.count + 1
        note("evaluate \(id) \(script)")
        let options = try EvalOptions(json: nil, defaults: live.config.limits, maxDepth: 128)
        if refusal == nil {
            _ = model.start(script, timeout: 0, callTimeout: 0, isDetached: false, isDirect: true, now: clock.time)
            model.fireTimers(now: clock.time)
        }
        do {
            let outcome = try live.evaluate(.copying(script.source(eval: id))!, options: options)
            try expect(refusal == nil, "admitted, and should be refused: \(refusal!)")
            let lines = live.withCore { core, _ in core.gate.available } - model.available
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
        guard discrepancy == nil else { return }
        let running = live.withCore { core, _ in
            core.evals.values.filter { record in
                if case .running = record.machine.phase { return !record.isDirect }
                return false
            }.map { Int($0.eval.id.value) }
        }
        do {
            if let stay = stays.last, !running.contains(stay.id) {
                stays.removeLast()
                if !stays.isEmpty { model.met.insert(.runInsideCallback) }
                try leave(stay.id, at: stay.lastLook)
            } else if let new = running.first(where: { id in !stays.contains { $0.id == id } }) {
                let expected = model.take()
                note("eval \(new) on the thread")
                stays.append((new, now))
                try expect(new == expected, "eval \(new) runs, and it was the turn of \(expected ?? 0)")
            } else if let last = stays.indices.last {
                stays[last].lastLook = now
            }
        } catch {
            discrepancy = error as? Discrepancy
        }
    }

    private func leave(_ id: Int, at now: Instant) throws {
        let (leaving, available): (HostModel.Leaving, Int) = live.withCore { core, _ in
            let record = core.evals[EvalID(UInt64(id))]
            var leaving = HostModel.Leaving.ended
            switch record?.machine.phase {
            case .parked: leaving = .parked
            case .waiting: leaving = if case .refused = record?.eval.answer { .refused } else { .sliced }
            case .running, .blocked, .ended, nil: break
            }
            return (leaving, core.gate.available)
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
            let lines = live.withCore { core, _ in core.gate.available } - model.available
            note("eval \(id) calls back, \(lines) lines")
            try model.stay(id, lines: lines, .calling(act: act), now: clock.time)
            callbacks[model[id].callback!].tally.calls += 1
            // A callback may do what the host may.
            model.met.insert(.callback)
            if chance(in: 3) { try stepAnywhere() }
            while chance(in: 10), !model[id].isDirect { try cancel(id) }
            if chance(in: 8), stays.count < 3 { try chance(in: 2) ? slice() : evaluate() }
        } catch {
            discrepancy = error as? Discrepancy ?? Discrepancy(message: "\(error)")
        }
    }
}

extension EngineCore {
    /// Those in the run queue, ended or not.
    fileprivate var readyEvals: RunQueue<Int> {
        ready.map { turn in
            guard case .eval(let eval) = turn else { preconditionFailure("there are no named contexts here") }
            return Int(eval.id.value)
        }
    }
}
