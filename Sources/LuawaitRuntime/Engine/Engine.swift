import CLuaBridge
import CPlatform
import Glibc
import Synchronization

/// An engine: the core and its lock, the threads, and the doors to the host.
///
/// Locks, in the order in which they may be taken (docs/architecture.md): the core's; then one of the leaves, which
/// take no other: the watchdog's list of slots, the host signal's. Nothing of the host's is called with any of them
/// held.
package final class Engine: Sendable {
    package let config: EngineConfig
    package let clock: any Clock
    private let core: Locked<EngineCore>
    /// Nil when the engine has no thread of its own.
    let watchdog: Watchdog?
    let hostSignal = HostSignal()
    /// Of all its randomness.
    let seed: UInt64
    /// Of the hashes of strings in all its Lua states, where Lua is the bundled one.
    let hashSeed: UInt32
    private let forkCount = ForkCount.current
    let liveContexts = Context.LiveCount()
    private let spareSlots = Locked<[RunSlot]>([])
    private let threads = Locked<Threads>(Threads())
    /// Executor "custom".
    let hostPool = Locked<HostPool?>(nil)
    let taskGate = TaskGate()
    /// `lwp_thread_number` of the host's main thread; 0: none is bound.
    private let mainThread = Atomic<UInt64>(0)

    private struct Threads {
        var all: [Thread] = []
        var areStopping = false
    }

    /// Starts the threads.
    ///
    /// - Throws: `.system` when the system refuses a thread or has no signal; `.memory`.
    package init(config: EngineConfig, clock: any Clock = SystemClock()) throws(CallError) {
        seed = config.seed == 0 ? .random(in: 1 ... .max) : UInt64(bitPattern: config.seed)
        self.config = config
        self.clock = clock
        hashSeed = UInt32(truncatingIfNeeded: seed ^ (seed >> 32))
        core = Locked(
            EngineCore(
                warmContexts: config.warmContexts, executor: config.executor, workers: config.workers,
                limits: config.queueLimits))
        watchdog = config.hasWatchdog ? Watchdog(config: config, clock: clock) : nil
        if config.preemption == .signal {
            try Self.installSignal(config.signal)
        }
        if config.warnsOfLua { LuaIdentity.current.warnOnce() }
        taskGate.open(self)
        do throws(CallError) {
            try startThreads()
        } catch {
            stop()
            throw error
        }
    }

    /// Whether this process is a child of the one whose threads serve the engine.
    package var isForked: Bool { forkCount != ForkCount.current }

    private static func installSignal(_ wanted: Int32) throws(CallError) {
        let installed = lwb_stop_signal_install(wanted)
        if installed == -EINVAL {
            throw CallError(.option, "config.signal: \(wanted) is not a real-time signal")
        }
        if installed < 0 {
            throw CallError(.system, "no real-time signal is free (\"preemption\": \"count\" needs none)")
        }
        if wanted != 0, wanted != installed {
            throw CallError(
                .option, "config.signal: this process uses \(installed) since its first engine, got \(wanted)")
        }
    }

    private func startThreads() throws(CallError) {
        if let watchdog {
            // It interrupts the workers, which have the same priority otherwise.
            try start("luawait-watch", aheadOfOthers: true) { [self] in watchdog.watch(self) }
        }
        guard config.executor == .threads else { return }
        for _ in 0..<config.workers { try startWorker() }
    }

    private func startWorker() throws(CallError) {
        let worker = try Worker(config: config, clock: clock)
        watchdog?.add(worker.slot)
        do throws(CallError) {
            try start("luawait-worker") { [self] in worker.work(for: self) }
        } catch {
            watchdog?.remove(worker.slot)
            throw error
        }
    }

    private func startStandIn() {
        do throws(CallError) {
            try startWorker()
        } catch {
            // There is no call to fail: the stats say so, and the core tries again.
            let now = clock.now()
            withCore { core, actions in core.standInRefused(now: now, &actions) }
        }
    }

    /// Nothing happens once the engine is being stopped.
    private func start(
        _ name: StaticString, aheadOfOthers: Bool = false, _ body: @escaping @Sendable () -> Void
    ) throws(CallError) {
        let result: Result<Void, CallError> = threads.withLock { threads in
            guard !threads.areStopping else { return .success(()) }
            do throws(CallError) {
                let thread = try Thread(name: name, body)
                if aheadOfOthers { thread.raisePriority() }
                threads.all.append(thread)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Cancels everything and waits for the threads. The engine cannot be used afterwards.
    package func stop() {
        withCore { core, actions in core.stop(&actions) }
        let threads = threads.withLock { threads in
            threads.areStopping = true
            defer { threads.all = [] }
            return threads.all
        }
        taskGate.close()
        watchdog?.stop()
        for thread in threads { thread.join() }
        setNotifier(nil)
        withExtendedLifetime(takePool()) {}
    }

    /// Out of the lock: dropping it calls the host.
    private func takePool() -> HostPool? {
        hostPool.withLock { pool in
            defer { pool = nil }
            return pool
        }
    }

    // MARK: - The core and its actions

    /// Changes the core under its lock, then does what has become necessary.
    func withCore<Result: Sendable>(
        _ body: (inout EngineCore, inout Actions) -> Result
    ) -> Result {
        var actions = Actions()
        var (levelChanged, mainLevelChanged) = (false, false)
        // To the notifier that is there now: one that is set afterwards looks for itself.
        var telling = Telling()
        let result = core.withLock { core in
            let before = core.mailbox.gate
            let result = body(&core, &actions)
            if actions.notify { core.mailbox.decidedToNotify() }
            telling = core.mailbox.telling
            levelChanged = before.isOpenToAny != core.mailbox.gate.isOpenToAny
            mainLevelChanged = before.isOpenToMainOnly != core.mailbox.gate.isOpenToMainOnly
            if levelChanged { hostSignal.common.publish(core.mailbox.gate.isOpenToAny) }
            if mainLevelChanged { hostSignal.mainOnly.publish(core.mailbox.gate.isOpenToMainOnly) }
            return result
        }
        perform(actions)
        if levelChanged { hostSignal.common.update() }
        if mainLevelChanged { hostSignal.mainOnly.update() }
        if actions.notify { hostSignal.notify(telling) }
        return result
    }

    /// The same for bodies that can fail.
    func withCore<Result: Sendable>(
        throwing body: (inout EngineCore, inout Actions) throws(CallError) -> Result
    ) throws(CallError) -> Result {
        let result: Swift.Result<Result, CallError> = withCore { core, actions in
            do throws(CallError) {
                return .success(try body(&core, &actions))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func perform(_ actions: Actions) {
        for stop in actions.stops { stop.slot.condemn(stop.ticket) }
        for worker in actions.wakeWorkers { worker.parker.unpark() }
        for waiter in actions.wakeWaiters { waiter.unpark() }
        for waker in actions.wakers { waker.wake() }
        for _ in 0..<actions.tasks { submitTask() }
        for _ in 0..<actions.newWorkers { startStandIn() }
        if actions.nextDeadline != nil {
            watchdog?.wake()
            if watchdog == nil { armDescriptor() }
        }
    }

    // MARK: - What the threads ask for

    /// The watchdog's: lets due timers fire.
    ///
    /// - Parameter planned: when the watchdog wants to wake up anyway.
    /// - Returns: when it is to wake up.
    func fireTimers(now: Instant, planning planned: Instant) -> Instant {
        withCore { core, actions in
            let next = min(core.fireTimers(now: now, &actions), planned)
            core.watchdogPlan = next
            return next
        }
    }

    /// A worker's: makes a context ahead.
    func warmUp(_ functions: FunctionSet) {
        guard let context = makeContext(functions, limits: config.limits) else { return }
        // Out of the lock, if it is not wanted.
        let unwanted: Context? = withCore { core, _ in
            core.warm.add(context, current: core.functions) ? nil : context
        }
        withExtendedLifetime(unwanted) {}
    }

    func makeContext(_ functions: FunctionSet, limits: Limits) -> Context? {
        Context(config: config, limits: limits, functions: functions, count: liveContexts, hashSeed: hashSeed)
    }

    /// A world for an eval: a warm one if there is one. Nil when out of memory.
    func takeContext(for eval: Eval) -> Context? {
        let (functions, limits) = (eval.functions, eval.options.limits)
        // The warm ones have the libraries of the engine's config.
        guard limits.libraries == config.limits.libraries,
            let warm = withCore({ core, _ in core.warm.take(functions: functions) })
        else { return makeContext(functions, limits: limits) }
        warm.apply(config: config, limits: limits)
        return warm
    }

    // MARK: - Run slots for the host's threads

    func borrowRunSlot() throws(CallError) -> RunSlot {
        if let spare = spareSlots.withLock({ $0.popLast() }) { return spare }
        let slot = try RunSlot(config: config, clock: clock)
        watchdog?.add(slot)
        return slot
    }

    func giveBack(_ slot: RunSlot) {
        spareSlots.withLock { $0.append(slot) }
    }

    // MARK: - Notification

    /// The descriptor that polls readable while there is something for the calling thread to take.
    package func eventDescriptor() throws(CallError) -> Int32 {
        let descriptor = try hostSignal.makeDescriptor(
            withTimer: watchdog == nil, onMainThread: affinity == .mainThread)
        if watchdog == nil { armDescriptor() }
        return descriptor
    }

    package func setNotifier(_ notifier: Notifier?) {
        // Where a notifier sets one: what its call tells is told.
        let running = hostSignal.tellingOnThisThread
        // Both in one step: an event is told either to the old one, or by the call below, or to the new one; once.
        let (old, isDue, telling): (Notifier?, Bool, Telling) = withCore { core, _ in
            core.mailbox.notifierChanges()
            let old = hostSignal.set(notifier, generation: core.mailbox.notifierGeneration)
            let isDue = core.mailbox.notifierSet(whileCalling: running)
            return (old, isDue, core.mailbox.telling)
        }
        // Dropping it calls the host.
        withExtendedLifetime(old) {}
        if isDue { hostSignal.notify(telling) }
    }

    // MARK: - The main thread

    /// The calling thread is the one that main-thread functions are for.
    package func bindMainThread() {
        mainThread.store(lwp_thread_number(), ordering: .sequentiallyConsistent)
        withCore { core, actions in core.mailbox.bindMainThread(&actions) }
    }

    /// Who the calling thread is.
    var affinity: ThreadAffinity {
        let bound = mainThread.load(ordering: .relaxed)
        return bound != 0 && bound == lwp_thread_number() ? .mainThread : .anyThread
    }

    /// Whether it is for the calling thread to call `run` when that is due.
    var isToRun: Bool {
        mainThread.load(ordering: .relaxed) == 0 || affinity == .mainThread
    }

    // MARK: - Stats

    package var stats: Stats {
        withCore { core, _ in
            Stats(core, workers: config.workers, liveContexts: liveContexts.value.load(ordering: .relaxed))
        }
    }
}
