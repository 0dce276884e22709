import Testing

@testable import LuawaitRuntime

struct CoreCancellingTests {
    @Test func cancelling_a_queued_eval_ends_it_without_running_it() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        try steps.cancel(eval)
        #expect(steps.actions.notify)
        #expect(steps.actions.stops.isEmpty)
        let outcome = try #require(try steps.outcome(eval))
        #expect(outcome.state == .cancelled)
        #expect(outcome.json == #"{"type":"cancelled","message":"cancelled"}"#)
        #expect(steps.take() == nil)
    }

    @Test func cancelling_a_parked_eval_withdraws_its_request() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        try steps.cancel(eval)
        #expect(steps.takeRequest() == nil)
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        let outcome = try #require(try steps.outcome(eval))
        #expect(try outcome.member("message") == "cancelled while it waited for host function 'fetch'")
        #expect(try outcome.member("function") == "fetch")
        #expect(steps.core.counts.withdrawn == 1)
        #expect(steps.core.timers.count == 0)
    }

    @Test func cancelling_a_running_eval_stops_the_run_on_its_thread() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take(1)
        let ticket = steps.ticket
        try steps.cancel(eval)
        #expect(steps.actions.stops.map(\.ticket) == [ticket])
        #expect(steps.actions.stops.first?.slot === steps.workers[1].slot)
        #expect(!steps.actions.notify)
        try steps.cancel(eval)
        #expect(steps.actions.stops.isEmpty)
    }

    @Test func cancelling_an_ended_eval_leaves_its_outcome() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        steps.finish(eval)
        try steps.cancel(eval)
        #expect(try steps.outcome(eval)?.state == .succeeded)
        #expect(try errorOf { try steps.cancel(eval) }.kind == .notFound)
    }

    @Test(arguments: [0, 2, UInt64.max]) func an_unknown_eval_cannot_be_cancelled(id: UInt64) throws {
        let steps = try SteppedCore()
        try steps.start()
        var actions = Actions()
        #expect(throws: CallError.self) { try steps.core.cancel(EvalID(id), &actions) }
        #expect(steps.core.counts.cancelled == 0)
    }

    // MARK: - Races, in both orders

    @Test func answer_after_cancel_is_rejected() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        _ = steps.takeRequest()
        try steps.cancel(eval)
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.core.counts.answered == 0)
        #expect(try steps.outcome(eval)?.state == .cancelled)
    }

    @Test func cancel_after_answer_ends_the_eval_before_it_runs_again() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        try steps.answer(request)
        try steps.cancel(eval)
        #expect(steps.take() == nil)
        #expect(steps.core.counts.answered == 1)
        #expect(steps.core.counts.withdrawn == 0)
        #expect(try steps.outcome(eval)?.json == #"{"type":"cancelled","message":"cancelled"}"#)
    }

    @Test func finish_after_cancel_is_told_that_it_was_cancelled() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        try steps.cancel(eval)
        #expect(steps.finish(eval) == .end(.cancelled))
        steps.complete(eval, .cancelled)
        #expect(steps.core.counts.succeeded == 0)
        #expect(try steps.outcome(eval)?.state == .cancelled)
    }

    @Test func park_after_cancel_posts_no_request() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        try steps.cancel(eval)
        #expect(steps.park(eval) == .end(.cancelled))
        #expect(steps.core.mailbox.requests.postedCount == 0)
        #expect(steps.core.timers.count == 0)
        #expect(!steps.actions.notify)
    }

    @Test func slice_after_cancel_does_not_queue_it_again() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        try steps.cancel(eval)
        #expect(steps.slice(eval) == .end(.cancelled))
        #expect(steps.take() == nil)
    }

    @Test func cancel_after_slice_ends_it_in_the_queue() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        _ = steps.take()
        steps.slice(eval)
        try steps.cancel(eval)
        #expect(steps.actions.stops.isEmpty)
        #expect(steps.take() == nil)
        #expect(try steps.outcome(eval)?.state == .cancelled)
    }

    @Test func take_after_cancel_skips_to_the_next() throws {
        let steps = try SteppedCore()
        let cancelled = try steps.start()
        let next = try steps.start()
        try steps.cancel(cancelled)
        #expect(steps.take() === next)
    }

    @Test func cancel_after_timeout_and_timeout_after_cancel_keep_the_first_reason() throws {
        let steps = try SteppedCore()
        let late = try steps.start(#"{"timeout_ms": 5}"#)
        let unwanted = try steps.start(#"{"timeout_ms": 5}"#)
        _ = steps.take(0)
        _ = steps.take(1)
        try steps.cancel(unwanted)
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(steps.actions.stops.count == 1)
        try steps.cancel(late)
        #expect(steps.actions.stops.isEmpty)
        #expect(steps.finish(late) == .end(.timedOut))
        #expect(steps.finish(unwanted) == .end(.cancelled))
    }
}
