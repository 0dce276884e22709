import Testing

@testable import LuawaitRuntime

@Suite struct RunQueueTests {
    private func pop(_ queue: inout RunQueue<Int>, _ count: Int) -> [Int] {
        (0..<count).compactMap { _ in queue.popFirst() }
    }

    @Test func those_of_one_kind_come_in_their_order() {
        var queue = RunQueue<Int>()
        for number in 1...3 { queue.append(number) }
        for number in 4...6 { queue.append(number, afterSlice: true) }
        #expect(queue.count == 6)
        let order = pop(&queue, 7)
        #expect(order == [1, 2, 3, 4, 5, 6])
        #expect(queue.isEmpty)
    }

    @Test func short_ones_go_before_those_that_used_up_their_slices() {
        var queue = RunQueue<Int>()
        for number in 1...100 { queue.append(number, afterSlice: true) }
        queue.append(0)
        let first = queue.popFirst()
        #expect(first == 0)
    }

    @Test func every_fifth_turn_is_a_long_ones() {
        var queue = RunQueue<Int>()
        for number in 1...20 { queue.append(number) }
        for number in 101...103 { queue.append(number, afterSlice: true) }
        let order = pop(&queue, 23)
        #expect(order.enumerated().filter { $0.element > 100 }.map(\.offset) == [4, 9, 14])
        #expect(order.filter { $0 < 100 } == Array(1...20))
    }

    @Test func turns_without_a_long_one_waiting_do_not_count() {
        var queue = RunQueue<Int>()
        for number in 1...10 { queue.append(number) }
        _ = pop(&queue, 4)
        queue.append(100, afterSlice: true)
        let order = pop(&queue, 5)
        #expect(order == [5, 6, 7, 8, 100])
    }

    @Test func a_start_can_be_taken_back() {
        var queue = RunQueue<Int>()
        for number in [1, 2, 1] { queue.append(number) }
        queue.removeLast { $0 == 1 }
        queue.removeLast { $0 == 9 }
        #expect(queue.elements == [1, 2])
    }
}
