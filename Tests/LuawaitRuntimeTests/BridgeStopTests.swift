import CLuaBridge
import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

/// The stop protocol: orders reach the run they are meant for, and no other. With the signal, and by counting.
@Suite(.serialized, .timeLimit(.minutes(1))) struct BridgeStopTests {
    private let sum = "local s = 0 for i = 1, 1000 do s = s + i end return s"

    @Test(arguments: [false, true]) func an_order_before_any_run_is_refused(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(!lwb_stopper_order(run.stopper, 0, LWB_ORDER_CONDEMN))
        #expect(!lwb_stopper_order(run.stopper, 1, LWB_ORDER_CONDEMN))
        #expect(run.value("1 + 1") == "2")
    }

    @Test(arguments: [false, true]) func an_order_after_the_run_has_left_is_refused(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.value("1 + 1") == "2")
        #expect(!run.order(LWB_ORDER_CONDEMN))
        #expect(!run.order(LWB_ORDER_SLICE))
    }

    @Test(arguments: [false, true]) func an_order_while_parked_is_refused(counting: Bool) {
        let run = BridgeRun(counting: counting, functions: ["fetch"])
        #expect(run.run("return fetch()") == LWB_PARKED)
        #expect(!run.order(LWB_ORDER_CONDEMN))
        run.announce()
        #expect(run.resume(LWB_ANSWER_RESULT, "5") == LWB_FINISHED)
        #expect(run.takeOutput() == "5")
    }

    @Test(arguments: [false, true]) func a_stop_that_comes_before_the_script_begins_is_obeyed_when_it_does(
        counting: Bool
    ) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare("\nwhile true do end") == LWB_READY)
        run.announce()
        #expect(run.order(LWB_ORDER_CONDEMN))
        #expect(run.resume() == LWB_STOPPED)
        #expect(!run.hasExceededCPU)
        #expect(!run.order(LWB_ORDER_CONDEMN))
    }

    @Test(arguments: [false, true]) func an_order_for_another_run_is_ignored(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare(sum) == LWB_READY)
        run.announce()
        run.announce()
        for ticket in [0, run.ticket - 1, run.ticket + 1, .max] {
            #expect(!lwb_stopper_order(run.stopper, ticket, LWB_ORDER_CONDEMN))
        }
        #expect(run.resume() == LWB_FINISHED)
        #expect(run.takeOutput() == "500500")
    }

    @Test(arguments: [false, true]) func an_announcement_forgets_orders_for_the_run_before(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare(sum) == LWB_READY)
        run.announce()
        #expect(run.order(LWB_ORDER_CONDEMN))
        run.announce()
        #expect(run.resume() == LWB_FINISHED)
    }

    @Test(arguments: [false, true]) func a_sliced_script_goes_on_to_the_right_result(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare(sum) == LWB_READY)
        run.announce()
        #expect(run.order(LWB_ORDER_SLICE))
        #expect(run.resume() == LWB_SLICED)
        #expect(!run.order(LWB_ORDER_SLICE))
        run.announce()
        #expect(run.resume() == LWB_FINISHED)
        #expect(run.takeOutput() == "500500")
    }

    @Test(arguments: [false, true]) func a_script_sliced_at_every_chance_goes_on_to_the_right_result(counting: Bool) {
        let run = BridgeRun(counting: counting)
        let script = """
            local co = coroutine.wrap(function() for i = 1, 20 do coroutine.yield(i) end end)
            local s, t = 0, {5, 3, 9, 1}
            for i = 1, 20 do s = s + co() end
            table.sort(t, function(a, b) return a < b end)
            local ok, e = pcall(error, 'x')
            return s, t, ok, e, (string.gsub('aXbX', 'X', function() return '-' end))
            """
        #expect(run.prepare(script) == LWB_READY)
        // Orders are looked for once in so many instructions.
        if counting { lwb_stopper_set_slice_instructions(run.stopper, 1) }
        var slices = 0
        var event = LWB_SLICED
        while event == LWB_SLICED, slices < 100_000 {
            run.announce()
            run.order(LWB_ORDER_SLICE)
            event = run.resume()
            slices += 1
        }
        #expect(event == LWB_FINISHED)
        #expect(run.takeOutput() == #"[210,[1,3,5,9],false,"x","a-b-"]"#)
        #expect(slices > 20)
    }

    @Test func slices_of_counted_instructions_end_at_the_same_places_always() {
        func slices(of instructions: Int32) -> Int {
            let run = BridgeRun(counting: true)
            lwb_stopper_set_slice_instructions(run.stopper, instructions)
            #expect(run.prepare(sum) == LWB_READY)
            var slices = 0
            repeat {
                run.announce()
                slices += 1
            } while run.resume() == LWB_SLICED
            #expect(run.takeOutput() == "500500")
            return slices
        }
        let count = slices(of: 100)
        #expect(count > 10)
        #expect(slices(of: 100) == count)
        #expect(slices(of: 10) > count)
        #expect(slices(of: 1_000_000) == 1)
    }

    @Test(arguments: [false, true]) func being_condemned_goes_before_being_sliced(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare(sum) == LWB_READY)
        run.announce()
        #expect(run.order(LWB_ORDER_SLICE))
        #expect(run.order(LWB_ORDER_CONDEMN))
        #expect(run.resume() == LWB_STOPPED)
    }

    @Test(arguments: [
        "while true do pcall(function() while true do end end) end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "local t <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
        "while true do xpcall(error, function() while true do end end) end",
        "while true do string.gsub('aaa', 'a', function() while true do end end) end",
        "local f = load('while true do end') while true do pcall(f) end",
    ])
    func a_stop_cannot_be_caught(script: String) {
        for counting in [false, true] {
            let run = BridgeRun(counting: counting)
            // In the middle of a message handler nothing can yield: the slice must end before.
            if counting { lwb_stopper_set_slice_instructions(run.stopper, 1) }
            #expect(run.prepare(script) == LWB_READY)
            run.announce()
            run.order(LWB_ORDER_SLICE)
            #expect(run.resume() == LWB_SLICED)
            run.announce()
            run.order(LWB_ORDER_CONDEMN)
            #expect(run.resume() == LWB_STOPPED)
        }
    }

    @Test(arguments: [false, true]) func a_stop_names_the_line_it_has_met(counting: Bool) {
        let run = BridgeRun(counting: counting)
        #expect(run.prepare("local n = 0\n\nwhile true do n = n + 1 end") == LWB_READY)
        for _ in 0..<10 {
            run.announce()
            run.order(LWB_ORDER_SLICE)
            #expect(run.resume() == LWB_SLICED)
        }
        run.announce()
        run.order(LWB_ORDER_CONDEMN)
        #expect(run.resume() == LWB_STOPPED)
        #expect(run.failureLine == 3)
        #expect(run.failureChunk == "test")
    }

    @Test(arguments: [false, true]) func a_stop_during_a_callback_is_obeyed_after_it(counting: Bool) {
        let run = BridgeRun(counting: counting, callbacks: ["poke"])
        run.onCall = { [unowned run] _, _ in
            #expect(run.order(LWB_ORDER_CONDEMN))
            return lwb_answer(kind: LWB_ANSWER_NONE, value: nil)
        }
        #expect(run.run("pcall(poke) while true do end") == LWB_STOPPED)
    }

    /// Where a hook has yielded, Lua passes it over once: here at the instruction by which the script returns.
    @Test func a_stop_that_the_last_instruction_has_caught_ends_the_script() {
        let run = BridgeRun(callbacks: ["poke"])
        run.onCall = { [unowned run] _, _ in
            #expect(run.order(LWB_ORDER_CONDEMN))
            return lwb_answer(kind: LWB_ANSWER_NONE, value: nil)
        }
        #expect(run.prepare("local x = 1 pcall(poke)") == LWB_READY)
        run.announce()
        run.order(LWB_ORDER_SLICE)
        #expect(run.resume() == LWB_SLICED)
        run.announce()
        #expect(run.resume() == LWB_STOPPED)
    }

    @Test(arguments: [false, true]) func a_stop_from_another_thread_ends_an_endless_loop(counting: Bool) throws {
        for _ in 0..<50 {
            let run = BridgeRun(counting: counting)
            #expect(run.prepare("while true do end") == LWB_READY)
            run.announce()
            let target = Target(stopper: run.stopper, ticket: run.ticket)
            let thread = try Thread(name: "test") {
                let accepted = target.order(LWB_ORDER_CONDEMN)
                #expect(accepted)
            }
            #expect(run.resume() == LWB_STOPPED)
            thread.join()
        }
    }

    @Test(arguments: [false, true]) func a_storm_of_slices_from_another_thread_changes_no_result(counting: Bool) throws
    {
        let run = BridgeRun(counting: counting)
        let target = Target(stopper: run.stopper, ticket: 0)
        let thread = try Thread(name: "test") {
            while !target.isOver.load(ordering: .sequentiallyConsistent) { target.order(LWB_ORDER_SLICE) }
        }
        let script = "local a, b = 0, 1 for i = 1, 50000 do a, b = b, (a + b) % 1000003 end return a"
        let expected = BridgeRun().value(script)
        for _ in 0..<10 {
            #expect(run.prepare(script) == LWB_READY)
            var event = LWB_SLICED
            while event == LWB_SLICED {
                run.announce()
                target.ticket.store(run.ticket, ordering: .sequentiallyConsistent)
                event = run.resume()
            }
            #expect(event == LWB_FINISHED)
            #expect(run.takeOutput() == expected)
        }
        target.isOver.store(true, ordering: .sequentiallyConsistent)
        thread.join()
    }

    /// What another thread needs to give orders.
    private final class Target: @unchecked Sendable {
        // Unchecked: a stopper is made to be used from any thread.
        let stopper: OpaquePointer
        let ticket: Atomic<UInt64>
        let isOver = Atomic<Bool>(false)

        init(stopper: OpaquePointer, ticket: UInt64) {
            self.stopper = stopper
            self.ticket = Atomic(ticket)
        }

        @discardableResult
        func order(_ order: lwb_order) -> Bool {
            lwb_stopper_order(stopper, ticket.load(ordering: .sequentiallyConsistent), order)
        }
    }

    // MARK: - Processor time

    @Test(arguments: [false, true]) func a_script_over_its_processor_time_is_stopped_at_its_slice(counting: Bool) {
        let run = BridgeRun(counting: counting, limits: .init(cpuNanoseconds: 1))
        #expect(run.prepare("while true do end") == LWB_READY)
        run.announce()
        run.order(LWB_ORDER_SLICE)
        #expect(run.resume() == LWB_STOPPED)
        #expect(run.hasExceededCPU)
        #expect(run.cpuLeft == 0)
    }

    @Test func processor_time_is_used_up_slice_by_slice() {
        let run = BridgeRun(limits: .init(cpuNanoseconds: 60_000_000_000))
        #expect(run.prepare("while true do end") == LWB_READY)
        var left = run.cpuLeft
        #expect(left == 60_000_000_000)
        for _ in 0..<5 {
            run.announce()
            run.order(LWB_ORDER_SLICE)
            #expect(run.resume() == LWB_SLICED)
            #expect(run.cpuLeft < left)
            left = run.cpuLeft
        }
        #expect(!run.hasExceededCPU)
    }

    @Test func without_a_limit_no_processor_time_is_counted() {
        let run = BridgeRun()
        #expect(run.run(sum) == LWB_FINISHED)
        #expect(run.cpuLeft == .max)
    }
}
