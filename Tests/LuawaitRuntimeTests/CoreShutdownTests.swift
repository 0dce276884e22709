import Testing

@testable import LuawaitRuntime

/// A graceful end, and threads that wait for something to take.
struct CoreShutdownTests {
    private let parker = Parker()

    // MARK: - Shutting down

    @Test func with_nothing_in_progress_there_is_nothing_to_wait_for() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        steps.finish(eval)
        // Its outcome is unread; that holds up nothing.
        #expect(!steps.shutDown(parker))
        #expect(steps.core.quiescenceWaiters.isEmpty)
        #expect(try steps.outcome(eval)?.state == .succeeded)
    }

    @Test func the_last_end_wakes_it_and_no_end_before() throws {
        let steps = try SteppedCore()
        let (parked, request) = try steps.startParked()
        let running = try steps.startRunning()
        let queued = try steps.start()
        let direct = try steps.start(isDirect: true)
        #expect(steps.shutDown(parker))
        try steps.cancel(queued)
        #expect(steps.wakeUps(of: parker) == 0)
        steps.finish(running)
        #expect(steps.wakeUps(of: parker) == 0)
        #expect(steps.takeDirect(direct))
        steps.finish(direct)
        #expect(steps.wakeUps(of: parker) == 0)
        try steps.answer(request)
        #expect(steps.take() === parked)
        steps.finish(parked)
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(!steps.shutDown(parker))
    }

    @Test func looking_again_does_not_note_it_twice() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        for _ in 0..<3 { #expect(steps.shutDown(parker)) }
        steps.finish(eval)
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(steps.core.quiescenceWaiters.isEmpty)
    }

    @Test func several_may_shut_down_and_all_are_woken() throws {
        let steps = try SteppedCore()
        let other = Parker()
        let eval = try steps.startRunning()
        #expect(steps.shutDown(parker))
        #expect(steps.shutDown(other))
        steps.finish(eval)
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(steps.wakeUps(of: other) == 1)
    }

    @Test func who_gave_up_is_not_woken() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        #expect(steps.shutDown(parker))
        steps.stopWaiting(parker)
        steps.finish(eval)
        #expect(steps.actions.wakeWaiters.isEmpty)
    }

    @Test func losing_patience_cancels_what_is_left_oldest_first() throws {
        let steps = try SteppedCore()
        let (_, _) = try steps.startParked()
        _ = try steps.start()
        #expect(steps.shutDown(parker))
        steps.losePatience()
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(steps.allEvents() == ["finished 1: cancelled", "finished 2: cancelled"])
        #expect(!steps.shutDown(parker))
    }

    @Test func a_script_on_a_thread_is_waited_for_after_patience_is_lost() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        #expect(steps.shutDown(parker))
        steps.losePatience()
        #expect(steps.actions.stops.count == 1)
        #expect(steps.wakeUps(of: parker) == 0)
        #expect(steps.shutDown(parker))
        #expect(steps.finish(eval) == .end(.shutDown))
        #expect(steps.wakeUps(of: parker) == 0)
        steps.complete(eval, .shutDown)
        #expect(steps.wakeUps(of: parker) == 1)
    }

    @Test func something_to_run_wakes_a_thread_that_shuts_down_a_host_run_engine() throws {
        let steps = try SteppedCore(executor: .host)
        let eval = try steps.start()
        #expect(steps.takeReady() === eval)
        steps.park(eval)
        #expect(!steps.endRun())
        #expect(steps.shutDown(parker))
        try steps.answer(RequestID(1))
        #expect(steps.wakeUps(of: parker) == 1)
    }

    // MARK: - Shutdown and start, in both orders

    @Test func start_before_shutdown_is_waited_for() throws {
        let steps = try SteppedCore()
        let eval = try steps.startAdmitted()
        #expect(steps.shutDown(parker))
        #expect(steps.take() === eval)
        steps.park(eval)
        try steps.answer(RequestID(1))
        #expect(steps.take() === eval)
        steps.finish(eval)
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(try steps.outcome(eval)?.state == .succeeded)
    }

    @Test func start_after_shutdown_is_refused() throws {
        let steps = try SteppedCore()
        #expect(!steps.shutDown(parker))
        #expect(try errorOf { try steps.startAdmitted() }.kind == .shutdown)
        #expect(steps.core.counts.started == 0)
        #expect(steps.core.liveCount == 0)
    }

    // MARK: - Shutdown and answer, in both orders

    @Test func answer_before_patience_is_lost_is_accepted_and_the_eval_still_ends() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        #expect(steps.shutDown(parker))
        try steps.answer(request)
        steps.losePatience()
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(steps.core.counts.answered == 1)
        #expect(steps.core.counts.withdrawn == 0)
        #expect(try steps.outcome(eval)?.state == .cancelled)
        #expect(steps.take() == nil)
    }

    @Test func answer_after_patience_was_lost_is_rejected() throws {
        let steps = try SteppedCore()
        let (_, request) = try steps.startParked()
        #expect(steps.nextEvent() == "request 1 of 1")
        #expect(steps.shutDown(parker))
        steps.losePatience()
        #expect(try errorOf { try steps.answer(request) }.kind == .notFound)
        #expect(steps.allEvents() == ["withdrawn 1 of 1", "finished 1: cancelled"])
    }

    // MARK: - Waiting for anything

    @Test func there_is_no_waiting_while_something_is_there() throws {
        let steps = try SteppedCore()
        _ = try steps.startParked()
        #expect(!steps.waitForEvent(parker))
        #expect(steps.core.mailbox.waiters.isEmpty)
    }

    enum Coming: CaseIterable {
        case request, finished, withdrawn, output, work
    }

    @Test(arguments: Coming.allCases) func whatever_comes_wakes_all_who_wait_once(coming: Coming) throws {
        let steps = try SteppedCore(executor: coming == .work ? .host : .threads)
        let other = Parker()
        var eval: Eval?
        if coming != .work { eval = try steps.startRunning(#"{"timeout_ms": 0}"#) }
        if coming == .withdrawn {
            steps.park(eval!, timeout: 5)
            _ = steps.nextEvent()
            steps.advance(milliseconds: 5)
        }
        #expect(steps.waitForEvent(parker))
        #expect(steps.waitForEvent(parker))
        #expect(steps.waitForEvent(other))
        switch coming {
        case .request: steps.park(eval!)
        case .finished: steps.finish(eval!)
        case .withdrawn: steps.fireTimers()
        case .output: steps.print("hello", from: eval!)
        case .work: try steps.start()
        }
        #expect(steps.wakeUps(of: parker) == 1)
        #expect(steps.wakeUps(of: other) == 1)
        #expect(!steps.waitForEvent(parker))
    }

    @Test func who_waits_again_because_another_was_quicker_is_woken_by_the_next() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        #expect(steps.waitForEvent(parker))
        steps.print("one", from: eval)
        #expect(steps.wakeUps(of: parker) == 1)
        _ = steps.nextEvent()
        #expect(steps.waitForEvent(parker))
        steps.print("two", from: eval)
        #expect(steps.wakeUps(of: parker) == 1)
    }

    // MARK: - Waiting and the time being up, in both orders

    @Test func an_event_after_the_time_was_up_wakes_nobody() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        #expect(steps.waitForEvent(parker))
        steps.stopWaiting(parker)
        #expect(steps.core.mailbox.waiters.isEmpty)
        steps.print("late", from: eval)
        #expect(steps.actions.wakeWaiters.isEmpty)
        #expect(steps.actions.notify)
    }

    @Test func an_event_before_the_time_was_up_is_found_by_the_last_look() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        #expect(steps.waitForEvent(parker))
        steps.print("in time", from: eval)
        #expect(!steps.waitForEvent(parker))
        steps.stopWaiting(parker)
        #expect(steps.allEvents() == ["output 1: in time"])
    }

    @Test func giving_up_leaves_the_others_waiting() throws {
        let steps = try SteppedCore()
        let other = Parker()
        let eval = try steps.startRunning()
        #expect(steps.waitForEvent(parker))
        #expect(steps.waitForEvent(other))
        steps.stopWaiting(parker)
        steps.print("hello", from: eval)
        #expect(steps.wakeUps(of: parker) == 0)
        #expect(steps.wakeUps(of: other) == 1)
    }
}
