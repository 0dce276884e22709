import Testing

@testable import LuawaitRuntime

struct RequestTableTests {
    private let function = HostFunction(name: "fetch", timeoutMilliseconds: nil, callback: nil)

    @discardableResult
    private func post(_ table: inout RequestTable, eval: UInt64 = 1) -> RequestID {
        table.post(eval: EvalID(eval), function: function, args: .copying("[\(eval)]"), hasTimer: false)
    }

    private func take(_ table: inout RequestTable) -> RequestID? {
        guard let request = table.firstPending() else { return nil }
        table.takeFirst(request)
        return request.id
    }

    private func firstID(_ table: inout RequestTable, for affinity: ThreadAffinity = .anyThread) -> RequestID? {
        table.firstPending(for: affinity)?.id
    }

    @Test func ids_count_from_1_and_are_announced() {
        var table = RequestTable()
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(table.nextID == RequestID(number))
            let id = post(&table)
            #expect(id == RequestID(number))
            _ = table.close(id)
        }
        #expect(table.postedCount == 3)
    }

    @Test func requests_are_handed_out_in_the_order_they_were_posted() {
        var table = RequestTable()
        let posted = (1...20).map { post(&table, eval: $0) }
        var taken: [RequestID] = []
        while let id = take(&table) { taken.append(id) }
        #expect(taken == posted)
        #expect(table.pendingCount == 0)
        #expect(table.openCount == 20)
    }

    @Test func looking_hands_nothing_out() {
        var table = RequestTable()
        let id = post(&table)
        for _ in 0..<3 {
            let first = table.firstPending()
            #expect(first?.id == id)
            #expect(first?.args?.string == "[1]")
        }
        #expect(table.pendingCount == 1)
        #expect(table[id]?.isPending == true)
    }

    @Test func a_request_that_was_handed_out_gives_up_its_arguments_and_stays_open() {
        var table = RequestTable()
        let id = post(&table)
        _ = take(&table)
        #expect(table[id]?.args == nil)
        #expect(table[id]?.isPending == false)
        #expect(table.openCount == 1)
        let closed = table.close(id)
        #expect(closed?.eval == EvalID(1))
        #expect(closed?.isPending == false)
        #expect(table.openCount == 0)
    }

    @Test func a_request_is_closed_once() {
        var table = RequestTable()
        let id = post(&table)
        let first = table.close(id)
        let second = table.close(id)
        #expect(first?.id == id)
        #expect(second == nil)
        #expect(table[id] == nil)
    }

    @Test func an_id_that_was_never_posted_closes_nothing() {
        var table = RequestTable()
        post(&table)
        let closed = [0, 2, UInt64.max].map { table.close(RequestID($0))?.id }
        #expect(closed == [nil, nil, nil])
        #expect(table.openCount == 1)
        #expect(table.pendingCount == 1)
    }

    @Test func a_request_closed_before_it_was_taken_is_not_handed_out() {
        var table = RequestTable()
        let ids = (1...5).map { post(&table, eval: $0) }
        _ = table.close(ids[0])
        _ = table.close(ids[2])
        _ = table.close(ids[4])
        #expect(table.pendingCount == 2)
        let taken = [take(&table), take(&table), take(&table)]
        #expect(taken == [ids[1], ids[3], nil])
    }

    @Test func a_request_closed_meanwhile_is_not_taken() throws {
        var table = RequestTable()
        let id = post(&table)
        let first = table.firstPending()
        let shown = try #require(first)
        _ = table.close(id)
        table.takeFirst(shown)
        #expect(table.pendingCount == 0)
        #expect(table.openCount == 0)
    }

    @Test func the_main_threads_are_for_the_main_thread_alone() throws {
        var table = RequestTable()
        let main = HostFunction(name: "draw", timeoutMilliseconds: nil, callback: nil, affinity: .mainThread)
        let first = table.post(eval: EvalID(1), function: main, args: nil, hasTimer: false)
        #expect(firstID(&table) == nil)
        let second = post(&table)
        #expect(firstID(&table) == second)
        let oldest = table.firstPending(for: .mainThread)
        let shown = try #require(oldest)
        #expect(shown.id == first)
        table.takeFirst(shown)
        #expect(firstID(&table, for: .mainThread) == second)
    }

    @Test func withdrawn_requests_do_not_pile_up_behind_one_that_nobody_takes() throws {
        var table = RequestTable()
        let first = post(&table)
        for _ in 0..<100_000 { _ = table.close(post(&table)) }
        let order = try #require(Mirror(reflecting: table).descendant("order") as? any Collection)
        #expect(order.count <= 66)
        #expect(table.pendingCount == 1)
        #expect(table.openCount == 1)
        let taken = [take(&table), take(&table)]
        #expect(taken == [first, nil])
    }

    @Test func a_sweep_keeps_the_order_of_those_that_are_left() {
        var table = RequestTable()
        let ids = (1...500).map { post(&table, eval: $0) }
        for (index, id) in ids.enumerated() where !index.isMultiple(of: 100) { _ = table.close(id) }
        var taken: [RequestID] = []
        while let id = take(&table) { taken.append(id) }
        #expect(taken == [ids[0], ids[100], ids[200], ids[300], ids[400]])
    }

    @Test func the_counts_add_up_in_any_order() {
        var random = SplitMix64(seed: 11)
        var table = RequestTable()
        var pending: [RequestID] = []
        var taken: Set<RequestID> = []
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1: pending.append(post(&table))
            case 2:
                let id = take(&table)
                #expect(id == pending.first)
                if let id {
                    pending.removeFirst()
                    taken.insert(id)
                }
            default:
                let known = RequestID(UInt64.random(in: 1...max(1, table.postedCount), using: &random))
                let closed = table.close(known)
                let index = pending.firstIndex(of: known)
                #expect((closed != nil) == (index != nil || taken.contains(known)))
                if let index { pending.remove(at: index) }
                taken.remove(known)
            }
            #expect(table.pendingCount == pending.count)
            #expect(table.openCount == pending.count + taken.count)
        }
    }
}
