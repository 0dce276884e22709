import Testing

@testable import LuawaitRuntime

struct CoreTimerTests {
    @Test func a_queued_eval_times_out() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"timeout_ms": 50}"#)
        steps.advance(milliseconds: 49)
        steps.fireTimers()
        #expect(try steps.outcome(eval) == nil)
        steps.advance(milliseconds: 1)
        steps.fireTimers()
        let outcome = try #require(try steps.outcome(eval))
        #expect(outcome.state == .failed)
        #expect(try outcome.member("type") == "timeout")
        #expect(try outcome.member("message") == "took longer than 50 ms (timeout_ms)")
        #expect(steps.take() == nil)
    }

    @Test func a_parked_eval_that_times_out_names_the_function_it_waited_for() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked(#"{"timeout_ms": 50}"#)
        steps.advance(milliseconds: 50)
        steps.fireTimers()
        let outcome = try #require(try steps.outcome(eval))
        #expect(
            try outcome.member("message")
                == "took longer than 50 ms (timeout_ms) while it waited for host function 'fetch'")
        #expect(try outcome.member("function") == "fetch")
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.takeRequest() == nil)
        #expect(steps.core.counts.withdrawn == 1)
        #expect(steps.core.timers.count == 0)
    }

    @Test func a_running_eval_that_times_out_is_stopped() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"timeout_ms": 50}"#)
        _ = steps.take(1)
        let ticket = steps.ticket
        steps.advance(milliseconds: 50)
        steps.fireTimers()
        #expect(steps.actions.stops.map(\.ticket) == [ticket])
        #expect(steps.actions.stops.first?.slot === steps.workers[1].slot)
        #expect(steps.finish(eval) == .end(.timedOut))
    }

    @Test func the_end_of_an_eval_voids_its_timer() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"timeout_ms": 50}"#)
        #expect(steps.core.timers.count == 1)
        _ = steps.take()
        steps.finish(eval)
        #expect(steps.core.timers.count == 0)
        steps.advance(milliseconds: 50)
        steps.fireTimers()
        #expect(try steps.outcome(eval)?.state == .succeeded)
        #expect(steps.core.timers.storedCount == 0)
    }

    @Test func a_host_call_that_times_out_is_an_answer_that_the_script_can_catch() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked(#"{"call_timeout_ms": 20}"#)
        #expect(steps.takeRequest()?.request == request)
        steps.advance(milliseconds: 20)
        steps.fireTimers()
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.take() === eval)
        guard case .timeout(let message)? = eval.answer else {
            Issue.record("the script is not told of the timeout")
            return
        }
        #expect(message.string == "host function 'fetch' did not answer within 20 ms")
        #expect(steps.finish(eval) == .proceed)
        #expect(steps.core.counts.withdrawn == 1)
    }

    @Test func a_pending_request_that_times_out_is_not_handed_out() throws {
        let steps = try SteppedCore()
        _ = try steps.startParked(#"{"call_timeout_ms": 20}"#)
        #expect(steps.core.mailbox.gate.available == 1)
        steps.advance(milliseconds: 20)
        steps.fireTimers()
        #expect(steps.core.mailbox.gate.available == 0)
        #expect(steps.takeRequest() == nil)
    }

    @Test func an_answer_in_time_voids_the_calls_timer() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked(#"{"call_timeout_ms": 20}"#)
        try steps.answer(request)
        #expect(steps.core.timers.count == 0)
        steps.advance(milliseconds: 20)
        steps.fireTimers()
        guard case .result? = eval.answer else {
            Issue.record("the timeout has replaced the answer")
            return
        }
    }

    @Test func the_functions_own_timeout_goes_before_the_evals() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"call_timeout_ms": 20}"#)
        _ = steps.take()
        steps.park(eval, at: "slow", timeout: 500)
        steps.advance(milliseconds: 499)
        steps.fireTimers()
        #expect(steps.take() == nil)
        steps.advance(milliseconds: 1)
        steps.fireTimers()
        #expect(steps.take() === eval)
        guard case .timeout(let message)? = eval.answer else {
            Issue.record("the script is not told of the timeout")
            return
        }
        #expect(message.string == "host function 'slow' did not answer within 500 ms")
    }

    @Test func a_timeout_of_0_is_none() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(#"{"call_timeout_ms": 20, "timeout_ms": 0}"#)
        _ = steps.take()
        steps.park(eval, timeout: 0)
        #expect(steps.core.timers.count == 0)
        #expect(steps.fireTimers() == .distantFuture)
    }

    @Test func of_two_timers_due_at_once_the_older_goes_first() throws {
        let steps = try SteppedCore()
        // The eval's timer is older than the call's, so the script is not told of the call's.
        let (eval, _) = try steps.startParked(#"{"timeout_ms": 20, "call_timeout_ms": 20}"#)
        steps.advance(milliseconds: 20)
        steps.fireTimers()
        #expect(eval.answer == nil)
        #expect(try steps.outcome(eval)?.member("type") == "timeout")
    }

    @Test func the_watchdog_is_woken_only_for_a_sooner_deadline() throws {
        let steps = try SteppedCore()
        try steps.start(#"{"timeout_ms": 1000}"#)
        #expect(steps.actions.nextDeadline != nil)
        try steps.start(#"{"timeout_ms": 1000}"#)
        #expect(steps.actions.nextDeadline == nil)
        try steps.start(#"{"timeout_ms": 2000}"#)
        #expect(steps.actions.nextDeadline == nil)
        try steps.start(#"{"timeout_ms": 999}"#)
        #expect(steps.actions.nextDeadline != nil)
    }

    @Test func firing_tells_when_to_come_back() throws {
        let steps = try SteppedCore()
        #expect(steps.fireTimers() == .distantFuture)
        try steps.start(#"{"timeout_ms": 30}"#)
        try steps.start(#"{"timeout_ms": 10}"#)
        #expect(steps.fireTimers() == steps.now.advanced(milliseconds: 10))
        steps.advance(milliseconds: 10)
        #expect(steps.fireTimers() == steps.now.advanced(milliseconds: 20))
        steps.advance(milliseconds: 20)
        #expect(steps.fireTimers() == .distantFuture)
    }

    @Test func host_calls_answered_at_once_do_not_pile_up_timers() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        for call in 1...500 as ClosedRange<UInt64> {
            _ = steps.take()
            steps.park(eval)
            try steps.answer(RequestID(call))
            #expect(steps.core.timers.count == 0)
            #expect(steps.core.timers.storedCount <= 66)
        }
    }
}
