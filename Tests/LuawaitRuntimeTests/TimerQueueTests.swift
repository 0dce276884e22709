import Testing

@testable import LuawaitRuntime

struct TimerQueueTests {
    private func at(_ nanoseconds: Int64) -> Instant {
        Instant(nanoseconds: nanoseconds)
    }

    private func takeAll(_ queue: inout TimerQueue<Int>, now: Int64) -> [Int] {
        var taken: [Int] = []
        while let target = queue.takeDue(now: at(now), isLive: { _ in true }) { taken.append(target) }
        return taken
    }

    @Test func an_empty_queue_has_nothing_due() {
        var queue = TimerQueue<Int>()
        #expect(queue.next == nil)
        #expect(queue.count == 0)
        #expect(queue.takeDue(now: .distantFuture) { _ in true } == nil)
    }

    @Test func deadlines_come_soonest_first_whatever_the_order_they_were_added_in() {
        var queue = TimerQueue<Int>()
        for deadline in [50, 10, 40, 20, 30] { queue.add(deadline, deadline: at(Int64(deadline))) }
        #expect(queue.next == at(10))
        #expect(takeAll(&queue, now: 100) == [10, 20, 30, 40, 50])
        #expect(queue.next == nil)
    }

    @Test func of_equal_deadlines_the_older_comes_first() {
        var queue = TimerQueue<Int>()
        for number in 0..<1000 { queue.add(number, deadline: at(7)) }
        #expect(takeAll(&queue, now: 7) == Array(0..<1000))
    }

    @Test func a_deadline_is_due_at_its_instant_and_not_before() {
        var queue = TimerQueue<Int>()
        queue.add(1, deadline: at(10))
        #expect(queue.takeDue(now: at(9)) { _ in true } == nil)
        #expect(queue.takeDue(now: at(10)) { _ in true } == 1)
        #expect(queue.takeDue(now: at(10)) { _ in true } == nil)
    }

    @Test func taking_leaves_what_is_not_due() {
        var queue = TimerQueue<Int>()
        for deadline in 1...10 { queue.add(deadline, deadline: at(Int64(deadline))) }
        #expect(takeAll(&queue, now: 4) == [1, 2, 3, 4])
        #expect(queue.count == 6)
        #expect(queue.next == at(5))
    }

    @Test func a_void_deadline_is_skipped_and_not_counted() {
        var queue = TimerQueue<Int>()
        for number in 1...3 { queue.add(number, deadline: at(Int64(number))) }
        var live: Set = [1, 3]
        queue.voidOne { live.contains($0) }
        #expect(queue.count == 2)
        #expect(queue.takeDue(now: at(3)) { live.contains($0) } == 1)
        live.remove(1)
        #expect(queue.takeDue(now: at(3)) { live.contains($0) } == 3)
        #expect(queue.takeDue(now: at(3)) { live.contains($0) } == nil)
        #expect(queue.count == 0)
        #expect(queue.storedCount == 0)
    }

    @Test func void_deadlines_are_swept_out_before_they_outnumber_the_others() {
        var queue = TimerQueue<Int>()
        var live: Set<Int> = []
        var largest = 0
        for number in 0..<10_000 {
            queue.add(number, deadline: at(1_000_000))
            live.insert(number)
            if number >= 10 {
                live.remove(number - 10)
                queue.voidOne { live.contains($0) }
            }
            #expect(queue.count == live.count)
            largest = max(largest, queue.storedCount)
        }
        #expect(largest <= 2 * 64 + 2 * 11)
        #expect(takeAll(&queue, now: 1_000_000).suffix(10) == Array(9990..<10_000))
    }

    @Test func a_sweep_keeps_the_order() {
        var queue = TimerQueue<Int>()
        for number in 0..<200 { queue.add(number, deadline: at(5)) }
        var live = Set(0..<200)
        for number in 0..<150 {
            live.remove(number)
            queue.voidOne { live.contains($0) }
        }
        #expect(queue.storedCount < 200)
        #expect(queue.count == 50)
        queue.add(200, deadline: at(5))
        live.insert(200)
        var taken: [Int] = []
        while let target = queue.takeDue(now: at(5), isLive: { live.contains($0) }) { taken.append(target) }
        #expect(taken == Array(150...200))
    }

    @Test func a_hundred_thousand_deadlines_come_in_order() {
        var queue = TimerQueue<Int>()
        var random = SplitMix64(seed: 4)
        var expected: [(deadline: Int64, number: Int)] = []
        for number in 0..<100_000 {
            let deadline = Int64.random(in: 0..<50_000, using: &random)
            expected.append((deadline, number))
            queue.add(number, deadline: at(deadline))
        }
        expected.sort { $0 < $1 }
        #expect(queue.count == 100_000)
        #expect(takeAll(&queue, now: 50_000) == expected.map(\.number))
        #expect(queue.storedCount == 0)
    }
}
