import Testing

@testable import LuawaitRuntime

/// An engine goes by the clock it is given, and by no other.
struct EngineClockTests {
    private let clock = ManualClock()
    private let engine: Engine

    init() throws {
        let config = #"{"executor": "host", "watchdog": false, "print": "none", "cpu_ms": 0}"#
        engine = try Engine(config: engineConfig(config), clock: clock)
        try engine.register(HostFunction(name: "fetch", timeoutMilliseconds: nil, callback: nil))
    }

    private func start(_ script: String, _ options: String = "{}") throws -> EvalID {
        try engine.start(.copying(script)!, options: evalOptions(options, defaults: engine.config.limits))
    }

    private func type(_ id: EvalID) throws -> String? {
        guard let outcome = try engine.poll(id).outcome else { return "in progress" }
        return outcome.state == .succeeded ? outcome.json : try outcome.member("type")
    }

    @Test func a_deadline_comes_when_the_clock_says_so() throws {
        defer { engine.stop() }
        let late = try start("while true do end", #"{"timeout_ms": 3600000}"#)
        let caught = try start("return (pcall(fetch))", #"{"call_timeout_ms": 60000}"#)
        for _ in 0..<4 { _ = try engine.run(budgetNanoseconds: 0) }
        #expect(engine.nextRun() == Instant(nanoseconds: 0))
        clock.advance(milliseconds: 59_999)
        for _ in 0..<4 { _ = try engine.run(budgetNanoseconds: 0) }
        #expect(try type(caught) == "in progress")
        clock.advance(milliseconds: 1)
        for _ in 0..<4 { _ = try engine.run(budgetNanoseconds: 0) }
        #expect(try type(caught) == "false")
        #expect(try type(late) == "in progress")
        clock.advance(milliseconds: 3_540_000)
        _ = try engine.run(budgetNanoseconds: 0)
        #expect(try type(late) == "timeout")
    }

    @Test func without_a_budget_a_run_is_one_slice() throws {
        defer { engine.stop() }
        let ids = [try start("while true do end"), try start("return 7")]
        #expect(try engine.run(budgetNanoseconds: 0))
        #expect(try type(ids[1]) == "in progress")
        #expect(try engine.run(budgetNanoseconds: 0))
        #expect(try type(ids[1]) == "7")
        #expect(try type(ids[0]) == "in progress")
    }

    @Test func a_budget_ends_by_the_clock() throws {
        defer { engine.stop() }
        let id = try start("while true do end")
        let more = try clock.ticking(nanoseconds: 1000) { try engine.run(budgetNanoseconds: 100_000) }
        #expect(more)
        #expect(try type(id) == "in progress")
    }
}
