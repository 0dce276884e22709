import Testing

@testable import LuawaitRuntime

/// A hundred thousand deadlines at once, on the core itself: the books would be counted a hundred thousand times.
struct CoreManyTimersTests {
    private let count = 100_000

    /// Evals that wait in the queue, each with its own deadline, in an order that has nothing to do with their ids.
    private func core(_ deadline: (Int) -> Int64) throws -> EngineCore {
        var core = EngineCore(warmContexts: 0)
        let options = try (0..<1000).map { try evalOptions(#"{"timeout_ms": \#($0 + 1)}"#) }
        for number in 0..<count {
            let milliseconds = deadline(number)
            let eval = Eval(
                id: core.nextEvalID(), script: nil, options: options[Int(milliseconds % 1000)], functions: .empty,
                delivery: .kept)
            var actions = Actions()
            core.start(eval, now: Instant(nanoseconds: milliseconds / 1000 * 1_000_000_000), &actions)
        }
        return core
    }

    /// When the eval's time is up, in milliseconds, from 1 on.
    private func deadline(_ number: Int) -> Int64 {
        Int64((number &* 7919) % count)
    }

    @Test func each_of_a_hundred_thousand_fires_at_its_instant_and_once() throws {
        var core = try core(deadline)
        #expect(core.timers.count == count)
        #expect(core.nextDeadline() == Instant(nanoseconds: 1_000_000))
        var fired = 0
        var next = Instant(nanoseconds: 0)
        while next != .distantFuture, fired <= count {
            var actions = Actions()
            let now = next
            next = core.fireTimers(now: now, &actions)
            if now == Instant(nanoseconds: 0) { continue }
            fired += 1
            let number = UInt64(now.nanoseconds / 1_000_000)
            if core.counts.failed != number || next <= now {
                Issue.record("at \(number) ms \(core.counts.failed) have timed out")
                return
            }
        }
        #expect(fired == count)
        #expect(core.timers.storedCount == 0)
        #expect(core.liveCount == 0)
        var ends = 0
        while case .finished = core.nextEvent() { ends += 1 }
        #expect(ends == count)
    }

    @Test func those_that_become_void_cost_no_search_and_leave_the_others_in_order() throws {
        var core = try core(deadline)
        // All but each tenth, counted by their deadlines: among them the soonest.
        for number in 0..<count where !(deadline(number) + 1).isMultiple(of: 10) {
            var actions = Actions()
            try core.cancel(EvalID(UInt64(number + 1)), &actions)
            if core.timers.storedCount > max(64, 2 * core.timers.count) + 1 {
                Issue.record("\(core.timers.storedCount) are kept for \(core.timers.count)")
                return
            }
        }
        #expect(core.timers.count == count / 10)
        for tenth in 1...Int64(count / 10) {
            let soonest = Instant(nanoseconds: tenth * 10 * 1_000_000)
            var actions = Actions()
            if core.nextDeadline() != soonest {
                Issue.record("\(String(describing: core.nextDeadline())) is the soonest, not \(soonest)")
                return
            }
            _ = core.fireTimers(now: soonest, &actions)
        }
        #expect(core.counts.failed == UInt64(count / 10))
        #expect(core.nextDeadline() == nil)
        #expect(core.timers.storedCount == 0)
    }

    @Test func all_at_once_fire_in_the_order_they_were_set() throws {
        var core = try core { _ in 0 }
        var actions = Actions()
        let next = core.fireTimers(now: Instant(nanoseconds: 1_000_000), &actions)
        #expect(next == .distantFuture)
        var last: UInt64 = 0
        while case .finished(let id, _) = core.nextEvent() {
            if id.value != last + 1 { break }
            last = id.value
        }
        #expect(last == UInt64(count))
    }
}
