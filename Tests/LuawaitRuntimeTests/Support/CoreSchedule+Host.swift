@testable import LuawaitRuntime

/// What becomes of wakers.
final class WakerLog {
    /// How many have been accepted; their numbers are below.
    var accepted: Set<Int> = []
    private(set) var drops: [Counter] = []
    private(set) var woken: [Int] = []
    /// Woken in the last step, so held until the next.
    var justWoken: [Int] = []

    func make() -> (number: Int, waker: Waker) {
        let number = drops.count
        let counter = Counter()
        drops.append(counter)
        return (number, Waker(wake: { [unowned self] in woken.append(number) }, drop: { counter.add() }))
    }

    /// - Returns: the numbers of those that are due.
    func carryOut(_ due: [Waker]) -> [Int] {
        woken = []
        for waker in due { waker.wake() }
        justWoken = woken
        return woken
    }
}

/// What a host does that takes events, sets wakers, blocks and shuts down.
extension CoreSchedule {
    mutating func anyAffinity() -> ThreadAffinity {
        random.chance(in: 3) ? .mainThread : .anyThread
    }

    mutating func nextEvent(for affinity: ThreadAffinity) throws {
        try perform("nextEvent for \(affinity)") { schedule in
            let expected = schedule.model.nextEvent(for: affinity)
            let event = schedule.core.nextEvent(for: affinity)
            schedule.met.insert(event.map { String($0.prefix { $0 != " " }) } ?? "no event")
            try schedule.expect(event == expected, "\(event ?? "nothing") instead of \(expected ?? "nothing")")
        }
    }

    /// The script on this worker prints, if there is one.
    mutating func print(_ worker: Int) throws {
        guard case .running(let eval) = places[worker] else { return }
        lineCount += 1
        try perform("print \(lineCount) from \(eval.id.value)") { schedule in
            let line = schedule.lineCount
            let hasRoom = schedule.model.hasRoomForOutput
            if !hasRoom { schedule.met.insert("a line too many") }
            if hasRoom { schedule.model.add(.output(Int(eval.id.value) - 1, line: line)) }
            try schedule.expect(schedule.core.print("\(line)", from: eval) == hasRoom, "room: \(!hasRoom)")
        }
    }

    // MARK: - Wakers

    /// Sets, replaces or removes an eval's waker.
    mutating func setWaker(_ number: Int) throws {
        let isRemoval = random.chance(in: 4)
        try perform("\(isRemoval ? "remove" : "set") the waker of \(number)") { schedule in
            let isKnown = number > 0 && schedule.model.evals[number - 1].standing != .forgotten
            let made = isRemoval ? nil : schedule.wakers.make()
            if isKnown, let made { schedule.wakers.accepted.insert(made.number) }
            if isKnown, schedule.model.evals[number - 1].ends == 0 {
                schedule.model.evals[number - 1].waker = made?.number
            } else if isKnown, let made {
                schedule.model.wakes.append(made.number)
            }
            let accepted: Void? = try? schedule.core.setWaker(made?.waker, for: EvalID(UInt64(number)))
            try schedule.expect((accepted != nil) == isKnown, "accepted: \(accepted != nil)")
        }
    }

    /// Wakes those that are due. A waker is dropped when it was replaced, or after it was woken, and not before.
    func checkWakers() throws {
        let woken = wakers.carryOut(core.actions.wakers)
        try expect(woken == model.wakes, "wakers \(woken) were woken")
        let held = Set(model.evals.compactMap(\.waker) + woken)
        for number in wakers.accepted where wakers.drops[number].value != (held.contains(number) ? 0 : 1) {
            try expect(false, "waker \(number) was dropped \(wakers.drops[number].value) times")
        }
        wakers.accepted = held
    }

    /// Each was dropped once if it was accepted, and is the caller's if not.
    func checkWakersAreGone() throws {
        core.carryOutWakers()
        try expect(model.evals.allSatisfy { $0.waker == nil }, "a waker is left over")
        try expect(wakers.drops.allSatisfy { $0.value <= 1 }, "a waker was dropped twice")
    }

    // MARK: - Blocking

    /// A thread of the host's begins to block, looks again, or gives up.
    mutating func wait(_ thread: Int) throws {
        let parker = parkers[thread]
        if model.waits[thread] != nil, random.chance(in: 3) { return try giveUp(thread) }
        switch model.waits[thread] {
        case .eval(let eval): try waitFor(eval, thread)
        case .quiet: try waitForQuiescence(parker, thread)
        case .event(let affinity): try waitForEvent(parker, thread, for: affinity)
        case nil:
            if random.chance(in: 2) || evals.isEmpty { return try waitForEvent(parker, thread, for: anyAffinity()) }
            try waitFor(Int.random(in: evals.indices, using: &random), thread)
        }
    }

    private mutating func waitForEvent(_ parker: Parker, _ thread: Int, for affinity: ThreadAffinity) throws {
        try perform("thread \(thread) waits for an event for \(affinity)") { schedule in
            let mustWait = schedule.model.events(for: affinity).isEmpty
            schedule.model.waits[thread] = mustWait ? .event(affinity) : nil
            if mustWait { schedule.model.foundNothing() }
            try schedule.expect(schedule.core.waitForEvent(parker, for: affinity) == mustWait, "wait: \(!mustWait)")
        }
    }

    /// One round of `Engine.wait`.
    private mutating func waitFor(_ eval: Int, _ thread: Int) throws {
        core.removeWaiter(parkers[thread], evals[eval])
        model.waits[thread] = nil
        try poll(eval + 1)
        guard model.evals[eval].ends == 0, !model.evals[eval].isDetached else { return }
        try perform("thread \(thread) waits for \(eval + 1)") { schedule in
            schedule.model.waits[thread] = .eval(eval)
            schedule.core.addWaiter(schedule.parkers[thread], schedule.evals[eval])
        }
    }

    mutating func giveUp(_ thread: Int) throws {
        try perform("thread \(thread) gives up") { schedule in
            if case .eval(let eval) = schedule.model.waits[thread] {
                schedule.core.removeWaiter(schedule.parkers[thread], schedule.evals[eval])
            } else {
                schedule.core.stopWaiting(schedule.parkers[thread])
            }
            schedule.model.waits[thread] = nil
        }
    }

    // MARK: - The end

    /// A thread that does not wait yet shuts the engine down; one that does may lose patience.
    mutating func shutDown() throws {
        if model.isShutDown, random.chance(in: 2) {
            return try perform("lose patience") { schedule in
                for eval in schedule.model.evals.indices { schedule.model.condemn(eval, .shutDown) }
                schedule.core.losePatience()
            }
        }
        guard let thread = model.waits.firstIndex(where: { $0 == nil }) else { return }
        try waitForQuiescence(parkers[thread], thread)
    }

    private mutating func waitForQuiescence(_ parker: Parker, _ thread: Int) throws {
        try perform("thread \(thread) shuts down") { schedule in
            schedule.model.isShutDown = true
            let mustWait = schedule.model.liveCount > 0
            schedule.model.waits[thread] = mustWait ? .quiet : nil
            try schedule.expect(schedule.core.shutDown(parker) == mustWait, "wait: \(!mustWait)")
        }
    }
}
