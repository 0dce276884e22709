import Testing

@testable import LuawaitRuntime

struct CoreEventTests {
    @Test func each_kind_is_an_event_and_they_come_in_their_order() throws {
        let steps = try SteppedCore()
        let (waiting, _) = try steps.startParked()
        let talking = try steps.startRunning()
        steps.print("one", from: talking)
        #expect(steps.nextEvent() == "request 1 of 1")
        steps.finish(talking)
        try steps.cancel(waiting)
        let last = try steps.startRunning()
        steps.print("two", from: last)
        #expect(
            steps.allEvents() == [
                "output 2: one", "finished 2: succeeded", "withdrawn 1 of 1", "finished 1: cancelled", "output 3: two",
            ])
        #expect(steps.core.mailbox.gate.available == 0)
        #expect(steps.core.mailbox.events.storedCount == 0)
    }

    @Test func a_request_event_has_what_a_request_has() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        guard case .request(let handover) = try #require(steps.step({ core, _ in core.nextEvent() })) else {
            Issue.record("another kind")
            return
        }
        #expect(handover.request == request)
        #expect(handover.eval == eval.id)
        #expect(handover.function.name == "fetch")
        #expect(handover.args?.string == "[1]")
        try steps.answer(request)
        #expect(steps.take() === eval)
    }

    @Test func a_look_that_finds_no_event_arms_the_notifier_again() throws {
        let steps = try SteppedCore()
        _ = try steps.startParked()
        #expect(steps.actions.notify)
        _ = try steps.startParked()
        #expect(!steps.actions.notify)
        #expect(steps.allEvents().count == 2)
        _ = try steps.startParked()
        #expect(steps.actions.notify)
    }

    @Test func one_event_taken_of_several_does_not_arm_the_notifier() throws {
        let steps = try SteppedCore()
        _ = try steps.startParked()
        _ = try steps.startParked()
        _ = steps.nextEvent()
        _ = try steps.startParked()
        #expect(!steps.actions.notify)
    }

    // MARK: - Withdrawn

    @Test func a_call_that_times_out_after_it_was_an_event_is_withdrawn_as_one() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        steps.park(eval, timeout: 5)
        #expect(steps.nextEvent() == "request 1 of 1")
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(steps.actions.notify)
        #expect(steps.allEvents() == ["withdrawn 1 of 1"])
        #expect(steps.take() === eval)
    }

    @Test func an_eval_that_times_out_withdraws_before_it_ends() throws {
        let steps = try SteppedCore()
        let (_, _) = try steps.startParked(#"{"timeout_ms": 5}"#)
        _ = steps.nextEvent()
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(steps.allEvents() == ["withdrawn 1 of 1", "finished 1: failed"])
    }

    @Test func a_request_taken_one_by_one_is_withdrawn_silently() throws {
        let steps = try SteppedCore()
        let (eval, _) = try steps.startParked()
        #expect(steps.takeRequest() != nil)
        try steps.cancel(eval)
        #expect(steps.allEvents() == ["finished 1: cancelled"])
    }

    @Test func a_request_nobody_has_seen_is_withdrawn_silently() throws {
        let steps = try SteppedCore()
        let (eval, _) = try steps.startParked()
        try steps.cancel(eval)
        #expect(steps.allEvents() == ["finished 1: cancelled"])
        #expect(steps.core.counts.withdrawn == 1)
    }

    @Test func an_answered_request_is_not_withdrawn() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        _ = steps.nextEvent()
        try steps.answer(request)
        try steps.cancel(eval)
        #expect(steps.allEvents() == ["finished 1: cancelled"])
    }

    @Test func a_detached_evals_request_is_withdrawn_too() throws {
        let steps = try SteppedCore()
        let (eval, _) = try steps.startParked(#"{"detached": true}"#)
        _ = steps.nextEvent()
        try steps.cancel(eval)
        #expect(steps.allEvents() == ["withdrawn 1 of 1"])
    }

    // MARK: - What is no event

    @Test func a_detached_evals_end_is_no_event() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning(#"{"detached": true}"#)
        steps.print("heard", from: eval)
        steps.finish(eval)
        #expect(steps.allEvents() == ["output 1: heard"])
    }

    @Test func the_end_of_an_eval_on_the_hosts_thread_is_no_event() throws {
        let steps = try SteppedCore()
        let eval = try steps.start(isDirect: true)
        #expect(steps.takeDirect(eval))
        steps.finish(eval)
        #expect(steps.allEvents().isEmpty)
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func something_to_run_is_no_event_but_something_to_do() throws {
        let steps = try SteppedCore(executor: .host)
        try steps.start()
        #expect(steps.actions.notify)
        #expect(steps.core.mailbox.gate.available == 1)
        #expect(steps.nextEvent() == nil)
        #expect(steps.core.mailbox.gate.available == 1)
    }

    // MARK: - Growth

    @Test func a_host_that_only_polls_does_not_pay_for_the_order_of_events() throws {
        let steps = try SteppedCore()
        for _ in 0..<100 {
            let (eval, request) = try steps.startParked()
            _ = steps.takeRequest()
            try steps.answer(request)
            #expect(steps.take() === eval)
            steps.finish(eval)
            #expect(try steps.outcome(eval) != nil)
        }
        #expect(steps.core.mailbox.events.storedCount <= 65)
        #expect(steps.allEvents().isEmpty)
        #expect(steps.core.mailbox.events.storedCount == 0)
    }

    @Test func lines_and_withdrawals_that_nobody_has_read_outlive_every_sweep() throws {
        let steps = try SteppedCore()
        let (cancelled, _) = try steps.startParked()
        _ = steps.nextEvent()
        try steps.cancel(cancelled)
        _ = try steps.outcome(cancelled)
        let talking = try steps.startRunning()
        for number in 1...3 { steps.print("line \(number)", from: talking) }
        for _ in 0..<100 {
            let eval = try steps.startRunning()
            steps.finish(eval)
            _ = try steps.outcome(eval)
        }
        #expect(steps.core.mailbox.events.storedCount <= 65)
        #expect(
            steps.allEvents() == ["withdrawn 1 of 1", "output 2: line 1", "output 2: line 2", "output 2: line 3"])
    }
}
