import Testing

@testable import LuawaitRuntime

/// Two calls of different threads that meet, in both orders. Cancelling has its own in `CoreCancellingTests`, shutting
/// down in `CoreShutdownTests`, wakers in `CoreWakerTests`.
struct CoreRaceTests {
    private let steps: SteppedCore

    init() throws {
        steps = try SteppedCore()
    }

    // MARK: - Cancel and finish

    @Test func cancel_after_finish_changes_nothing_and_is_no_error() throws {
        let eval = try steps.startRunning()
        #expect(steps.finish(eval) == .proceed)
        try steps.cancel(eval)
        #expect(steps.actions.stops.isEmpty)
        #expect(!steps.actions.notify)
        #expect(steps.core.counts.cancelled == 0)
        #expect(steps.allEvents() == ["finished 1: succeeded"])
    }

    @Test func cancel_between_finish_and_complete_changes_nothing() throws {
        let eval = try steps.startRunning()
        try steps.cancel(eval)
        #expect(steps.finish(eval) == .end(.cancelled))
        try steps.cancel(eval)
        #expect(steps.actions.stops.isEmpty)
        steps.complete(eval, .cancelled)
        #expect(steps.core.counts.cancelled == 1)
        #expect(steps.allEvents() == ["finished 1: cancelled"])
    }

    // MARK: - Time-outs and answers

    @Test func answer_after_the_calls_timeout_is_rejected() throws {
        let eval = try steps.startRunning()
        steps.park(eval, timeout: 5)
        _ = steps.takeRequest()
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(try errorOf { try steps.answer(RequestID(1)) }.kind == .notFound)
        #expect(steps.core.counts.answered == 0)
        #expect(steps.core.counts.withdrawn == 1)
        #expect(steps.take() === eval)
        guard case .timeout = eval.answer else {
            Issue.record("the script is not told of the time-out")
            return
        }
        #expect(steps.take() == nil)
    }

    @Test func the_calls_timeout_after_the_answer_does_nothing() throws {
        let eval = try steps.startRunning()
        steps.park(eval, timeout: 5)
        steps.advance(milliseconds: 5)
        try steps.answer(RequestID(1))
        steps.fireTimers()
        #expect(steps.core.counts.answered == 1)
        #expect(steps.core.counts.withdrawn == 0)
        #expect(steps.take() === eval)
        guard case .result = eval.answer else {
            Issue.record("the answer is lost")
            return
        }
        #expect(steps.take() == nil)
    }

    @Test func an_old_calls_timeout_does_not_reach_the_next_call() throws {
        let eval = try steps.startRunning()
        steps.park(eval, timeout: 5)
        try steps.answer(RequestID(1))
        #expect(steps.take() === eval)
        steps.park(eval, timeout: 100)
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(steps.core.mailbox.requests.openCount == 1)
        #expect(steps.take() == nil)
    }

    @Test func answer_after_the_evals_timeout_is_rejected() throws {
        let (eval, request) = try steps.startParked(#"{"timeout_ms": 5}"#)
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(try steps.outcome(eval)?.member("type") == "timeout")
        #expect(steps.core.counts.answered == 0)
    }

    @Test func the_evals_timeout_after_the_answer_ends_it_before_it_runs_again() throws {
        let (eval, request) = try steps.startParked(#"{"timeout_ms": 5}"#)
        steps.advance(milliseconds: 5)
        try steps.answer(request)
        steps.fireTimers()
        #expect(steps.take() == nil)
        #expect(try steps.outcome(eval)?.member("type") == "timeout")
        #expect(steps.core.counts.answered == 1)
        #expect(steps.core.counts.withdrawn == 0)
    }

    @Test(arguments: [false, true]) func of_both_timeouts_due_at_once_the_evals_one_ends_it(isCallFirst: Bool) throws {
        let eval = try steps.startRunning(#"{"timeout_ms": 5}"#)
        steps.advance(milliseconds: isCallFirst ? 0 : 1)
        steps.park(eval, timeout: 4)
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(steps.allEvents() == ["finished 1: failed"])
        #expect(steps.core.counts.withdrawn == 1)
        #expect(steps.take() == nil)
        #expect(steps.core.timers.count == 0)
    }

    // MARK: - Withdrawing and taking

    @Test func take_after_withdrawal_finds_nothing() throws {
        let (eval, _) = try steps.startParked()
        try steps.cancel(eval)
        #expect(steps.takeRequest() == nil)
        #expect(steps.nextEvent() == "finished 1: cancelled")
        #expect(steps.nextEvent() == nil)
    }

    @Test func withdrawal_after_take_is_told_to_those_who_take_events() throws {
        let (first, _) = try steps.startParked()
        #expect(steps.takeRequest() != nil)
        let (second, _) = try steps.startParked()
        #expect(steps.nextEvent() == "request 2 of 2")
        try steps.cancel(first)
        try steps.cancel(second)
        #expect(steps.allEvents() == ["finished 1: cancelled", "withdrawn 2 of 2", "finished 2: cancelled"])
    }

    @Test func a_request_withdrawn_while_it_could_not_be_copied_is_gone() throws {
        let (eval, _) = try steps.startParked()
        #expect(throws: CallError.self) {
            _ = try steps.takeRequest { _ throws(CallError) -> Int in throw .outOfMemory }
        }
        try steps.cancel(eval)
        #expect(steps.takeRequest() == nil)
        #expect(steps.core.mailbox.requests.pendingCount == 0)
    }

    // MARK: - Two ways to take one thing

    @Test func a_request_taken_as_an_event_is_not_pending() throws {
        _ = try steps.startParked()
        #expect(steps.nextEvent() == "request 1 of 1")
        #expect(steps.takeRequest() == nil)
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func a_pending_request_that_was_taken_is_no_event() throws {
        _ = try steps.startParked()
        let (second, _) = try steps.startParked()
        #expect(steps.takeRequest()?.request == RequestID(1))
        #expect(steps.nextEvent() == "request 2 of \(second.id.value)")
        #expect(steps.nextEvent() == nil)
    }

    @Test func both_ways_in_turn_hand_out_each_request_once_and_in_order() throws {
        for _ in 0..<6 { _ = try steps.startParked() }
        #expect(steps.nextEvent() == "request 1 of 1")
        #expect(steps.takeRequest()?.request == RequestID(2))
        #expect(steps.takeRequest()?.request == RequestID(3))
        #expect(steps.nextEvent() == "request 4 of 4")
        #expect(steps.takeRequest()?.request == RequestID(5))
        #expect(steps.nextEvent() == "request 6 of 6")
        #expect(steps.takeRequest() == nil)
        #expect(steps.nextEvent() == nil)
    }

    @Test func poll_after_the_event_finds_no_such_eval() throws {
        let eval = try steps.startRunning()
        steps.finish(eval)
        #expect(steps.nextEvent() == "finished 1: succeeded")
        #expect(try errorOf { _ = try steps.outcome(eval) }.kind == .notFound)
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func an_outcome_that_was_polled_is_no_event() throws {
        let (first, second) = (try steps.startRunning(), try steps.startRunning())
        steps.finish(first)
        steps.finish(second)
        #expect(try steps.outcome(first)?.state == .succeeded)
        #expect(steps.allEvents() == ["finished 2: succeeded"])
        #expect(try errorOf { _ = try steps.outcome(second) }.kind == .notFound)
    }

    // MARK: - Stopping against the host's calls

    @Test func start_after_stop_is_refused_and_before_it_ends_as_cancelled() throws {
        let eval = try steps.startAdmitted()
        steps.stop()
        #expect(try errorOf { try steps.startAdmitted() }.kind == .shutdown)
        #expect(steps.allEvents() == ["finished \(eval.id.value): cancelled"])
    }

    @Test func cancel_after_stop_changes_nothing_and_before_it_is_the_reason() throws {
        let (before, after) = (try steps.startRunning(), try steps.startRunning())
        try steps.cancel(before)
        steps.stop()
        try steps.cancel(after)
        #expect(steps.actions.stops.isEmpty)
        #expect(steps.finish(before) == .end(.cancelled))
        #expect(steps.finish(after) == .end(.shutDown))
    }

    @Test func poll_after_stop_finds_the_outcome_and_before_it_none() throws {
        let (eval, _) = try steps.startParked()
        #expect(try steps.outcome(eval) == nil)
        steps.stop()
        #expect(try steps.outcome(eval)?.state == .cancelled)
        #expect(try errorOf { _ = try steps.outcome(eval) }.kind == .notFound)
    }

    @Test func a_script_that_parks_or_is_sliced_after_stop_ends() throws {
        let (parking, sliced) = (try steps.startRunning(), try steps.startRunning())
        steps.stop()
        #expect(steps.park(parking) == .end(.shutDown))
        #expect(steps.slice(sliced) == .end(.shutDown))
        #expect(steps.core.mailbox.requests.postedCount == 0)
        #expect(steps.take() == nil)
    }

    // MARK: - Waiting for an eval, and the time being up

    @Test func an_end_after_the_time_was_up_wakes_nobody() throws {
        let (eval, parker) = (try steps.startRunning(), Parker())
        steps.addWaiter(parker, eval)
        steps.removeWaiter(parker, eval)
        steps.finish(eval)
        #expect(steps.actions.wakeWaiters.isEmpty)
        #expect(try steps.outcome(eval)?.state == .succeeded)
    }

    @Test func an_end_before_the_time_was_up_wakes_it_once_and_giving_up_is_harmless() throws {
        let (eval, parker) = (try steps.startRunning(), Parker())
        steps.addWaiter(parker, eval)
        steps.finish(eval)
        #expect(steps.wakeUps(of: parker) == 1)
        steps.removeWaiter(parker, eval)
        #expect(try steps.outcome(eval)?.state == .succeeded)
    }

    @Test func giving_up_leaves_those_who_wait_for_the_same_eval() throws {
        let (eval, parker, other) = (try steps.startRunning(), Parker(), Parker())
        steps.addWaiter(parker, eval)
        steps.addWaiter(other, eval)
        steps.removeWaiter(parker, eval)
        steps.finish(eval)
        #expect(steps.wakeUps(of: parker) == 0)
        #expect(steps.wakeUps(of: other) == 1)
    }
}
