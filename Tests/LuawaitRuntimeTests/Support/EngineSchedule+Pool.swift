@testable import LuawaitRuntime

/// A pool of the host's: it has been handed tasks, and runs them when and in what order it likes.
final class SimulatedPool {
    /// Accepted, and not run yet.
    var waiting: [TaskID] = []
    /// Run already, or refused.
    var spent: [TaskID] = []
    /// How many it is running, one inside the other.
    var inside = 0
    /// How often it has been asked.
    var asked = 0
    /// It refuses one in so many; 0: none.
    var refusesOneIn = 0
    /// Of each that has been set, one after the other.
    var drops: [Int] = []
}

/// Executor "custom", with a pool that is one thread; and what a watchdog would do.
extension EngineSchedule {
    /// What the host has accepted and not finished.
    var outstandingTasks: Int { pool.waiting.count + pool.inside }

    // MARK: - The pool comes and goes

    func changePool() throws {
        switch number(0...5) {
        case 0: try setPool()
        case 1: try chance(in: 2) ? removePool() : setPool()
        case 2...3: pool.refusesOneIn = 0
        case 4: pool.refusesOneIn = number(2...3)
        default: pool.refusesOneIn = 1
        }
        note("the pool refuses one in \(pool.refusesOneIn)")
    }

    func setPool() throws {
        note("set a pool")
        if model.hasPool { model.met.insert(.poolReplaced) }
        model.hasPool = true
        let number = pool.drops.count
        pool.drops.append(0)
        live.setPool(
            HostPool(
                submit: { [unowned self] task in submit(task) }, drop: { [pool] in pool.drops[number] += 1 }))
    }

    private func removePool() throws {
        note("remove the pool")
        model.hasPool = false
        live.setPool(nil)
    }

    /// One that refuses nothing.
    func openPool() throws {
        pool.refusesOneIn = 0
        if !model.hasPool { try checked(setPool) }
    }

    private func submit(_ task: TaskID) -> Int32 {
        pool.asked += 1
        guard pool.refusesOneIn > 0, chance(in: pool.refusesOneIn) else {
            note("the pool accepts a task")
            pool.waiting.append(task)
            return 0
        }
        note("the pool refuses a task")
        pool.spent.append(task)
        return 11
    }

    // MARK: - Tasks

    func runTask(_ task: TaskID) throws {
        note("run a task")
        model.met.insert(pool.inside > 0 ? .tasksSideBySide : .task)
        pool.waiting.removeAll { $0 == task }
        pool.spent.append(task)
        pool.inside += 1
        clock.setInstructionsPerSlice(Int32(number(10...600)))
        try clock.ticking(nanoseconds: live.config.sliceNanoseconds > 0 ? tick : 0) {
            try runEngine {
                Engine.runTask(task)
                return nil
            }
        }
        pool.inside -= 1
    }

    /// One that has been run, or refused: nothing happens.
    func runStaleTask() throws {
        guard let task = pool.spent.randomElement(using: &random) else { return }
        note("run a task again")
        model.met.insert(.taskRunAgain)
        let looks = lastLook
        clock.ticking(nanoseconds: 1) { Engine.runTask(task) }
        try expect(lastLook == looks, "a task that is not one any more does something")
    }

    // MARK: - What a watchdog would do

    func keepDeadlines(after milliseconds: Int64? = nil) throws {
        let milliseconds = milliseconds ?? (chance(in: 4) ? 1000 : Int64(number(0...4)))
        note("after \(milliseconds) ms the deadlines are looked at")
        clock.advance(milliseconds: milliseconds)
        let isForgotten = outstandingTasks == 0 && model.hasPool && (!model.wantedTurns.isEmpty || model.garbage > 0)
        let asked = pool.asked
        model.fireTimers(now: clock.time)
        _ = live.fireTimers(now: clock.time, planning: .distantFuture)
        guard isForgotten, milliseconds >= 1000 else { return }
        model.met.insert(.retried)
        try expect(pool.asked > asked, "the pool is not asked again")
    }

    // MARK: - Looking at it

    func checkPool() throws {
        try expect(
            outstandingTasks <= live.config.workers, "\(outstandingTasks) tasks for \(live.config.workers) workers")
        let isRetryPlanned = live.withCore { core, _ in core.tasks.isRetryPlanned }
        let hasWork = !model.wantedTurns.isEmpty || model.garbage > 0
        try expect(
            !model.hasPool || !hasWork || outstandingTasks > 0 || isRetryPlanned,
            "\(model.wantedTurns) are ready, and nobody will run them")
        for (number, drops) in pool.drops.enumerated() {
            let isSet = model.hasPool && number == pool.drops.count - 1
            try expect(drops == (isSet ? 0 : 1), "pool \(number) dropped \(drops) times")
        }
    }

    /// The engine is gone: its tasks do nothing.
    func checkPoolIsLeftAlone() throws {
        let asked = pool.asked
        for task in (pool.waiting + pool.spent).shuffled(using: &random) { Engine.runTask(task) }
        try expect(pool.asked == asked, "a task of a freed engine does something")
        try expect(pool.drops.allSatisfy { $0 == 1 }, "a pool has not been dropped")
    }
}
