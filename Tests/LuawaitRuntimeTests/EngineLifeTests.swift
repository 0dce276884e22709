import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

/// Ending engines, `luawait_eval`, functions that come and go, and everything at once.
@Suite(.timeLimit(.minutes(2))) struct EngineLifeTests {
    // MARK: - Stopping

    @Test(arguments: ["signal", "count"]) func stopping_ends_evals_in_every_state(mode: String) throws {
        let host = try EngineHost(#"{"workers": 2, "preemption": "\#(mode)"}"#)
        try host.register("fetch")
        let inside = Gate()
        try host.register("here") { _, _, _ in
            inside.open()
            return nil
        }
        let parked = try (0..<20).map { _ in try host.start("pcall(fetch)") }
        for _ in parked { _ = try host.nextRequest() }
        let unread = try host.start("return 1")
        #expect(host.sleepOnDescriptor())
        let running = try host.start("here() while true do end", #"{"cpu_ms": 0}"#)
        inside.pass()
        _ = try host.start("while true do end", #"{"detached": true, "cpu_ms": 0}"#)
        let queued = try (0..<20).map { _ in try host.start("while true do end", #"{"cpu_ms": 0}"#) }
        host.engine.stop()
        #expect(try host.engine.poll(unread).outcome?.json == "1")
        for id in parked + queued + [running] {
            let outcome = try #require(try host.engine.poll(id).outcome)
            #expect(outcome.state == .cancelled)
            #expect(try outcome.member("message")?.hasSuffix("the engine is shutting down") == true)
        }
        let stats = host.engine.stats
        #expect(stats.counts.cancelled == 42)
        #expect(stats.open == 0)
        #expect(stats.timers == 0)
        #expect(stats.queued + stats.running + stats.parked + stats.finishedUnread == 0)
    }

    @Test func stopping_frees_every_world_but_the_warm_ones() throws {
        let host = try EngineHost(#"{"workers": 2, "warm_contexts": 0}"#)
        try host.register("fetch")
        for _ in 0..<50 { _ = try host.start("fetch()") }
        for _ in 0..<50 { _ = try host.nextRequest() }
        #expect(host.engine.stats.liveContexts == 50)
        host.engine.stop()
        #expect(host.engine.stats.liveContexts == 0)
    }

    @Test func an_engine_that_was_stopped_and_let_go_is_gone() throws {
        weak var remembered: Engine?
        do {
            let host = try EngineHost()
            remembered = host.engine
            try host.register("fetch")
            _ = try host.start("fetch()")
            _ = try host.nextRequest()
            _ = try host.run("1")
        }
        #expect(remembered == nil)
    }

    @Test func engines_come_and_go_by_the_dozen() throws {
        for number in 0..<30 {
            let host = try EngineHost(#"{"workers": \#(1 + number % 4), "warm_contexts": \#(number % 3)}"#)
            if number.isMultiple(of: 2) { #expect(try host.run("1 + 1").json == "2") }
        }
    }

    // MARK: - Evaluating at once

    @Test func evaluating_gives_the_outcome_on_this_thread() throws {
        let host = try EngineHost(#"{"workers": 1}"#)
        let (inside, go) = try host.registerHold()
        let busy = try host.start("hold()")
        inside.pass()
        let mine = pthread_self()
        let isMine = Mutex(false)
        try host.register("who") { id, _, _ in
            isMine.withLock { $0 = id == EvalID(0) && pthread_equal(pthread_self(), mine) != 0 }
            return nil
        }
        #expect(try host.evaluate("who() return 1, 2").json == "[1,2]")
        #expect(isMine.withLock { $0 })
        go.open()
        _ = try host.wait(busy)
    }

    @Test func evaluating_serves_callbacks_and_their_errors() throws {
        let host = try EngineHost()
        try host.register("add") { _, function, args in
            #expect(function.name == "add")
            guard let value = try? JSONValue.parse(args, maxDepth: 10, what: "args") else { return nil }
            return value.arrayCount == 2 ? try? result(#"{"sum": 5}"#) : try? failure(#""two, please""#)
        }
        let outcome = try host.evaluate("local ok, e = pcall(add, 1) return add(2, 3).sum, ok, e.message")
        #expect(outcome.json == #"[5,false,"two, please"]"#)
    }

    @Test func evaluating_refuses_a_call_that_would_have_to_wait() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let outcome = try host.evaluate("return fetch()")
        #expect(outcome.state == .failed)
        #expect(try outcome.member("message")?.contains("luawait_start") == true)
        #expect(host.counts.answered == 0)
        #expect(host.engine.stats.posted == 0)
    }

    @Test func a_callback_may_evaluate_another_script() throws {
        let host = try EngineHost(#"{"slice_us": 100}"#)
        let engine = host.engine
        try host.register("nested") { [weak engine] _, _, _ in
            guard let engine, let options = try? evalOptions(),
                let inner = try? engine.evaluate(
                    .copying("local s = 0 for i = 1, 9999 do s = s + i end return s")!, options: options)
            else { return nil }
            return try? result(inner.json)
        }
        #expect(try host.evaluate("local s = nested() for i = 1, 9999 do s = s + i end return s").json == "99990000")
        #expect(try host.run("return nested() + nested()").json == "99990000")
    }

    @Test(arguments: ["signal", "count"]) func evaluating_is_limited_in_time(mode: String) throws {
        let host = try EngineHost(#"{"preemption": "\#(mode)", "slice_us": 1000}"#)
        #expect(try host.evaluate("while true do end", #"{"cpu_ms": 5}"#).member("type") == "cpu")
        #expect(try host.evaluate("while true do end", #"{"timeout_ms": 5}"#).member("type") == "timeout")
        #expect(try host.evaluate("local s = 0 for i = 1, 200000 do s = s + 1 end return s").json == "200000")
        #expect(host.engine.stats.finishedUnread == 0)
    }

    @Test func checking_tells_a_syntax_error_with_its_line() throws {
        let host = try EngineHost()
        try "return 1".withBytes { script throws(CallError) in try host.engine.check(script, name: "main") }
        let error = try errorOf {
            try "x = 1\ny = = 2".withBytes { script throws(CallError) in try host.engine.check(script, name: "main") }
        }
        #expect(error == CallError(.syntax, "main:2: unexpected symbol near '='", line: 2))
    }

    // MARK: - Functions

    @Test func warm_contexts_are_given_up_when_the_functions_change() throws {
        let host = try EngineHost(#"{"workers": 1, "warm_contexts": 3}"#)
        let (inside, go) = try host.registerHold()
        let busy = try host.start("hold()")
        inside.pass()
        // The only worker is held up, so nobody else makes any.
        while host.engine.stats.warmContexts < 3 {
            host.engine.warmUp(host.engine.withCore { core, _ in core.functions })
        }
        #expect(host.engine.stats.liveContexts == 4)
        try host.register("fetch")
        #expect(host.engine.stats.warmContexts == 0)
        #expect(host.engine.stats.liveContexts == 1)
        host.engine.warmUp(host.engine.withCore { core, _ in core.functions })
        #expect(host.engine.stats.warmContexts == 1)
        try host.engine.unregister("fetch")
        #expect(host.engine.stats.warmContexts == 0)
        go.open()
        _ = try host.wait(busy)
    }

    @Test func an_eval_sees_the_functions_that_were_there_when_it_was_started() throws {
        let host = try EngineHost(#"{"workers": 1}"#)
        let (inside, go) = try host.registerHold()
        let busy = try host.start("hold()")
        inside.pass()
        let before = try host.start("return fetch == nil")
        try host.register("fetch")
        let between = try host.start("return fetch == nil")
        try host.engine.unregister("fetch")
        let after = try host.start("return fetch == nil")
        go.open()
        #expect(try host.wait(before).json == "true")
        #expect(try host.wait(between).json == "false")
        #expect(try host.wait(after).json == "true")
        _ = try host.wait(busy)
    }

    @Test func a_callbacks_data_is_dropped_when_it_can_be_called_no_more() throws {
        let drops = (0..<3).map { _ in Counter() }
        do {
            let host = try EngineHost(#"{"workers": 1, "warm_contexts": 2}"#)
            try host.register("log", drop: { drops[0].add() }) { _, _, _ in nil }
            #expect(throws: CallError.self) {
                try host.register("log", drop: { drops[1].add() }) { _, _, _ in nil }
            }
            #expect(try host.evaluate("log()").state == .succeeded)
            try host.engine.unregister("log")
            try host.register("kept", drop: { drops[2].add() }) { _, _, _ in nil }
        }
        #expect(drops.map(\.value) == [1, 0, 1])
    }

    // MARK: - Everything at once

    @Test(arguments: ["signal", "count"]) func threads_that_do_everything_at_once_leave_nothing(mode: String) throws {
        let host = try EngineHost(#"{"workers": 2, "slice_us": 200, "preemption": "\#(mode)", "print": "none"}"#)
        try host.register("fetch", #"{"timeout_ms": 20}"#)
        let scripts = [
            "return 1", "return fetch(1)", "while true do end", "local n = 0 for i = 1, 3000 do n = n + i end return n",
            "return pcall(fetch)", "error('x')", "for i = 1, 5 do pcall(fetch, i) end",
        ]
        let mistakes = Counter()
        try onThreads(4) { me in
            var random = SplitMix64(seed: UInt64(me) + 1)
            for _ in 0..<100 {
                do {
                    let script = scripts.randomElement(using: &random)!
                    let id = try host.start(script, #"{"timeout_ms": 50, "cpu_ms": 30}"#)
                    if let request = try host.takeRequest(), !random.chance(in: 4) {
                        // Too late is no mistake: another thread may have cancelled it.
                        _ = try? host.answer(request.request, "1")
                    }
                    if random.chance(in: 3) { try host.engine.cancel(id) }
                    _ = try host.wait(id)
                } catch {
                    mistakes.add()
                }
            }
        }
        let stats = host.engine.stats
        #expect(mistakes.value == 0)
        #expect(stats.counts.started == 400)
        #expect(stats.counts.succeeded + stats.counts.failed + stats.counts.cancelled == 400)
        #expect(stats.queued + stats.running + stats.parked + stats.finishedUnread == 0)
        #expect(stats.open == 0)
        #expect(stats.timers == 0)
        #expect(stats.posted == stats.counts.answered + stats.counts.withdrawn)
        #expect(!host.isReadable)
    }
}
