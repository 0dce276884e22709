import CLuaBridge
import Testing

@testable import LuawaitRuntime

/// Who lets go of what ended evals have left, and when: between the turns of scripts.
struct CoreReclaimTests {
    private let count = Context.LiveCount()

    /// A parked eval whose Lua state is so large.
    private func startParked(_ steps: SteppedCore, megabytes: Int) throws -> Eval {
        let eval = try steps.startRunning()
        // What a shared context is given it has twice.
        let globals = try result(#"{"text": "\#(String(repeating: "x", count: megabytes << 19))"}"#)
        guard case .result(let value) = globals else { throw CallError.outOfMemory }
        let context = try #require(
            Context(
                config: EngineConfig(), limits: Limits(), functions: .empty, count: count, isShared: true,
                globals: value, hashSeed: 1))
        #expect(eval.prepare(in: context) == LWB_READY)
        steps.park(eval)
        return eval
    }

    private func stepped(
        workers: Int = 1, executor: EngineConfig.Executor = .threads
    ) throws -> SteppedCore {
        let steps = try SteppedCore(workers: workers, executor: executor)
        steps.core.retired = ReclaimQueue(mostRetired: 64, mostBytes: 64 << 20)
        return steps
    }

    private func batch(_ work: EngineCore.Work) -> Int? {
        if case .reclaim(let remains) = work { remains.count } else { nil }
    }

    private func eval(_ work: EngineCore.Work) -> Eval? {
        if case .turn(.run(let eval)) = work { eval } else { nil }
    }

    @Test func scripts_that_are_ready_go_first_while_little_is_retired() throws {
        let steps = try stepped(workers: 2)
        for _ in 0..<64 { try steps.cancel(try steps.startParked().eval) }
        let ready = try [steps.start(), steps.start()]
        #expect(eval(steps.anyWork()) === ready[0])
        #expect(eval(steps.anyWork(1)) === ready[1])
        #expect(steps.core.retired.count == 64)
    }

    @Test func nothing_ready_is_time_to_reclaim_a_batch_at_a_time() throws {
        let steps = try stepped(workers: 2)
        for _ in 0..<40 { try steps.cancel(try steps.startParked().eval) }
        #expect(batch(steps.anyWork()) == 16)
        // Another worker takes the next, and a script that comes meanwhile is looked for in between.
        #expect(batch(steps.anyWork(1)) == 16)
        let next = try steps.start()
        #expect(eval(steps.anyWork()) === next)
        #expect(batch(steps.anyWork(1)) == 8)
        guard case .sleep = steps.anyWork(1) else {
            Issue.record("there is nothing left to do")
            return
        }
    }

    @Test func with_much_retired_every_second_turn_reclaims() throws {
        let steps = try stepped()
        let ready = try (0..<5).map { _ in try steps.startParked() }
        let others = try (0..<100).map { _ in try steps.startParked().eval }
        for eval in others { try steps.cancel(eval) }
        for (_, request) in ready { try steps.answer(request) }
        #expect(batch(steps.anyWork()) == 16)
        #expect(eval(steps.anyWork()) === ready[0].eval)
        #expect(steps.slice(ready[0].eval) == .proceed)
        #expect(batch(steps.anyWork()) == 16)
        #expect(eval(steps.anyWork()) === ready[1].eval)
        #expect(steps.slice(ready[1].eval) == .proceed)
        #expect(batch(steps.anyWork()) == 16)
        // 52 are few again.
        #expect(steps.core.retired.count == 52)
        for (eval, _) in ready[2...] {
            #expect(self.eval(steps.anyWork()) === eval)
            #expect(steps.slice(eval) == .proceed)
        }
        #expect(steps.core.retired.count == 52)
    }

    @Test func large_states_are_reclaimed_one_at_a_time_and_few_of_them_are_much() throws {
        let steps = try stepped()
        let large = try (0..<3).map { _ in try startParked(steps, megabytes: 24) }
        for eval in large { try steps.cancel(eval) }
        #expect(steps.core.retired.bytes > 64 << 20)
        let ready = try [steps.start(), steps.start()]
        #expect(batch(steps.anyWork()) == 1)
        #expect(eval(steps.anyWork()) === ready[0])
        steps.finish(ready[0])
        // Those that are left are little enough to wait.
        #expect(eval(steps.anyWork()) === ready[1])
        steps.finish(ready[1])
        #expect(batch(steps.anyWork()) == 1)
        #expect(batch(steps.anyWork()) == 1)
        #expect(steps.core.retired.bytes == 0)
        #expect(steps.core.retired.isEmpty)
    }

    @Test func a_large_state_does_not_take_small_ones_with_it() throws {
        let steps = try stepped()
        try steps.cancel(try steps.startParked().eval)
        try steps.cancel(try startParked(steps, megabytes: 2))
        for _ in 0..<3 { try steps.cancel(try steps.startParked().eval) }
        #expect(batch(steps.anyWork()) == 1)
        #expect(batch(steps.anyWork()) == 1)
        #expect(batch(steps.anyWork()) == 3)
    }

    @Test func in_a_run_the_same_rule_holds_after_each_turn() throws {
        let steps = try stepped(executor: .host)
        for _ in 0..<80 { try steps.cancel(try steps.start()) }
        let ready = try [steps.start(), steps.start()]
        // However small the budget: a script first.
        #expect(steps.takeReady() === ready[0])
        #expect(steps.takeRetired(ifUrgent: true) == 16)
        #expect(steps.takeRetired(ifUrgent: true) == 0)
        #expect(steps.takeReady() === ready[1])
        // 64 are few.
        #expect(steps.takeRetired(ifUrgent: true) == 0)
        #expect(steps.takeReady() == nil)
        #expect((0..<5).map { _ in steps.takeRetired() } == [16, 16, 16, 16, 0])
    }

    @Test func all_is_reclaimed_before_the_threads_end() throws {
        let steps = try stepped()
        for _ in 0..<20 { _ = try steps.startParked() }
        steps.stop()
        #expect(batch(steps.anyWork()) == 16)
        #expect(batch(steps.anyWork()) == 4)
        guard case .exit = steps.anyWork() else {
            Issue.record("the worker goes on")
            return
        }
    }
}
