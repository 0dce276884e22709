@testable import LuawaitRuntime

/// A graceful end: while the engine waits for its evals, other threads of the host's serve them, and time passes.
extension EngineSchedule {
    func shutDown() throws {
        let timeout = chance(in: 4) ? 0 : Int64(number(1...20))
        note("shut down within \(timeout) ms")
        model.met.insert(.shutDown)
        model.isShutDown = true
        let end = clock.time.advanced(milliseconds: timeout)
        shutDownEnd = end
        clock.beforeLook = { [unowned self] in serve(until: end) }
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        // So that an endless loop has some turns, and not thousands.
        try clock.ticking(nanoseconds: max(tick, 200_000)) { try live.shutDown(by: end) }
        clock.beforeLook = nil
        if let discrepancy { throw discrepancy }
        try observe(isShutDown: true)
        shutDownEnd = nil
        try expect(model.live.isEmpty, "\(model.live) go on")
        if clock.time < end { model.met.insert(.shutDownInTime) }
    }

    /// The engine is about to look at its clock, and perhaps to sleep.
    private func serve(until end: Instant) {
        guard let stop = shutDownEnd, isLooking else { return }
        // Nobody serves those who serve.
        shutDownEnd = nil
        defer { shutDownEnd = stop }
        do {
            if let discrepancy { throw discrepancy }
            shutDownEnd = stop
            try observe()
            shutDownEnd = nil
            guard stays.isEmpty, pool.inside == 0 else { return }
            // With executor "host" it does not sleep while there is something to run.
            while !model.live.isEmpty, clock.time < end, isCustom || model.nextRun.map({ $0 > clock.time }) ?? true {
                try serveOnce(until: end)
            }
        } catch {
            discrepancy = error as? Discrepancy ?? Discrepancy(message: "\(error)")
            // It is of no use to go on, but to the end it has to come.
            clock.advance(to: end)
        }
    }

    private func serveOnce(until end: Instant) throws {
        switch number(0...9) {
        case 0...2: if let id = model.openRequests.randomElement(using: &random) { try answer(id) }
        case 3: try takeEvents()
        case 4: try takeRequest()
        case 5: if let id = model.live.randomElement(using: &random), chance(in: 4) { try cancel(id) }
        case 6: if isCustom { try changePool() }
        default:
            if isCustom, !pool.waiting.isEmpty, chance(in: 2) { return try turn() }
            note("time passes")
            clock.advance(to: min(end, max(model.soonest ?? end, clock.time.advanced(milliseconds: 1))))
            if isCustom { try keepDeadlines(after: 0) }
        }
    }
}
