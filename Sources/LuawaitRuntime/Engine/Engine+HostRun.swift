/// Executor "host": the host lends its threads, a budget at a time.
extension Engine {
    /// Runs what is ready, until the budget is used up.
    ///
    /// - Returns: whether more is ready.
    package func run(budgetNanoseconds: Int64) throws(CallError) -> Bool {
        guard config.executor == .host else {
            throw CallError(.executor, "executor \"\(config.executor.rawValue)\" has other threads for that")
        }
        let slot = try borrowRunSlot()
        slot.bind()
        defer {
            slot.unbind()
            giveBack(slot)
        }
        runReady(on: slot, until: clock.now().advanced(nanoseconds: max(0, budgetNanoseconds)))
        return withCore { core, _ in core.endRun() }
    }

    /// Runs what is ready on the calling thread, and lets go of what has ended. The last slice is over at `end`.
    func runReady(on slot: RunSlot, until end: Instant) {
        repeat {
            fireTimersWithoutWatchdog()
            let ticket = slot.announce()
            guard let taken = withCore({ core, _ in core.takeReady(slot: slot, ticket: ticket) }) else { break }
            // Even the smallest budget lets a script get somewhere.
            let shortest = clock.now().advanced(nanoseconds: Self.shortestTurn)
            take(taken, on: slot, until: max(end, shortest))
            reclaim(ifUrgent: true)
        } while clock.now() < end
        while reclaim(ifUrgent: false), clock.now() < end {}
    }

    /// - Returns: whether there was something to let go of.
    @discardableResult
    private func reclaim(ifUrgent isUrgent: Bool) -> Bool {
        let batch = withCore { core, _ in core.takeRetired(ifUrgent: isUrgent) }
        // Out of the lock: freeing a large state takes long.
        return withExtendedLifetime(batch) { !batch.isEmpty }
    }

    /// 20 µs: some thousand instructions.
    private static let shortestTurn: Int64 = 20_000

    /// Between two stays of scripts on a thread, when nobody else keeps the deadlines.
    func fireTimersWithoutWatchdog() {
        guard watchdog == nil else { return }
        let now = clock.now()
        guard withCore({ core, _ in core.watchdogPlan <= now }) else { return }
        _ = fireTimers(now: now, planning: .distantFuture)
        armDescriptor()
    }

    /// Makes the descriptor readable at the soonest deadline. No lock is held while that is done, so others may do the
    /// same meanwhile: each looks again afterwards, and so does the last of them.
    func armDescriptor() {
        var planned = withCore { core, _ in core.watchdogPlan }
        while true {
            hostSignal.arm(at: planned)
            let now = withCore { core, _ in core.watchdogPlan }
            if now == planned { return }
            planned = now
        }
    }

    /// When `run` is to be called again; nil when nothing is to be done until something else happens.
    package func nextRun() -> Instant? {
        guard config.executor == .host else { return nil }
        return withCore { core, _ in
            // With a watchdog, too: what it does at the deadline is to make scripts ready.
            core.mailbox.workIsPosted ? Instant(nanoseconds: 0) : core.nextDeadline()
        }
    }
}
