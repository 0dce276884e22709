import Testing

@testable import LuawaitRuntime

struct CoreStartingTests {
    @Test func ids_count_from_1_and_are_never_used_again() throws {
        let steps = try SteppedCore()
        for expected in 1...5 as ClosedRange<UInt64> {
            let eval = try steps.start()
            #expect(eval.id == EvalID(expected))
            try steps.cancel(eval)
            _ = try steps.outcome(eval)
        }
    }

    @Test func evals_are_taken_in_the_order_they_were_started() throws {
        let steps = try SteppedCore()
        let started = try (0..<10).map { _ in try steps.start() }
        let taken = (0..<10).compactMap { steps.take($0 % 2) }
        #expect(taken.map(\.id) == started.map(\.id))
        #expect(steps.take() == nil)
    }

    @Test func starting_wakes_one_idle_worker_and_no_more() throws {
        let steps = try SteppedCore(workers: 2)
        for worker in 0...1 {
            guard case .sleep = steps.work(worker) else {
                Issue.record("there is nothing to do, but worker \(worker) does not sleep")
                return
            }
        }
        try steps.start()
        #expect(steps.actions.wakeWorkers.count == 1)
        #expect(steps.actions.wakeWorkers.first === steps.workers[1])
        try steps.start()
        #expect(steps.actions.wakeWorkers.first === steps.workers[0])
        try steps.start()
        #expect(steps.actions.wakeWorkers.isEmpty)
    }

    @Test func a_worker_that_finds_work_is_not_noted_as_idle() throws {
        let steps = try SteppedCore()
        try steps.start()
        #expect(steps.take() != nil)
        #expect(steps.core.crew.idle.isEmpty)
    }

    @Test func an_eval_without_timeout_has_no_timer() throws {
        let steps = try SteppedCore()
        try steps.start()
        #expect(steps.core.timers.count == 0)
        #expect(steps.actions.nextDeadline == nil)
    }

    @Test func a_sliced_eval_goes_behind_those_that_wait() throws {
        let steps = try SteppedCore()
        let long = try steps.start()
        let short = try steps.start()
        #expect(steps.take() === long)
        #expect(steps.slice(long) == .proceed)
        #expect(steps.take() === short)
        #expect(steps.take() === long)
    }

    @Test func a_direct_eval_is_no_workers_business() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(isDirect: true)
        #expect(steps.take() == nil)
        let taken = steps.takeDirect(eval)
        #expect(taken)
        steps.slice(eval)
        #expect(steps.take() == nil)
        let takenAgain = steps.takeDirect(eval)
        #expect(takenAgain)
        steps.finish(eval)
        #expect(!steps.actions.notify)
        #expect(steps.core.takeDirectOutcome(eval.id)?.json == "42")
        #expect(steps.core.evals.isEmpty)
    }

    @Test func nobody_else_can_poll_or_cancel_a_direct_eval() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(isDirect: true)
        #expect(try errorOf { try steps.cancel(eval) }.kind == .notFound)
        #expect(try errorOf { _ = try steps.outcome(eval) }.kind == .notFound)
        #expect(steps.core.evals[eval.id]?.machine.phase == .waiting)
    }

    @Test func a_direct_eval_that_timed_out_between_slices_is_not_taken_again() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"timeout_ms": 10}"#, isDirect: true)
        _ = steps.takeDirect(eval)
        steps.slice(eval)
        steps.advance(milliseconds: 10)
        steps.fireTimers()
        let taken = steps.takeDirect(eval)
        #expect(!taken)
        #expect(try steps.core.takeDirectOutcome(eval.id)?.member("type") == "timeout")
    }

    @Test func an_idle_worker_makes_contexts_while_some_are_wanted() throws {
        let steps = try SteppedCore(warmContexts: 1)
        guard case .warm(let functions) = steps.work() else {
            Issue.record("no context is warm, but the worker does not make one")
            return
        }
        #expect(functions === steps.core.functions)
        let eval = try steps.start()
        #expect(steps.take() === eval)
    }
}
