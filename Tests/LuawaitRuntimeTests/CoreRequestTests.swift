import Testing

@testable import LuawaitRuntime

struct CoreRequestTests {
    @Test func a_host_call_goes_all_the_way_round() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        #expect(steps.take() === eval)
        #expect(steps.park(eval, at: "db.find") == .proceed)
        #expect(steps.actions.notify)
        let request = try #require(steps.takeRequest())
        #expect(request.eval == eval.id)
        #expect(request.function.name == "db.find")
        #expect(request.args?.string == "[1]")
        try steps.answer(request.request, #"{"rows": 3}"#)
        #expect(steps.take() === eval)
        guard case .result(let value)? = eval.answer else {
            Issue.record("the eval resumes without its result")
            return
        }
        #expect(value.dump()?.string == #"{"rows":3}"#)
        #expect(steps.finish(eval) == .proceed)
        #expect(try steps.outcome(eval)?.json == "42")
        #expect(steps.core.counts.answered == 1)
        #expect(steps.core.evals.isEmpty)
    }

    @Test func a_parked_eval_is_on_no_thread_and_in_no_queue() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        #expect(steps.core.evals[eval.id]?.machine.phase == .parked(request))
        #expect(steps.core.evals[eval.id]?.slot == nil)
        #expect(steps.take() == nil)
    }

    @Test func requests_are_handed_out_once_and_oldest_first() throws {
        let steps = try SteppedCore()
        let parked = try (0..<5).map { _ in try steps.startParked() }
        var taken: [EngineCore.Handover] = []
        while let request = steps.takeRequest() { taken.append(request) }
        #expect(taken.map(\.request) == parked.map(\.request))
        #expect(taken.map(\.eval) == parked.map(\.eval.id))
        #expect(steps.core.mailbox.requests.openCount == 5)
    }

    @Test func an_answer_wakes_an_idle_worker() throws {
        let steps = try SteppedCore()
        let (_, request) = try steps.startParked()
        #expect(steps.take(1) == nil)
        try steps.answer(request)
        #expect(steps.actions.wakeWorkers.count == 1)
        #expect(steps.actions.wakeWorkers.first === steps.workers[1])
    }

    @Test func a_second_answer_is_rejected_and_changes_nothing() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        try steps.answer(request, "1")
        let error = try errorOf { try steps.answer(request, "2") }
        #expect(error.kind == .notFound)
        #expect(error.message == "request 1: not open (answered, withdrawn, or never posted)")
        #expect(steps.take() === eval)
        #expect(steps.take() == nil)
        guard case .result(let value)? = eval.answer else {
            Issue.record("the first answer was lost")
            return
        }
        #expect(value.integer == 1)
        #expect(steps.core.counts.answered == 1)
    }

    @Test(arguments: [0, 2, UInt64.max]) func an_answer_to_a_request_never_posted_is_rejected(id: UInt64) throws {
        let steps = try SteppedCore()
        _ = try steps.startParked()
        #expect(try errorOf { try steps.answer(RequestID(id)) }.kind == .notFound)
        #expect(steps.core.mailbox.requests.openCount == 1)
    }

    @Test func a_request_answered_before_it_was_taken_is_not_handed_out() throws {
        let steps = try SteppedCore()
        let (eval, request) = try steps.startParked()
        let (_, second) = try steps.startParked()
        try steps.answer(request)
        #expect(steps.takeRequest()?.request == second)
        #expect(steps.takeRequest() == nil)
        #expect(steps.take() === eval)
    }

    @Test func a_request_that_could_not_be_copied_stays_pending() throws {
        let steps = try SteppedCore()
        let (_, request) = try steps.startParked()
        let error = try errorOf {
            _ = try steps.takeRequest { _ throws(CallError) in throw .outOfMemory }
        }
        #expect(error.kind == .memory)
        #expect(steps.core.mailbox.requests.pendingCount == 1)
        #expect(steps.core.mailbox.gate.available == 1)
        let again = try #require(steps.takeRequest())
        #expect(again.request == request)
        #expect(again.args?.string == "[1]")
    }

    @Test func a_look_that_finds_no_request_arms_the_notifier_again() throws {
        let steps = try SteppedCore()
        // Its outcome stays unread, so the level never goes down to 0.
        let done = try steps.start()
        _ = steps.take()
        steps.finish(done)
        #expect(steps.actions.notify)
        _ = try steps.startParked()
        #expect(!steps.actions.notify)
        #expect(steps.takeRequest() != nil)
        #expect(steps.takeRequest() == nil)
        _ = try steps.startParked()
        #expect(steps.actions.notify)
    }

    @Test func an_eval_parked_again_waits_for_its_new_request() throws {
        let steps = try SteppedCore()
        let (eval, first) = try steps.startParked()
        try steps.answer(first)
        #expect(steps.take() === eval)
        steps.park(eval)
        #expect(try errorOf { try steps.answer(first) }.kind == .notFound)
        #expect(steps.take() == nil)
        try steps.answer(RequestID(2))
        #expect(steps.take() === eval)
    }

    @Test func the_stats_tell_how_requests_stand() throws {
        let steps = try SteppedCore()
        let parked = try (0..<4).map { _ in try steps.startParked() }
        _ = steps.takeRequest()
        try steps.answer(parked[1].request)
        try steps.cancel(parked[2].eval)
        let stats = steps.stats
        #expect(stats.posted == 4)
        #expect(stats.open == 2)
        #expect(stats.pending == 1)
        #expect(stats.counts.answered == 1)
        #expect(stats.counts.withdrawn == 1)
        #expect(stats.parked == 2)
        #expect(stats.queued == 1)
        #expect(stats.finishedUnread == 1)
    }
}
