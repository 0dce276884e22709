import Testing

@testable import LuawaitRuntime

/// Limits on what may be waiting: each at its boundary, and when there is room again.
struct CoreAdmissionTests {
    private func stepped(
        executor: EngineConfig.Executor = .threads, _ set: (inout QueueLimits) -> Void
    ) throws -> SteppedCore {
        var limits = QueueLimits()
        set(&limits)
        return try SteppedCore(executor: executor, limits: limits)
    }

    private func refusal(_ steps: SteppedCore) throws -> CallError {
        try errorOf { try steps.startAdmitted() }
    }

    // MARK: - max_evals

    @Test func evals_in_progress_are_limited_and_an_end_makes_room() throws {
        let steps = try stepped { $0.evals = 2 }
        let first = try steps.startAdmitted()
        try steps.startAdmitted()
        let error = try refusal(steps)
        #expect(error.kind == .limit)
        #expect(error.message == "2 evals in progress (max_evals)")
        #expect(steps.take() === first)
        #expect(throws: CallError.self) { try steps.startAdmitted() }
        // Its outcome has not been taken, but it has ended.
        steps.finish(first)
        try steps.startAdmitted()
        #expect(try refusal(steps).kind == .limit)
    }

    @Test func a_parked_eval_counts_until_it_is_cancelled() throws {
        let steps = try stepped { $0.evals = 1 }
        let (eval, _) = try steps.startParked()
        #expect(try refusal(steps).kind == .limit)
        try steps.cancel(eval)
        try steps.startAdmitted()
    }

    @Test func a_condemned_run_counts_until_its_thread_has_left() throws {
        let steps = try stepped { $0.evals = 1 }
        let eval = try steps.startRunning()
        try steps.cancel(eval)
        #expect(try refusal(steps).kind == .limit)
        steps.finish(eval)
        steps.complete(eval, .cancelled)
        try steps.startAdmitted()
    }

    @Test func a_detached_eval_counts_and_makes_room() throws {
        let steps = try stepped { $0.evals = 1 }
        let eval = try steps.startRunning(#"{"detached": true}"#)
        #expect(try refusal(steps).kind == .limit)
        steps.finish(eval)
        try steps.startAdmitted()
    }

    // MARK: - max_queued

    @Test func evals_queued_are_limited_and_one_taken_makes_room() throws {
        let steps = try stepped { $0.queued = 2 }
        try steps.startAdmitted()
        try steps.startAdmitted()
        let error = try refusal(steps)
        #expect(error.kind == .limit)
        #expect(error.message == "2 evals queued (max_queued)")
        _ = steps.take()
        try steps.startAdmitted()
        #expect(try refusal(steps).kind == .limit)
    }

    @Test func a_queued_eval_that_was_cancelled_makes_room_before_its_turn_comes() throws {
        let steps = try stepped { $0.queued = 1 }
        for _ in 0..<3 {
            let eval = try steps.startAdmitted()
            #expect(try refusal(steps).kind == .limit)
            try steps.cancel(eval)
        }
        let last = try steps.startAdmitted()
        #expect(try refusal(steps).kind == .limit)
        #expect(steps.take() === last)
        try steps.startAdmitted()
    }

    @Test func evals_that_were_answered_or_sliced_are_queued_too_and_never_refused() throws {
        let steps = try stepped { $0.queued = 1 }
        let (parked, request) = try steps.startParked()
        let running = try steps.startRunning()
        try steps.answer(request)
        #expect(try refusal(steps).message == "1 evals queued (max_queued)")
        #expect(steps.slice(running) == .proceed)
        #expect(try refusal(steps).message == "2 evals queued (max_queued)")
        #expect(steps.take() === parked)
        #expect(steps.take() === running)
        try steps.startAdmitted()
    }

    // MARK: - max_requests

    @Test func a_call_too_many_is_refused_in_the_script_and_an_answer_makes_room() throws {
        let steps = try stepped { $0.requests = 1 }
        let (_, request) = try steps.startParked()
        let eval = try steps.startRunning()
        #expect(steps.park(eval, at: "send") == .proceed)
        #expect(steps.core.mailbox.requests.postedCount == 1)
        guard case .refused(let message) = eval.answer else {
            Issue.record("\(String(describing: eval.answer)) is no refusal")
            return
        }
        #expect(message.string == "send: 1 requests wait for their answers (max_requests)")
        // The script may catch it and try again. A request that was taken counts as long as nobody has answered it.
        _ = steps.takeRequest()
        #expect(steps.take() === eval)
        #expect(steps.park(eval) == .proceed)
        #expect(steps.core.mailbox.requests.postedCount == 1)
        try steps.answer(request)
        _ = steps.take()
        _ = steps.take()
        steps.park(eval)
        #expect(steps.core.mailbox.requests.postedCount == 2)
        #expect(steps.takeRequest()?.eval == eval.id)
    }

    @Test func a_refused_call_goes_on_as_an_answered_one_and_not_as_a_slice_that_is_over() throws {
        let steps = try stepped { $0.requests = 1 }
        try steps.startParked()
        let sliced = try steps.startRunning()
        let refused = try steps.startRunning()
        _ = steps.slice(sliced)
        #expect(steps.park(refused) == .proceed)
        #expect(steps.take() === refused)
        #expect(steps.take() === sliced)
    }

    @Test func a_withdrawn_request_makes_room() throws {
        let steps = try stepped { $0.requests = 1 }
        let (parked, _) = try steps.startParked()
        let eval = try steps.startRunning()
        try steps.cancel(parked)
        steps.park(eval)
        #expect(steps.core.mailbox.requests.postedCount == 2)
    }

    @Test func a_call_too_many_of_a_condemned_eval_ends_it() throws {
        let steps = try stepped { $0.requests = 1 }
        _ = try steps.startParked()
        let eval = try steps.startRunning()
        try steps.cancel(eval)
        #expect(steps.park(eval) == .end(.cancelled))
        #expect(steps.take() == nil)
    }

    // MARK: - max_unread

    @Test func events_unread_refuse_no_start_and_no_line() throws {
        let steps = try stepped { $0.unread = 1 }
        for _ in 0..<3 {
            _ = try steps.startParked()
            let eval = try steps.startRunning()
            steps.finish(eval)
        }
        let eval = try steps.startRunning()
        #expect(steps.print("one", from: eval))
        #expect(!steps.print("two", from: eval))
        try steps.startAdmitted()
    }

    @Test func a_line_too_many_is_refused_and_one_read_makes_room() throws {
        let steps = try stepped { $0.unread = 2 }
        let eval = try steps.startRunning()
        #expect(steps.print("one", from: eval))
        #expect(steps.print("two", from: eval))
        #expect(!steps.print("three", from: eval))
        try steps.startAdmitted()
        #expect(steps.nextEvent() == "output 1: one")
        #expect(steps.print("four", from: eval))
        #expect(steps.allEvents() == ["output 1: two", "output 1: four"])
    }

    @Test func a_long_line_counts_for_each_kilobyte_and_finds_room_in_an_empty_line() throws {
        let steps = try stepped { $0.unread = 3 }
        let eval = try steps.startRunning()
        let long = String(repeating: "x", count: 5000)
        #expect(steps.print(long, from: eval))
        #expect(!steps.print("short", from: eval))
        _ = steps.nextEvent()
        #expect(steps.print(String(repeating: "x", count: 1023), from: eval))
        #expect(steps.print(String(repeating: "x", count: 1024), from: eval))
        #expect(!steps.print("", from: eval))
        _ = steps.nextEvent()
        #expect(steps.print("", from: eval))
        #expect(!steps.print("", from: eval))
    }

    @Test func a_hundred_thousand_lines_are_the_default() throws {
        #expect(try EngineConfig(json: nil).queueLimits.unread == 100_000)
        #expect(QueueLimits().unread == 100_000)
    }

    @Test func ends_and_withdrawals_are_never_lost_to_the_limit() throws {
        let steps = try stepped { $0.unread = 1 }
        let (parked, _) = try steps.startParked()
        _ = steps.nextEvent()
        let running = try steps.startRunning()
        steps.finish(running)
        try steps.cancel(parked)
        #expect(steps.allEvents() == ["finished 2: succeeded", "withdrawn 1 of 1", "finished 1: cancelled"])
    }

    @Test func something_to_run_is_not_unread() throws {
        let steps = try stepped(executor: .host) { $0.unread = 1 }
        try steps.startAdmitted()
        let eval = try steps.startAdmitted()
        #expect(steps.print("hello", from: eval))
        #expect(!steps.print("again", from: eval))
    }

    // MARK: - All of them

    @Test func without_limits_nothing_is_refused() throws {
        let steps = try SteppedCore()
        for _ in 0..<200 { _ = try steps.startParked() }
        for _ in 0..<200 { try steps.startAdmitted() }
        #expect(steps.core.liveCount == 400)
    }

    @Test func a_start_that_was_refused_leaves_nothing_behind() throws {
        let steps = try stepped { $0.evals = 1 }
        let first = try steps.startAdmitted(#"{"timeout_ms": 5}"#)
        for _ in 0..<3 { #expect(throws: CallError.self) { try steps.startAdmitted(#"{"timeout_ms": 5}"#) } }
        #expect(steps.core.evals.count == 1)
        #expect(steps.core.timers.count == 1)
        #expect(steps.core.ready.count == 1)
        try steps.cancel(first)
        #expect(try steps.startAdmitted().id == EvalID(2))
    }

    @Test func after_a_shutdown_that_is_the_reason_and_no_limit() throws {
        let steps = try stepped { $0.evals = 1 }
        try steps.startAdmitted()
        _ = steps.shutDown(Parker())
        let error = try refusal(steps)
        #expect(error.kind == .shutdown)
        #expect(error.message == "the engine has been shut down")
    }
}
