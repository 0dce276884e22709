import CPlatform
import Glibc

@testable import LuawaitRuntime

/// One random life of a whole engine beside the model of what its host may see: real scripts, one thread, a clock that
/// stands still. Between any two steps everything that a host can look at agrees with the model.
final class EngineSchedule {
    let clock = ManualClock()
    var model: HostModel
    /// Nil when it has been freed.
    var engine: Engine?
    var random: SplitMix64
    /// What was done, for the reader of a failure.
    private(set) var trace: [String] = []
    private let isTraced: Bool

    /// What was given to the engine, by the model's numbers.
    var notifiers: [Calls] = []
    var wakers: [Calls] = []
    var callbacks: [Calls] = []
    /// Callbacks that belong to the engine.
    var ownedCallbacks: Set<Int> = []
    /// Of threads of any kind, and of the main thread.
    private var descriptor: Int32 = -1
    private var mainDescriptor: Int32 = -1
    /// Evals whose stay on the thread is being watched, the innermost last; and when the clock was last looked at in
    /// it.
    var stays: [(id: Int, lastLook: Instant)] = []
    /// When the engine last looked at its clock.
    var lastLook: Instant
    /// Whether its looks are of interest.
    var isLooking = true
    var worldsFreed = 0
    /// Executor "custom".
    let pool = SimulatedPool()
    /// While it is being shut down: when the time is up.
    var shutDownEnd: Instant?
    /// How long a look at the clock takes where time passes.
    let tick: Int64
    /// What went wrong where nothing could be thrown.
    var discrepancy: Discrepancy?
    /// What the host has been handed and keeps: events outlive the engine.
    var kept: [EngineCore.Event] = []

    /// How something of the host's has been used.
    final class Calls {
        var tally = HostModel.Tally()
    }

    init(seed: UInt64, isTraced: Bool = false) throws {
        var random = SplitMix64(seed: seed)
        self.isTraced = isTraced
        var config = EngineConfig()
        config.executor = random.chance(in: 3) ? .custom : .host
        config.workers = Int.random(in: 1...3, using: &random)
        // With executor "custom" the schedule keeps the deadlines itself.
        config.hasWatchdog = false
        config.preemption = .count
        config.print = .event
        config.seed = 1
        config.limits.cpuMilliseconds = 0
        func limit() -> Int { random.chance(in: 4) ? Int.random(in: 1...4, using: &random) : 0 }
        config.queueLimits.evals = limit()
        config.queueLimits.queued = limit()
        config.queueLimits.requests = limit()
        config.queueLimits.unread = limit()
        tick = random.chance(in: 4) ? 300_000 : 1000
        // A task of the pool's is one turn or some.
        if config.executor == .custom { config.sliceNanoseconds = Int64.random(in: 0...8, using: &random) * tick }
        self.random = random
        lastLook = clock.time
        model = HostModel(limits: config.queueLimits, executor: config.executor)
        engine = try Engine(config: config, clock: clock)
        note("engine for \(config.executor) with \(config.queueLimits)")
        clock.onLook = { [unowned self] now in look(now) }
    }

    var live: Engine { engine! }
    var isCustom: Bool { model.executor == .custom }

    func note(_ what: @autoclosure () -> String) {
        if isTraced { trace.append(String(repeating: "  ", count: stays.count) + what()) }
    }

    func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Discrepancy(message: message()) }
    }

    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    func chance(in count: Int) -> Bool { random.chance(in: count) }

    // MARK: - A whole life

    func run() throws {
        try register(.fetch)
        if chance(in: 2) { try register(.slow) }
        if chance(in: 2) { try register(.screen) }
        if chance(in: 2) { try register(.mark) }
        if chance(in: 2) { try setNotifier() }
        if chance(in: 2) { try bind() }
        if chance(in: 2) { try openDescriptor() }
        if isCustom, !chance(in: 8) { try setPool() }
        if chance(in: 2) { try makeContext() }
        for _ in 0..<number(10...60) { try checked(step) }
        if chance(in: 2) { try drain() }
        try free()
    }

    /// Does one thing, and looks at everything afterwards.
    func checked(_ body: () throws -> Void) throws {
        try body()
        if let discrepancy { throw discrepancy }
        try expect(stays.isEmpty, "a script is on the thread after \(trace.last ?? "")")
        try check()
    }

    private func step() throws {
        switch number(0...39) {
        case 0...5: try start()
        case 6...15: try turn()
        case 16...17: try runForLonger()
        case 18...19: advance()
        case 20: try isCustom ? keepDeadlines() : nextRun()
        case 21: try chance(in: 2) ? bind() : openDescriptor()
        case 22: try chance(in: 12) ? shutDown() : evaluate()
        case 23: if isCustom { try runStaleTask() }
        default: try stepAnywhere()
        }
    }

    private func advance() {
        let milliseconds = Int64(number(1...8))
        note("\(milliseconds) ms pass")
        clock.advance(milliseconds: milliseconds)
    }

    // MARK: - The descriptor

    private func openDescriptor() throws {
        note("event_fd")
        let opened = try live.eventDescriptor()
        if model.mainThread == .here {
            mainDescriptor = opened
        } else {
            descriptor = opened
        }
    }

    private func bind(_ thread: HostModel.MainThread = .here) throws {
        let thread = thread == .here && chance(in: 4) ? .elsewhere : thread
        note("bind the main thread \(thread)")
        model.bind(thread)
        try onThread(elsewhere: thread == .elsewhere) { [self] in live.bindMainThread() }
    }

    private func isReadable(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&entry, 1, 0) == 1
    }

    // MARK: - Looking at everything

    private func check() throws {
        let stats = live.stats
        let (available, plan) = live.withCore { core, _ in (core.mailbox.gate.available, core.watchdogPlan) }
        try expect(available == model.available, "\(available) things to take, should be \(model.available)")
        try expect(plan <= model.soonest ?? .distantFuture, "the engine sleeps over a deadline")
        let counts = stats.counts
        try expect(
            counts.started == model.counts.started && counts.succeeded == model.counts.succeeded
                && counts.failed == model.counts.failed && counts.cancelled == model.counts.cancelled
                && counts.answered == model.counts.answered && counts.withdrawn == model.counts.withdrawn,
            "\(counts), should be \(model.counts)")
        try expect(stats.posted == UInt64(model.requests.count), "\(stats.posted) requests posted")
        try expect(stats.open == model.openRequests.count, "\(stats.open) requests open")
        try expect(stats.pending == model.requests.count { $0.isPending }, "\(stats.pending) requests pending")
        try expect(counts.refused == model.counts.refused, "\(counts.refused) evals refused by the pool")
        try expect(stats.queued == model.queuedCount, "\(stats.queued) evals queued")
        try expect(stats.namedContexts == model.namedContexts, "\(stats.namedContexts) named contexts")
        let privateWorlds = model.evals.count { $0.isLive && $0.context == nil }
        try expect(
            stats.liveContexts <= model.namedContexts + privateWorlds + model.garbage,
            "\(stats.liveContexts) Lua states for \(privateWorlds) evals and \(model.namedContexts) contexts")
        if isCustom { try checkPool() }
        try expect(stats.running == 0, "\(stats.running) evals running")
        let unread = model.evals.count { $0.standing == .ended }
        try expect(stats.finishedUnread == unread, "\(stats.finishedUnread) outcomes unread")
        try expect(stats.timers == model.liveTimers, "\(stats.timers) timers, should be \(model.liveTimers)")
        if descriptor >= 0 {
            let isOpenToAny = model.available > model.mainOnly
            try expect(isReadable(descriptor) == isOpenToAny, "the descriptor shows \(!isOpenToAny)")
        }
        if mainDescriptor >= 0 {
            let isOpen = model.available > 0
            try expect(isReadable(mainDescriptor) == isOpen, "the main thread's descriptor shows \(!isOpen)")
        }
        try checkTallies()
    }

    func checkTallies() throws {
        let (notifiers, wakers) = (notifiers.map(\.tally), wakers.map(\.tally))
        try expect(notifiers == model.notifiers, "notifiers \(notifiers), should be \(model.notifiers)")
        try expect(wakers == model.wakers, "wakers \(wakers), should be \(model.wakers)")
        for (index, callback) in callbacks.enumerated() {
            let isNeeded =
                model.callback == index || model.live.contains { model[$0].callback == index }
                || model.contexts.contains { !$0.isFreed && $0.callback == index }
            let isOwned = ownedCallbacks.contains(index)
            // What has been left behind may hold it for a while.
            let isDropped = callback.tally.drops == 1 || model.garbage > 0
            try expect(
                isNeeded || !isOwned ? callback.tally.drops == 0 : isDropped,
                "callback \(index) dropped \(callback.tally.drops) times")
        }
    }

    // MARK: - The end

    /// Lets everything end, and looks whether anything is left.
    private func drain() throws {
        note("drain")
        model.bind(.here)
        live.bindMainThread()
        var rounds = 0
        if isCustom { try openPool() }
        while !model.live.isEmpty || !model.queue.isEmpty || model.garbage > 0 || model.workIsPosted {
            for id in model.live where model[id].script.ending == .endless { try checked { try cancel(id) } }
            if isCustom, pool.waiting.isEmpty { try checked { try keepDeadlines(after: 1000) } }
            try checked(turn)
            for id in model.openRequests { try checked { try answer(id) } }
            rounds += 1
            try expect(rounds < 1000, "it does not come to an end")
        }
        for id in model.evals.indices.map({ $0 + 1 }) where chance(in: 2) { try checked { try poll(id) } }
        while model.available > 0 { try checked(takeEvents) }
        clock.advance(milliseconds: 1000)
        try checked { try isCustom ? keepDeadlines() : turn() }
        for id in model.contexts.indices.map({ $0 + 1 }) where !model.contexts[id - 1].isFreed {
            try checked { try freeContext(id) }
        }
        try expect(live.stats.liveContexts == 0, "\(live.stats.liveContexts) Lua states are left")
        let isEmpty = live.withCore { core, _ in
            core.evals.isEmpty && core.mailbox.requests.openCount == 0 && core.mailbox.gate.available == 0
                && core.timers.count == 0
                && core.ready.isEmpty && core.retired.isEmpty && core.queuedCount == 0 && core.contexts.isEmpty
        }
        try expect(isEmpty, "something is left over")
    }

    /// `luawait_engine_free`.
    private func free() throws {
        note("free")
        model.condemnAll(.shutDown)
        let contexts = live.liveContexts
        isLooking = false
        live.stop()
        model.setNotifier(nil)
        model.hasPool = false
        try check()
        weak let freed = engine
        (descriptor, mainDescriptor) = (-1, -1)
        engine = nil
        clock.onLook = nil
        try expect(freed == nil, "the engine lives on")
        let left = contexts.value.load(ordering: .relaxed)
        try expect(left == 0, "\(left) Lua states are left")
        model.callback = nil
        for index in model.contexts.indices { model.contexts[index].isFreed = true }
        try checkTallies()
        try checkPoolIsLeftAlone()
        for index in ownedCallbacks {
            try expect(callbacks[index].tally.drops == 1, "callback \(index) has not been dropped")
        }
        try expect(model.notifiers.allSatisfy { $0.drops == 1 }, "a notifier has not been dropped")
        try expect(model.evals.allSatisfy { $0.ends == ($0.isRefused ? 0 : 1) }, "an eval has not ended exactly once")
        try expect(model.requests.allSatisfy { $0.closings == 1 }, "a request has not been closed exactly once")
    }
}
