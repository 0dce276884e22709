@testable import LuawaitRuntime

/// How evals start and end, and what the time does.
extension HostModel {
    // MARK: - Starting

    /// Why no eval may start now, in this context.
    mutating func refusal(isDirect: Bool = false, context: Int? = nil) -> CallError.Kind? {
        if isShutDown { return .shutdown }
        if executor == .custom, !hasPool, !isDirect {
            met.insert(.noPool)
            return .executor
        }
        let counts = [(live.count, limits.evals), (queuedCount, limits.queued)]
        if counts.contains(where: { count, limit in limit > 0 && count >= limit }) {
            met.insert(.refusedStart)
            return .limit
        }
        guard let context, !isOpen(context: context) else { return nil }
        met.insert(.startInFreedContext)
        return .notFound
    }

    /// - Returns: its id.
    mutating func start(
        _ script: SimulatedScript, timeout: Int64, callTimeout: Int64, isDetached: Bool, isDirect: Bool,
        context: Int? = nil, now: Instant
    ) -> Int {
        let world = context.map { contexts[$0 - 1] } ?? makeWorld(isSmall: false)
        var eval = ModelEval(
            script: script, callTimeout: callTimeout, isDetached: isDetached, isDirect: isDirect, context: context,
            functions: world.functions, callback: world.callback)
        if timeout > 0 { eval.deadline = now.advanced(milliseconds: timeout) }
        evals.append(eval)
        let id = evals.count
        counts.started += 1
        if let deadline = eval.deadline { timers.append((deadline, .eval(id))) }
        if isDirect { self[id].standing = .running } else { enqueue(id) }
        return id
    }

    /// The pool would not run it.
    mutating func takeBack(_ id: Int) {
        met.insert(.refusedByPool)
        counts.refused += 1
        if let context = self[id].context {
            contexts[context - 1].queue.removeAll { $0 == id }
        } else {
            queue.removeLast { $0 == .eval(id) }
        }
        self[id].isRefused = true
        self[id].deadline = nil
        self[id].standing = .forgotten
    }

    // MARK: - Ending

    mutating func condemn(_ id: Int, _ reason: EvalMachine.Condemnation) {
        guard self[id].isLive else { return }
        guard self[id].condemnation == nil else {
            met.insert(.condemnedAgain)
            return
        }
        self[id].condemnation = reason
        if reason == .timedOut { met.insert(.timedOut) }
        if self[id].standing == .running {
            met.insert(.condemnedRunning)
            return
        }
        if case .parked(let request) = self[id].standing {
            met.insert(.condemnedParked)
            withdraw(request)
        } else {
            met.insert(.condemnedInQueue)
        }
        garbage += 1
        postWork()
        if let context = self[id].context { leaveBehind(in: context) }
        end(id, Self.ending(reason))
    }

    mutating func condemnAll(_ reason: EvalMachine.Condemnation) {
        for id in evals.indices.map({ $0 + 1 }) { condemn(id, reason) }
    }

    static func ending(_ reason: EvalMachine.Condemnation) -> Ending {
        switch reason {
        case .timedOut: Ending(state: .failed, text: "timeout")
        case .cancelled, .shutDown, .contextFreed, .unanswered: Ending(state: .cancelled, text: "cancelled")
        }
    }

    mutating func end(_ id: Int, _ ending: Ending) {
        switch ending.state {
        case .succeeded: counts.succeeded += 1
        case .failed: counts.failed += 1
        case .cancelled: counts.cancelled += 1
        }
        self[id].ending = ending
        self[id].ends += 1
        self[id].deadline = nil
        if let waker = self[id].waker {
            met.insert(.wokenWaker)
            wakers[waker] = Tally(calls: 1, drops: 1)
            self[id].waker = nil
        }
        self[id].standing = self[id].isDetached || self[id].isDirect ? .forgotten : .ended
        if self[id].standing == .ended { post(.finished(id)) }
    }

    mutating func setWaker(_ new: Int?, for id: Int) {
        if self[id].standing == .ended {
            if let new {
                met.insert(.lateWaker)
                wakers[new] = Tally(calls: 1, drops: 1)
            }
            return
        }
        if let old = self[id].waker {
            met.insert(.replacedWaker)
            wakers[old].drops += 1
        }
        self[id].waker = new
    }

    // MARK: - Time

    private func isLive(_ target: Target) -> Bool {
        switch target {
        case .eval(let id): self[id].deadline != nil
        case .request(let id): requests[id - 1].isOpen
        }
    }

    var liveTimers: Int { timers.count { isLive($0.target) } }

    var soonest: Instant? { timers.filter { isLive($0.target) }.map(\.deadline).min() }

    /// When the host is to run the engine again.
    var nextRun: Instant? { executor != .host ? nil : workIsPosted ? Instant(nanoseconds: 0) : soonest }

    mutating func fireTimers(now: Instant) {
        while true {
            timers = timers.filter { isLive($0.target) }
            guard let soonest, soonest <= now else { return }
            switch timers.remove(at: timers.firstIndex { $0.deadline == soonest }!).target {
            case .request(let id):
                met.insert(requests[id - 1].isEvent ? .requestTimeOutEvent : .callTimedOut)
                withdraw(id)
                deliver(.error("timeout"), to: requests[id - 1].eval)
            case .eval(let id):
                self[id].deadline = nil
                condemn(id, .timedOut)
            }
        }
    }
}
