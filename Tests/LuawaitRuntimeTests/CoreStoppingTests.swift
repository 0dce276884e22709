import Testing

@testable import LuawaitRuntime

struct CoreStoppingTests {
    @Test func stopping_condemns_evals_in_every_state() throws {
        let steps = try SteppedCore()
        let (parked, request) = try steps.startParked()
        let running = try steps.start()
        _ = steps.take(0)
        let ticket = steps.ticket
        let ended = try steps.start()
        _ = steps.take(1)
        steps.finish(ended)
        let queued = try steps.start()
        let detached = try steps.start(#"{"detached": true}"#)
        steps.stop()
        #expect(steps.actions.stops.map(\.ticket) == [ticket])
        #expect(
            try steps.outcome(queued)?.member("message") == "cancelled: the engine is shutting down")
        #expect(
            try steps.outcome(parked)?.member("message")
                == "cancelled while it waited for host function 'fetch': the engine is shutting down")
        #expect(try steps.outcome(ended)?.state == .succeeded)
        #expect(steps.core.evals[detached.id] == nil)
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.finish(running) == .end(.shutDown))
        steps.complete(running, .shutDown)
        #expect(try steps.outcome(running)?.state == .cancelled)
        #expect(steps.core.evals.isEmpty)
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func stopping_wakes_all_idle_workers_and_the_watchdog() throws {
        let steps = try SteppedCore(workers: 3)
        for worker in 0..<3 { #expect(steps.take(worker) == nil) }
        steps.stop()
        #expect(steps.actions.wakeWorkers.count == 3)
        #expect(steps.core.crew.idle.isEmpty)
    }

    @Test func workers_leave_when_there_is_nothing_left_to_do() throws {
        let steps = try SteppedCore(warmContexts: 4)
        try steps.start()
        steps.stop()
        for worker in 0...1 {
            guard case .exit = steps.work(worker) else {
                Issue.record("worker \(worker) stays")
                return
            }
        }
    }

    @Test func stopping_wakes_those_who_wait_for_an_eval() throws {
        let steps = try SteppedCore()
        let (eval, _) = try steps.startParked()
        let waiter = Parker()
        steps.addWaiter(waiter, eval)
        steps.stop()
        #expect(steps.actions.wakeWaiters.count == 1)
        #expect(steps.actions.wakeWaiters.first === waiter)
    }

    @Test func answer_before_stop_is_accepted_and_the_eval_still_ends() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        try steps.answer(request)
        steps.stop()
        #expect(steps.take() == nil)
        #expect(try steps.outcome(eval)?.state == .cancelled)
        #expect(steps.core.counts.withdrawn == 0)
    }

    @Test func answer_after_stop_is_rejected() throws {
        let steps = try SteppedCore()
        let (_, request) = try steps.startParked()
        steps.stop()
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.core.counts.answered == 0)
    }

    @Test func a_cancelled_run_stays_cancelled_when_the_engine_stops() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        try steps.cancel(eval)
        steps.stop()
        #expect(steps.actions.stops.isEmpty)
        #expect(steps.finish(eval) == .end(.cancelled))
    }
}
