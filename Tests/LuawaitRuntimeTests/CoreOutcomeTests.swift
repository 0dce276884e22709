import Testing

@testable import LuawaitRuntime

struct CoreOutcomeTests {
    private func startRunning(_ steps: SteppedCore, _ options: String = "{}") throws -> Eval {
        let eval = try steps.start(options)
        let taken = try #require(steps.take())
        try #require(taken === eval)
        return eval
    }

    @Test func an_outcome_is_taken_once() throws {
        let steps = try SteppedCore()
        let eval = try startRunning(steps)
        #expect(steps.finish(eval, #""done""#) == .proceed)
        let outcome = try #require(try steps.outcome(eval))
        #expect(outcome.state == .succeeded)
        #expect(outcome.json == #""done""#)
        let error = try errorOf { _ = try steps.outcome(eval) }
        #expect(error.kind == .notFound)
        #expect(error.message == "eval 1: unknown, detached, or its outcome has been taken")
        #expect(steps.core.evals.isEmpty)
    }

    @Test func there_is_no_outcome_before_the_end() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        #expect(try steps.outcome(eval) == nil)
        _ = steps.take()
        #expect(try steps.outcome(eval) == nil)
        steps.park(eval)
        #expect(try steps.outcome(eval) == nil)
        try steps.answer(RequestID(1))
        #expect(try steps.outcome(eval) == nil)
        _ = steps.take()
        steps.finish(eval)
        #expect(try steps.outcome(eval) != nil)
    }

    @Test func an_end_notifies_once_until_the_host_finds_nothing() throws {
        let steps = try SteppedCore()
        let first = try startRunning(steps)
        let second = try startRunning(steps)
        let third = try startRunning(steps)
        steps.finish(first)
        #expect(steps.actions.notify)
        steps.finish(second)
        #expect(!steps.actions.notify)
        // The host looks at the third before it takes the others: it must hear of the third's end.
        #expect(try steps.outcome(third) == nil)
        steps.finish(third)
        #expect(steps.actions.notify)
    }

    @Test func taking_the_last_outcome_arms_the_notifier() throws {
        let steps = try SteppedCore()
        let first = try startRunning(steps)
        let second = try startRunning(steps)
        steps.finish(first)
        _ = try steps.outcome(first)
        steps.finish(second)
        #expect(steps.actions.notify)
    }

    @Test func the_end_wakes_every_waiter_once() throws {
        let steps = try SteppedCore()
        let eval = try startRunning(steps)
        let waiters = [Parker(), Parker()]
        for waiter in waiters { steps.addWaiter(waiter, eval) }
        steps.finish(eval)
        #expect(steps.actions.wakeWaiters.count == 2)
        #expect(zip(steps.actions.wakeWaiters, waiters).allSatisfy { $0 === $1 })
        #expect(steps.core.evals[eval.id]?.waiters.isEmpty == true)
    }

    @Test func a_waiter_that_gave_up_is_not_woken() throws {
        let steps = try SteppedCore()
        let eval = try startRunning(steps)
        let waiters = [Parker(), Parker()]
        for waiter in waiters { steps.addWaiter(waiter, eval) }
        steps.core.removeWaiter(waiters[0], eval.id)
        steps.finish(eval)
        #expect(steps.actions.wakeWaiters.count == 1)
        #expect(steps.actions.wakeWaiters.first === waiters[1])
    }

    @Test func a_condemned_run_ends_only_when_its_thread_says_so() throws {
        let steps = try SteppedCore()
        let eval = try startRunning(steps)
        try steps.cancel(eval)
        #expect(try steps.outcome(eval) == nil)
        #expect(steps.finish(eval) == .end(.cancelled))
        #expect(try steps.outcome(eval) == nil)
        steps.complete(eval, .cancelled)
        #expect(try steps.outcome(eval)?.state == .cancelled)
    }

    @Test func a_detached_eval_leaves_nothing_behind() throws {
        let steps = try SteppedCore()
        let options = #"{"detached": true, "timeout_ms": 1000}"#
        let finished = try startRunning(steps, options)
        steps.finish(finished)
        #expect(!steps.actions.notify)
        let queued = try steps.start(options)
        try steps.cancel(queued)
        let (parked, _) = try steps.startParked(options)
        try steps.cancel(parked)
        let running = try startRunning(steps, options)
        try steps.cancel(running)
        #expect(steps.slice(running) == .end(.cancelled))
        steps.complete(running, .cancelled)
        #expect(steps.core.evals.isEmpty)
        #expect(steps.core.mailbox.requests.openCount == 0)
        #expect(steps.core.timers.count == 0)
        #expect(steps.core.mailbox.gate.available == 0)
        #expect(steps.core.counts.succeeded == 1)
        #expect(steps.core.counts.cancelled == 3)
        #expect(steps.take() == nil)
    }

    @Test func a_detached_eval_cannot_be_polled_but_can_be_cancelled() throws {
        let steps = try SteppedCore()
        let eval = try startRunning(steps, #"{"detached": true}"#)
        #expect(try errorOf { _ = try steps.outcome(eval) }.kind == .notFound)
        try steps.cancel(eval)
        #expect(steps.actions.stops.count == 1)
    }

    @Test func each_end_is_counted_under_its_state() throws {
        let steps = try SteppedCore()
        let succeeding = try startRunning(steps)
        steps.finish(succeeding)
        let late = try startRunning(steps, #"{"timeout_ms": 1}"#)
        steps.park(late)
        steps.advance(milliseconds: 1)
        steps.fireTimers()
        let cancelled = try steps.start()
        try steps.cancel(cancelled)
        let counts = steps.core.counts
        #expect((counts.started, counts.succeeded, counts.failed, counts.cancelled) == (3, 1, 1, 1))
        #expect(steps.stats.finishedUnread == 3)
    }

    @Test func the_stats_as_json_name_every_counter() throws {
        let steps = try SteppedCore()
        _ = try steps.startParked()
        var stats = steps.stats
        stats.lua = LuaIdentity(version: "5.4.4", isBundled: false, isProbed: true, failedProbes: ["one", "two"])
        stats.contextMemory = [Stats.ContextMemory(context: ContextID(3), used: 40, limit: 50)]
        #expect(
            stats.json()?.string
                == #"{"evals":{"started":1,"queued":0,"running":0,"parked":1,"finished_unread":0,"succeeded":0,"#
                + #""failed":0,"cancelled":0},"requests":{"posted":1,"pending":1,"open":1,"answered":0,"withdrawn":0},"#
                + #""workers":2,"workers_refused":0,"contexts":{"live":0,"warm":0,"named":0,"#
                + #""memory":[{"context":3,"used":40,"limit":50}]},"timers":1,"#
                + #""lua":{"version":"5.4.4","build":"system","probed":true,"failed_probes":["one","two"]}}"#)
    }
}
