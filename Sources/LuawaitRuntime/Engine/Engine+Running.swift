import CLuaBridge

/// Running an eval on a thread: the same for a worker and for the host's thread in `luawait_eval`.
extension Engine {
    /// Does what was taken: runs an eval until it ends, parks, or its slice is over.
    func take(_ taken: EngineCore.Taken, on slot: RunSlot, until deadline: Instant = .distantFuture) {
        switch taken {
        case .run(let eval):
            let named = eval.named
            // Before it runs, not only after: it may need the memory of one that was cancelled while it was parked.
            named?.freeDoomed()
            _ = step(eval, on: slot, until: deadline)
            if let named { leave(named, slot) }
        case .tidy(let named):
            leave(named, slot)
        }
    }

    private func leave(_ named: NamedContext, _ slot: RunSlot) {
        named.freeDoomed()
        withCore { core, actions in core.leave(named, &actions) }
        slot.markProcessorTime()
    }

    enum Step {
        case ended, parked, sliced
    }

    /// One stay of an eval on a thread.
    ///
    /// - Parameter deadline: when it is to leave at the latest.
    func step(_ eval: Eval, on slot: RunSlot, until deadline: Instant = .distantFuture) -> Step {
        if eval.raw == nil {
            guard let context = eval.named?.context ?? takeContext(for: eval) else {
                end(eval, Outcome(ErrorReport(.memory, "not enough memory for a Lua state")), slot)
                return .ended
            }
            eval.engine = self
            guard eval.prepare(in: context, randomSeed: randomSeed(for: eval.id)) == LWB_READY else {
                end(eval, Outcome(ErrorReport(context.failure)), slot)
                return .ended
            }
        }
        let context = eval.context!
        let event = slot.resume(eval, until: deadline, watchdog: watchdog)
        eval.forgetScript()
        switch event {
        case LWB_FINISHED:
            end(eval, Outcome(state: .succeeded, text: context.takeOutput()), slot)
            return .ended
        case LWB_PARKED:
            return park(eval, context, slot)
        case LWB_SLICED:
            switch withCore({ core, actions in core.slice(eval, &actions) }) {
            case .proceed:
                return .sliced
            case .end(let condemnation):
                endCondemned(eval, condemnation, slot)
                return .ended
            }
        case LWB_STOPPED:
            fireTimersWithoutWatchdog()  // it may have been its own deadline, of which the core has not heard yet
            end(eval, stopped(eval, context), slot)
            return .ended
        default:
            end(eval, Outcome(ErrorReport(context.failure)), slot)
            return .ended
        }
    }

    /// What the script's random numbers grow from: different for each eval, and the same again with the same config
    /// `seed`.
    private func randomSeed(for eval: EvalID) -> UInt64 {
        // SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        var z = seed &+ eval.value &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The script has called a host function where it cannot yield: waits for the answer on its thread.
    ///
    /// - Returns: nil when the eval has been condemned.
    func waitInside(_ eval: Eval, _ function: HostFunction, _ args: OwnedText?) -> Answer? {
        let parker = Parker()
        let now = clock.now()
        let action = withCore { core, actions in
            core.block(eval, at: function, args: args, parker: parker, now: now, &actions)
        }
        switch action {
        case .goOn: return nil
        case .answer(let answer): return answer
        case .wait(let slot):
            slot?.pauseSlice()
            while withCore({ core, _ in core.isBlocked(eval) }) { parker.park() }
            slot?.resumeSlice(watchdog)
            defer { eval.answer = nil }
            return eval.answer
        }
    }

    private func park(_ eval: Eval, _ context: Context, _ slot: RunSlot) -> Step {
        let function = eval.functions.functions[Int(lwb_eval_function(eval.raw))]
        let args = context.takeOutput()
        let now = clock.now()
        let action = withCore { core, actions in
            core.park(eval, at: function, args: args, now: now, &actions)
        }
        guard case .end(let condemnation) = action else { return .parked }
        endCondemned(eval, condemnation, slot)
        return .ended
    }

    /// The outcome of a script that was stopped by its own limit. If the host or a deadline condemned it, the core
    /// knows, and does not use this.
    private func stopped(_ eval: Eval, _ context: Context) -> Outcome {
        guard lwb_eval_cpu_exceeded(eval.raw) else {
            return Outcome(ErrorReport(context.failure, type: .internal, message: "stopped, but nobody asked for it"))
        }
        let limit = eval.options.limits.cpuMilliseconds
        return Outcome(
            ErrorReport(
                context.failure, type: .cpu, message: "used more than \(limit) ms of processor time (cpu_ms)"))
    }

    /// Ends an eval whose script is not on any thread any more.
    private func end(_ eval: Eval, _ outcome: Outcome, _ slot: RunSlot) {
        let action = withCore { core, actions in core.finish(eval, outcome, &actions) }
        if case .end(let condemnation) = action {
            endCondemned(eval, condemnation, slot)
        } else {
            letGo(of: eval, slot)
        }
    }

    private func endCondemned(_ eval: Eval, _ condemnation: EvalMachine.Condemnation, _ slot: RunSlot) {
        var report = condemnation.report(eval.options)
        if let failure = eval.context?.failure {
            // Where the script was, if the stop met it in Lua.
            let place = ErrorReport(failure)
            (report.chunk, report.line, report.traceback) = (place.chunk, place.line, place.traceback)
        }
        let outcome = Outcome(report)
        withCore { core, actions in core.complete(eval.id, outcome, &actions) }
        letGo(of: eval, slot)
    }

    /// After the host has been told: freeing a large world takes a while.
    private func letGo(of eval: Eval, _ slot: RunSlot) {
        _ = eval.giveUp()
        slot.markProcessorTime()
    }
}
