import Testing

@testable import LuawaitRuntime

struct Discrepancy: Error {
    let message: String
}

/// One random run of a core beside its model.
struct CoreSchedule {
    enum Place {
        case awake, asleep
        case running(Eval)
        /// Its script waits for an answer where it cannot park.
        case blocked(Eval)
        case leaving(Eval, EvalMachine.Condemnation)
    }

    let core: SteppedCore
    var model = CoreModel()
    /// What was done, for the reader of a failure.
    private(set) var trace: [String] = []
    var random: SplitMix64
    var places: [Place]
    private(set) var evals: [Eval] = []
    private var tickets: [EvalID: Ticket] = [:]
    /// Of the host's threads that block.
    let parkers = (0..<3).map { _ in Parker() }
    /// Of the workers, where they wait inside scripts.
    let blockers: [Parker]
    let wakers = WakerLog()
    var lineCount = 0
    /// What it has come to, for a test that wants to know whether the schedules lead anywhere.
    var met: Set<String> = []

    init(seed: UInt64, workers: Int) throws {
        random = SplitMix64(seed: seed)
        places = Array(repeating: .awake, count: workers)
        blockers = places.map { _ in Parker() }
        var limits = QueueLimits()
        limits.evals = Self.limit(&random)
        limits.queued = Self.limit(&random)
        limits.requests = Self.limit(&random)
        limits.unread = Self.limit(&random)
        limits.blocked = Int.random(in: 0...workers, using: &random)
        core = try SteppedCore(workers: workers, limits: limits)
        core.isByHand = false
        model.limits = limits
        model.waits = parkers.map { _ in nil }
    }

    private static func limit(_ random: inout SplitMix64) -> Int {
        random.chance(in: 4) ? Int.random(in: 1...15, using: &random) : 0
    }

    func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Discrepancy(message: "\(message())\n\(trace.suffix(30).joined(separator: "\n"))") }
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps { try step(Int.random(in: 0..<28, using: &random)) }
        if random.chance(in: 4) { try shutDown() }
        if random.chance(in: 2) {
            try perform("stop") { schedule in
                schedule.model.isShutDown = true
                for eval in schedule.model.evals.indices { schedule.model.condemn(eval, .shutDown) }
                schedule.core.stop()
                schedule.places = schedule.places.map { if case .asleep = $0 { .awake } else { $0 } }
            }
        }
        try drain()
    }

    private mutating func step(_ kind: Int) throws {
        switch kind {
        case 0...2: try start()
        case 3...10: try work(Int.random(in: places.indices, using: &random))
        case 11: try takeRequest()
        case 12...14: try answer(Int.random(in: 0...model.requests.count, using: &random))
        case 15: try cancel(Int.random(in: 0...model.evals.count, using: &random))
        case 16: core.advance(milliseconds: Int64.random(in: 0...9, using: &random))
        case 17: try fireTimers()
        case 18...19: try poll(Int.random(in: 0...model.evals.count, using: &random))
        case 20...21: try nextEvent(for: anyAffinity())
        case 22: try print(Int.random(in: places.indices, using: &random))
        case 23...24: try setWaker(Int.random(in: 0...model.evals.count, using: &random))
        case 25...26: try wait(Int.random(in: parkers.indices, using: &random))
        default: if random.chance(in: 20) { try shutDown() }
        }
    }

    /// Does one thing to both, and compares what it led to.
    mutating func perform(_ what: String, _ body: (inout CoreSchedule) throws -> Void) throws {
        trace.append(what)
        model.beginStep()
        let asleep = places.count { if case .asleep = $0 { true } else { false } }
        try body(&self)
        let actions = core.actions
        try expect(core.mistake == nil, core.mistake ?? "")
        try expect(actions.notify == model.notifies, "notify is \(actions.notify)")
        try expect(
            actions.stops.map(\.ticket) == model.stops.map { tickets[evals[$0].id] },
            "stops \(actions.stops.map(\.ticket))")
        if !core.core.isStopping {
            try expect(actions.wakeWorkers.count == min(asleep, model.newWork), "\(actions.wakeWorkers.count) woken")
        }
        try expect(
            blockers.indices.filter { worker in actions.wakeWaiters.contains { $0 === blockers[worker] } }
                == model.wokenWorkers.sorted(), "not workers \(model.wokenWorkers) are woken")
        for worker in actions.wakeWorkers { places[core.workers.firstIndex { $0 === worker }!] = .awake }
        try expect(
            core.core.mailbox.gate.available == model.available, "the gate counts \(core.core.mailbox.gate.available)")
        let woken = actions.wakeWaiters.compactMap { waiter in parkers.firstIndex { $0 === waiter } }.sorted()
        try expect(woken == model.wokenThreads.sorted(), "\(actions.wakeWaiters.count) waiting threads woken")
        try expect(
            actions.wakeWaiters.count == model.wokenThreads.count + model.wokenWorkers.count, "another is woken")
        try checkWakers()
        met.formUnion(model.met)
        try expect(core.core.watchdogPlan <= model.soonest, "the watchdog sleeps too long")
        try checkNobodySleepsOverWork()
    }

    private func checkNobodySleepsOverWork() throws {
        var (awake, asleep) = (0, 0)
        for place in places {
            switch place {
            case .awake: awake += 1
            case .asleep: asleep += 1
            default: break
            }
        }
        try expect(asleep == 0 || model.waiting.count <= awake, "a worker sleeps while evals wait")
    }

    // MARK: - What can happen

    private mutating func start() throws {
        let timeout = random.chance(in: 3) ? Int64.random(in: 1...60, using: &random) : 0
        let callTimeout = random.chance(in: 2) ? Int64.random(in: 1...30, using: &random) : 0
        let isDetached = random.chance(in: 8)
        try perform("start timeout \(timeout) call \(callTimeout) detached \(isDetached)") { schedule in
            if let refusal = schedule.model.refusal {
                schedule.met.insert(refusal)
                let error = try errorOf { try schedule.core.startAdmitted() }
                return try schedule.expect(error.message.contains(refusal), error.message)
            }
            let options =
                #"{"timeout_ms": \#(timeout), "call_timeout_ms": \#(callTimeout), "detached": \#(isDetached)}"#
            schedule.model.start(
                timeout: timeout, callTimeout: callTimeout, isDetached: isDetached, now: schedule.core.now)
            schedule.evals.append(try schedule.core.startAdmitted(options))
        }
    }

    private mutating func work(_ worker: Int) throws {
        switch places[worker] {
        case .asleep: break
        case .awake: try take(worker)
        case .running(let eval): try random.chance(in: 5) ? block(eval, worker) : leave(eval, worker)
        case .blocked(let eval): try lookForAnswer(eval, worker)
        case .leaving(let eval, let reason):
            try perform("complete \(eval.id.value)") { schedule in
                schedule.model.end(Int(eval.id.value) - 1, type: reason == .timedOut ? "timeout" : "cancelled")
                schedule.core.complete(eval, reason)
                schedule.places[worker] = .awake
            }
        }
    }

    private mutating func take(_ worker: Int) throws {
        try perform("take on \(worker)") { schedule in
            let expected = schedule.model.take()
            let taken = schedule.core.take(worker)
            try schedule.expect(taken?.id.value == expected.map { UInt64($0) + 1 }, "took \(taken?.id.value ?? 0)")
            guard let taken else {
                schedule.places[worker] = schedule.core.core.isStopping ? .awake : .asleep
                return
            }
            schedule.tickets[taken.id] = schedule.core.ticket
            schedule.places[worker] = .running(taken)
        }
    }

    private mutating func leave(_ eval: Eval, _ worker: Int) throws {
        let index = Int(eval.id.value) - 1
        let way = Int.random(in: 0..<4, using: &random)
        let affinity = anyAffinity()
        try perform("leave \(eval.id.value) by \(way)") { schedule in
            let condemned: EvalMachine.Condemnation? =
                if case .running(let reason) = schedule.model.evals[index].standing { reason } else { nil }
            if condemned != nil {
                schedule.model.evals[index].standing = .leaving
            } else {
                switch way {
                case 0: schedule.model.enqueue(index, afterSlice: true)
                case 1: schedule.model.end(index, type: nil)
                case _ where !schedule.model.hasRoomForRequest:
                    schedule.met.insert("max_requests")
                    schedule.model.enqueue(index)
                default: schedule.model.park(index, for: affinity, now: schedule.core.now)
                }
            }
            let action =
                switch way {
                case 0: schedule.core.slice(eval)
                case 1: schedule.core.finish(eval)
                default: schedule.core.park(eval, for: affinity)
                }
            try schedule.expect(action == condemned.map { .end($0) } ?? .proceed, "\(action)")
            schedule.places[worker] = condemned.map { .leaving(eval, $0) } ?? .awake
        }
    }

    private mutating func takeRequest() throws {
        let affinity = anyAffinity()
        try perform("takeRequest for \(affinity)") { schedule in
            let expected = schedule.model.firstPending(for: affinity)
            let taken = schedule.core.takeRequest(for: affinity)
            try schedule.expect(
                taken?.request.value == expected.map { UInt64($0) + 1 }, "request \(taken?.request.value ?? 0)")
            guard let expected else { return schedule.model.foundNothing() }
            try schedule.expect(
                taken?.args?.string == "[\(schedule.model.requests[expected].eval + 1)]", "another's arguments")
            schedule.model.handOut(expected)
        }
    }

    /// - Parameter number: of a request; one more than there are is nobody's.
    private mutating func answer(_ number: Int) throws {
        let isOpen = number > 0 && model.requests[number - 1].isOpen
        try perform("answer \(number), which is \(isOpen ? "open" : "not open")") { schedule in
            if isOpen { schedule.model.answer(number - 1) }
            let json = schedule.random.chance(in: 2) ? #"{"message": "no"}"# : nil
            let answer = try json.map { try failure($0) } ?? result("true")
            let accepted: Void? = try? schedule.core.answer(RequestID(UInt64(number)), with: answer)
            try schedule.expect((accepted != nil) == isOpen, "accepted: \(accepted != nil)")
        }
    }

    private mutating func cancel(_ number: Int) throws {
        try perform("cancel \(number)") { schedule in
            let isKnown = number > 0 && schedule.model.evals[number - 1].standing != .forgotten
            if isKnown { schedule.model.condemn(number - 1, .cancelled) }
            let accepted: Void? = try? schedule.core.cancel(EvalID(UInt64(number)))
            try schedule.expect((accepted != nil) == isKnown, "accepted: \(accepted != nil)")
        }
    }

    private mutating func fireTimers() throws {
        try perform("fireTimers at \(core.now.nanoseconds / 1_000_000)") { schedule in
            schedule.model.fireTimers(now: schedule.core.now)
            let next = schedule.core.fireTimers()
            try schedule.expect(next > schedule.core.now, "something due has not fired")
        }
    }

    mutating func poll(_ number: Int) throws {
        guard number > 0 else { return }
        try perform("poll \(number)") { schedule in
            let eval = schedule.evals[number - 1]
            switch schedule.model.evals[number - 1].standing {
            case .forgotten:
                try schedule.expect((try? schedule.core.outcome(eval)) == nil, "an outcome for the second time")
            case .ended(let type):
                schedule.model.forget(number - 1)
                let outcome = try schedule.core.outcome(eval)
                try schedule.expect(outcome != nil, "no outcome")
                let found = outcome?.json == "42" ? nil : try outcome?.member("type")
                try schedule.expect(found == type, "ended as \(found ?? "succeeded")")
            default:
                if !schedule.model.evals[number - 1].isDetached { schedule.model.foundNothing() }
                try schedule.expect((try? schedule.core.outcome(eval))?.json == nil, "ended too early")
            }
        }
    }

    // MARK: - To the end

    /// Lets everything end, and looks whether anything is left.
    private mutating func drain() throws {
        var round = 0
        while model.evals.contains(where: { $0.ends == 0 }) {
            for worker in places.indices { try work(worker) }
            for request in model.requests.indices where model.requests[request].isOpen { try answer(request + 1) }
            round += 1
            try expect(round < 1000, "it does not come to an end")
        }
        if random.chance(in: 2) {
            for eval in model.evals.indices where model.evals[eval].standing != .forgotten { try poll(eval + 1) }
        }
        while model.available > 0 { try nextEvent(for: .mainThread) }
        try nextEvent(for: .mainThread)
        for thread in parkers.indices { try giveUp(thread) }
        core.advance(milliseconds: 1000)
        try fireTimers()
        _ = core.work()
        let left = core.core
        try expect(model.evals.allSatisfy { $0.ends == 1 }, "an eval has not ended exactly once")
        try expect(
            left.evals.isEmpty && left.mailbox.requests.openCount == 0 && left.mailbox.requests.pendingCount == 0
                && left.mailbox.gate.available == 0 && left.timers.storedCount == 0 && left.retired.isEmpty
                && left.mailbox.events.storedCount == 0 && left.mailbox.waiters.isEmpty
                && left.quiescenceWaiters.isEmpty
                && left.liveCount == 0 && left.queuedCount == 0,
            "something is left over")
        try checkWakersAreGone()
    }
}
