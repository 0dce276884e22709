import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

@Suite(.timeLimit(.minutes(2))) struct EngineEvalTests {
    @Test func a_script_runs_to_its_outcome() throws {
        let host = try EngineHost()
        let outcome = try host.run("local a, b = ... return a + b + c", #"{"args": [1, 2], "globals": {"c": 39}}"#)
        #expect(outcome.state == .succeeded)
        #expect(outcome.json == "42")
        #expect(host.engine.stats.finishedUnread == 0)
    }

    @Test(arguments: [
        ("syntax here", "syntax"), ("error('x')", "runtime"), ("return function() end", "conversion"),
        ("string.rep('x', 1 << 30)", "memory"), ("while true do end", "cpu"),
    ])
    func a_failure_has_its_type(script: String, type: String) throws {
        let host = try EngineHost(#"{"workers": 1, "cpu_ms": 20}"#)
        let outcome = try host.run(script)
        #expect(outcome.state == .failed)
        #expect(try outcome.member("type") == type)
    }

    @Test func of_several_that_wait_one_gets_the_outcome() throws {
        let host = try EngineHost()
        let (inside, go) = try host.registerHold()
        let id = try host.start("hold() return 7")
        inside.pass()
        let (ended, gone) = (Counter(), Counter())
        let ready = Counter()
        try onThreads(5) { me in
            if me == 0 {
                // As many as can be: a thread that waits cannot say so.
                while ready.value < 4 { sched_yield() }
                go.open()
                return
            }
            ready.add()
            do {
                if try host.wait(id).json == "7" { ended.add() }
            } catch {
                if (error as? CallError)?.kind == .notFound { gone.add() }
            }
        }
        #expect(ended.value == 1)
        #expect(gone.value == 3)
    }

    @Test func waiting_gives_up_at_its_deadline_and_leaves_the_eval() throws {
        let host = try EngineHost()
        let (inside, go) = try host.registerHold()
        let id = try host.start("hold() return 7")
        inside.pass()
        #expect(try host.engine.wait(id, until: .now()).outcome == nil)
        #expect(try host.engine.wait(id, until: Instant.now().advanced(milliseconds: 5)).outcome == nil)
        go.open()
        #expect(try host.wait(id).json == "7")
    }

    @Test func a_cancelled_eval_that_was_queued_never_runs() throws {
        let host = try EngineHost(#"{"workers": 1}"#)
        let (inside, go) = try host.registerHold()
        let touched = Counter()
        try host.register("touch") { _, _, _ in
            touched.add()
            return nil
        }
        let first = try host.start("hold()")
        inside.pass()
        let second = try host.start("touch()")
        try host.engine.cancel(second)
        #expect(try host.wait(second).state == .cancelled)
        go.open()
        #expect(try host.wait(first).state == .succeeded)
        #expect(try host.run("1").json == "1")
        #expect(touched.value == 0)
    }

    @Test func a_cancelled_eval_that_was_parked_withdraws_its_request() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let id = try host.start("pcall(fetch) return 'caught'")
        let request = try host.nextRequest().request
        try host.engine.cancel(id)
        #expect(try host.wait(id).state == .cancelled)
        #expect(try errorOf { try host.answer(request) }.kind == .notFound)
        #expect(host.counts.withdrawn == 1)
    }

    @Test(arguments: ["signal", "count"]) func a_cancelled_eval_in_an_endless_loop_is_stopped(mode: String) throws {
        let host = try EngineHost(#"{"workers": 2, "preemption": "\#(mode)"}"#)
        let inside = Gate()
        try host.register("here") { _, _, _ in
            inside.open()
            return nil
        }
        let id = try host.start("here()\nwhile true do\npcall(function() while true do end end) end")
        inside.pass()
        try host.engine.cancel(id)
        let outcome = try host.wait(id)
        #expect(outcome.state == .cancelled)
        #expect(try outcome.member("message") == "cancelled")
    }

    @Test func cancelling_during_a_callback_ends_it_after_the_callback() throws {
        let host = try EngineHost()
        let (inside, go) = try host.registerHold()
        let id = try host.start("hold() while true do end")
        inside.pass()
        try host.engine.cancel(id)
        #expect(try host.engine.poll(id).outcome == nil)
        go.open()
        #expect(try host.wait(id).state == .cancelled)
    }

    @Test func the_watchdog_ends_what_takes_too_long() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let looping = try host.start("while true do end", #"{"timeout_ms": 5}"#)
        let parked = try host.start("fetch()", #"{"timeout_ms": 5}"#)
        for id in [looping, parked] {
            let outcome = try host.wait(id)
            #expect(outcome.state == .failed)
            #expect(try outcome.member("type") == "timeout")
        }
    }

    @Test func a_host_call_that_times_out_can_be_caught() throws {
        let host = try EngineHost()
        try host.register("fetch", #"{"timeout_ms": 5}"#)
        let outcome = try host.run("local ok, e = pcall(fetch) return ok, e.type, e.message")
        #expect(outcome.json == #"[false,"timeout","host function 'fetch' did not answer within 5 ms"]"#)
    }

    @Test(arguments: ["signal", "count"]) func an_endless_loop_does_not_starve_its_neighbours(mode: String) throws {
        let host = try EngineHost(#"{"workers": 1, "slice_us": 200, "preemption": "\#(mode)"}"#)
        let endless = try (0..<5).map { _ in try host.start("while true do end", #"{"cpu_ms": 0}"#) }
        for number in 0..<20 { #expect(try host.run("return \(number)").json == "\(number)") }
        for id in endless {
            #expect(try host.engine.poll(id).outcome == nil)
            try host.engine.cancel(id)
            #expect(try host.wait(id).state == .cancelled)
        }
    }

    @Test(arguments: ["signal", "count"]) func scripts_in_small_slices_have_the_right_results(mode: String) throws {
        let host = try EngineHost(#"{"workers": 2, "slice_us": 100, "preemption": "\#(mode)"}"#)
        let script = """
            local n = ...
            local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
            local t = {}
            for i = 1, 300 do t[i] = (i * 7919) % 1009 end
            table.sort(t, function(a, b) return a < b end)
            return fib(18 + n % 3), t[1], t[300]
            """
        let ids = try (0..<12).map { try host.start(script, #"{"args": [\#($0)]}"#) }
        for (number, id) in ids.enumerated() {
            #expect(try host.wait(id).json == "[\([2584, 4181, 6765][number % 3]),1,1006]")
        }
    }
}
