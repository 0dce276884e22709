import Testing

@testable import LuawaitRuntime

struct EventQueueTests {
    private func name(_ entry: EventQueue.Entry?) -> UInt64? {
        if case .finished(let id) = entry { return id.value }
        return nil
    }

    private func takeAll(_ queue: inout EventQueue) -> [UInt64] {
        var taken: [UInt64] = []
        while let next = name(queue.popFirst()) { taken.append(next) }
        return taken
    }

    @Test func an_empty_queue_has_nothing() {
        var queue = EventQueue()
        #expect(queue.popFirst() == nil)
        #expect(queue.storedCount == 0)
    }

    @Test func the_oldest_comes_first() {
        var queue = EventQueue()
        for number in UInt64(1)...5 { queue.append(.finished(EvalID(number)), live: Int(number)) { _ in true } }
        #expect(name(queue.popFirst()) == 1)
        queue.append(.finished(EvalID(6)), live: 5) { _ in true }
        #expect(takeAll(&queue) == [2, 3, 4, 5, 6])
        #expect(queue.popFirst() == nil)
    }

    @Test func the_main_thread_takes_its_own_and_the_common_ones_in_one_order() {
        var queue = EventQueue()
        for number in UInt64(1)...6 {
            queue.append(
                .finished(EvalID(number)), for: number.isMultiple(of: 2) ? .mainThread : .anyThread, live: Int(number)
            ) { _ in true }
        }
        #expect(name(queue.popFirst()) == 1)
        #expect((0..<4).map { _ in name(queue.popFirst(for: .mainThread)) } == [2, 3, 4, 5])
        #expect(queue.popFirst() == nil)
        #expect(name(queue.popFirst(for: .mainThread)) == 6)
        #expect(queue.popFirst(for: .mainThread) == nil)
    }

    @Test func a_sweep_takes_in_what_is_for_the_main_thread() {
        var queue = EventQueue()
        for number in UInt64(1)...65 {
            queue.append(.finished(EvalID(number)), for: .mainThread, live: 1) { self.name($0)! == 65 }
        }
        #expect(queue.storedCount == 1)
        #expect(name(queue.popFirst(for: .mainThread)) == 65)
    }

    @Test func a_short_queue_is_not_searched() {
        var queue = EventQueue()
        var asked = 0
        for number in UInt64(1)...64 {
            queue.append(.finished(EvalID(number)), live: 0) { _ in
                asked += 1
                return false
            }
        }
        #expect(queue.storedCount == 64)
        #expect(asked == 0)
    }

    @Test func a_sweep_keeps_what_is_live_in_its_order() {
        var queue = EventQueue()
        for number in UInt64(1)...65 {
            queue.append(.finished(EvalID(number)), live: 5) { self.name($0)! % 13 == 0 }
        }
        #expect(takeAll(&queue) == [13, 26, 39, 52, 65])
    }

    @Test func nothing_is_swept_while_a_quarter_is_live() {
        var queue = EventQueue()
        var asked = false
        for number in UInt64(1)...400 {
            queue.append(.finished(EvalID(number)), live: Int(number + 3) / 4) { _ in
                asked = true
                return true
            }
        }
        #expect(queue.storedCount == 400)
        #expect(!asked)
    }

    @Test(arguments: [0, 1, 100]) func what_was_taken_another_way_does_not_pile_up(live: UInt64) {
        var queue = EventQueue()
        var longest = 0
        var looks = 0
        let appends: UInt64 = 20_000
        for number in 1...appends {
            // The first ones stay; of the rest only the newest is there when it comes.
            queue.append(.finished(EvalID(number)), live: Int(min(live, number)) + (number > live ? 1 : 0)) { entry in
                looks += 1
                return self.name(entry)! <= live || self.name(entry)! == number
            }
            longest = max(longest, queue.storedCount)
        }
        #expect(longest <= max(64, 4 * (Int(live) + 1)))
        #expect(looks <= 2 * Int(appends))
        #expect(takeAll(&queue).filter { $0 <= live || $0 == appends } == Array(1..<(live + 1)) + [appends])
    }
}
