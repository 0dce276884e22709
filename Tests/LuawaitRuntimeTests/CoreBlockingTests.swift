import Testing

@testable import LuawaitRuntime

/// Host calls from where Lua cannot yield: the thread waits inside the script, and another takes its place.
struct CoreBlockingTests {
    private let steps: SteppedCore
    private let parker = Parker()

    init() throws {
        var limits = QueueLimits()
        limits.blocked = 2
        steps = try SteppedCore(workers: 3, limits: limits, mostBusy: 1)
    }

    private func block(_ eval: Eval, timeout: Int64? = nil, _ parker: Parker? = nil) -> EngineCore.BlockAction {
        let function = HostFunction(name: "fetch", timeoutMilliseconds: timeout, callback: nil)
        return steps.step { core, actions in
            core.block(
                eval, at: function, args: .copying("[]"), parker: parker ?? self.parker, now: steps.now, &actions)
        }
    }

    private func startBlocked(timeout: Int64? = nil) throws -> Eval {
        let eval = try steps.startRunning()
        guard case .wait = block(eval, timeout: timeout) else {
            Issue.record("it does not wait")
            return eval
        }
        return eval
    }

    private var wakesTheThread: Bool { steps.actions.wakeWaiters.contains { $0 === parker } }

    @Test func the_answer_wakes_the_thread_that_waits_and_queues_nothing() throws {
        let eval = try startBlocked()
        #expect(steps.core.isBlocked(eval))
        try steps.answer(RequestID(1), "5")
        #expect(wakesTheThread)
        #expect(!steps.core.isBlocked(eval))
        #expect(steps.core.queuedCount == 0)
        #expect(steps.core.crew.pinnedCount == 0)
        guard case .result = eval.answer else {
            Issue.record("the script gets no answer")
            return
        }
        #expect(steps.finish(eval) == .proceed)
    }

    @Test func cancel_before_the_answer_wakes_and_stops_it_and_withdraws_the_request() throws {
        let eval = try startBlocked()
        try steps.cancel(eval)
        #expect(wakesTheThread)
        #expect(steps.actions.stops.count == 1)
        #expect(try errorOf { try steps.answer(RequestID(1)) }.kind == .notFound)
        #expect(eval.answer == nil)
        #expect(steps.finish(eval) == .end(.cancelled))
        steps.complete(eval, .cancelled)
        #expect(steps.core.counts.withdrawn == 1)
    }

    @Test func cancel_after_the_answer_stops_it_as_any_running_one() throws {
        let eval = try startBlocked()
        try steps.answer(RequestID(1))
        try steps.cancel(eval)
        #expect(!wakesTheThread)
        #expect(steps.actions.stops.count == 1)
        #expect(steps.core.counts.withdrawn == 0)
        #expect(steps.finish(eval) == .end(.cancelled))
    }

    @Test func a_condemned_eval_posts_no_request() throws {
        let eval = try steps.startRunning()
        try steps.cancel(eval)
        guard case .goOn = block(eval) else {
            Issue.record("it does not go on to where the stop meets it")
            return
        }
        #expect(steps.core.mailbox.requests.postedCount == 0)
    }

    @Test func the_calls_timeout_wakes_it_with_an_error() throws {
        let eval = try startBlocked(timeout: 5)
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(wakesTheThread)
        guard case .timeout = eval.answer else {
            Issue.record("the script is not told of the time-out")
            return
        }
    }

    @Test func the_evals_timeout_ends_it() throws {
        let eval = try steps.startRunning(#"{"timeout_ms": 5}"#)
        guard case .wait = block(eval) else {
            Issue.record("it does not wait")
            return
        }
        steps.advance(milliseconds: 5)
        steps.fireTimers()
        #expect(wakesTheThread)
        #expect(steps.finish(eval) == .end(.timedOut))
    }

    @Test func stopping_the_engine_wakes_those_that_wait() throws {
        let eval = try startBlocked()
        steps.stop()
        #expect(wakesTheThread)
        #expect(steps.finish(eval) == .end(.shutDown))
    }

    @Test func another_worker_is_started_where_none_is_idle() throws {
        _ = try startBlocked()
        #expect(steps.actions.newWorkers == 1)
    }

    @Test func an_idle_worker_takes_its_place_at_once() throws {
        let first = try steps.startRunning()
        let second = try steps.start()
        // One script at a time: the other worker has nothing to do.
        #expect(steps.take(1) == nil)
        guard case .wait = block(first) else {
            Issue.record("it does not wait")
            return
        }
        #expect(steps.actions.newWorkers == 0)
        #expect(steps.actions.wakeWorkers.map { $0 === steps.workers[1] } == [true])
        #expect(steps.take(1) === second)
    }

    @Test func more_may_wait_than_run_up_to_the_limit() throws {
        for worker in 0..<2 {
            let eval = try steps.startRunning(on: worker)
            guard case .wait = block(eval, Parker()) else {
                Issue.record("it does not wait")
                return
            }
        }
        let third = try steps.startRunning(on: 2)
        guard case .answer(.refused) = block(third) else {
            Issue.record("it is not refused")
            return
        }
        #expect(steps.core.mailbox.requests.postedCount == 2)
        try steps.answer(RequestID(1))
        guard case .wait = block(third) else {
            Issue.record("it does not wait")
            return
        }
    }

    @Test func no_more_run_than_may_when_those_that_waited_go_on() throws {
        let first = try startBlocked()
        let second = try steps.start()
        #expect(steps.take(1) === second)
        try steps.answer(RequestID(1))
        // Two run now, one more than may: the next to be done takes nothing new.
        let third = try steps.start()
        steps.finish(second)
        #expect(steps.take(1) == nil)
        steps.finish(first)
        #expect(steps.take(0) === third)
        #expect(steps.core.crew.busyCount == 1)
    }

    // MARK: - A thread that the system refuses

    private func refuseStandIn() {
        steps.step { core, actions in core.standInRefused(now: steps.now, &actions) }
    }

    private func tryAgain() -> Int {
        steps.advance(milliseconds: 1000)
        steps.fireTimers()
        return steps.actions.newWorkers
    }

    @Test func a_refused_worker_is_asked_for_again_as_long_as_it_is_missing() throws {
        let eval = try startBlocked()
        for refusals in 1...3 as ClosedRange<UInt64> {
            refuseStandIn()
            #expect(steps.core.crew.standIns.refusals == refusals)
            #expect(tryAgain() == 1)
        }
        #expect(tryAgain() == 0)
        refuseStandIn()
        try steps.answer(RequestID(1))
        #expect(tryAgain() == 0)
        #expect(steps.finish(eval) == .proceed)
    }

    @Test func one_retry_is_for_all_that_are_missing() throws {
        _ = try startBlocked()
        _ = try startBlocked()
        refuseStandIn()
        refuseStandIn()
        #expect(tryAgain() == 2)
        #expect(tryAgain() == 0)
    }

    @Test func the_next_try_is_no_timer_of_the_hosts() throws {
        _ = try startBlocked()
        let timers = Stats(steps.core, workers: 1, liveContexts: 0).timers
        refuseStandIn()
        #expect(Stats(steps.core, workers: 1, liveContexts: 0).timers == timers)
    }
}
