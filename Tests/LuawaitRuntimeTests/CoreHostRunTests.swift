import Testing

@testable import LuawaitRuntime

/// An engine whose scripts the host runs: what it takes, and how it hears that there is something to run.
struct CoreHostRunTests {
    private let steps: SteppedCore

    init() throws {
        steps = try SteppedCore(executor: .host)
    }

    // MARK: - Work is one thing to take

    @Test func any_number_of_ready_evals_is_one_thing_to_take() throws {
        try steps.start()
        #expect(steps.actions.notify)
        try steps.start()
        #expect(!steps.actions.notify)
        #expect(steps.core.mailbox.gate.available == 1)
    }

    @Test func the_end_of_a_run_takes_the_work_back_only_when_nothing_is_left() throws {
        let (first, second) = (try steps.start(), try steps.start())
        #expect(steps.takeReady() === first)
        #expect(steps.endRun())
        #expect(steps.core.mailbox.gate.available == 1)
        #expect(steps.takeReady() === second)
        #expect(!steps.endRun())
        #expect(steps.core.mailbox.gate.available == 0)
        #expect(!steps.endRun())
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func an_answer_after_the_end_of_a_run_is_work_again() throws {
        let eval = try steps.start()
        #expect(steps.takeReady() === eval)
        steps.park(eval)
        #expect(!steps.endRun())
        _ = steps.nextEvent()
        try steps.answer(RequestID(1))
        #expect(steps.actions.notify)
        #expect(steps.core.mailbox.gate.available == 1)
        #expect(steps.takeReady() === eval)
    }

    @Test func a_slice_after_another_threads_end_of_run_is_work_again() throws {
        let eval = try steps.start()
        #expect(steps.takeReady() === eval)
        #expect(!steps.endRun())
        #expect(steps.slice(eval) == .proceed)
        #expect(steps.actions.notify)
        #expect(steps.endRun())
    }

    @Test func no_worker_is_woken() throws {
        try steps.start()
        #expect(steps.actions.wakeWorkers.isEmpty)
    }

    // MARK: - Taking

    @Test func evals_are_taken_in_their_order_and_there_may_be_none() throws {
        #expect(steps.takeReady() == nil)
        let evals = try (0..<3).map { _ in try steps.start() }
        for eval in evals { #expect(steps.takeReady() === eval) }
        #expect(steps.takeReady() == nil)
    }

    @Test func evals_that_ended_in_the_queue_are_skipped() throws {
        let evals = try (0..<4).map { _ in try steps.start() }
        for eval in evals.dropLast() { try steps.cancel(eval) }
        #expect(steps.core.queuedCount == 1)
        #expect(steps.takeReady() === evals[3])
        #expect(steps.core.queuedCount == 0)
        #expect(steps.core.ready.isEmpty)
    }

    @Test func a_stop_reaches_the_thread_that_took_it() throws {
        let eval = try steps.start()
        #expect(steps.takeReady() === eval)
        try steps.cancel(eval)
        #expect(steps.actions.stops.map(\.ticket) == [steps.ticket])
    }

    // MARK: - What ended evals leave

    @Test func what_is_to_be_let_go_of_is_work_and_comes_in_batches() throws {
        for _ in 0..<20 { try steps.cancel(try steps.start()) }
        #expect(steps.takeReady() == nil)
        #expect(steps.takeRetired(ifUrgent: true) == 0)
        #expect(steps.takeRetired() == 16)
        #expect(steps.endRun())
        #expect(steps.takeRetired() == 4)
        #expect(steps.takeRetired() == 0)
        #expect(!steps.endRun())
    }

    @Test func a_world_left_after_the_end_of_a_run_is_work_again() throws {
        let eval = try steps.start()
        #expect(steps.takeReady() === eval)
        steps.park(eval)
        #expect(!steps.endRun())
        let before = steps.core.mailbox.gate.available
        try steps.cancel(eval)
        // Instead of the request there are the end and the world.
        #expect(steps.core.mailbox.gate.available == before + 1)
        #expect(steps.core.mailbox.workIsPosted)
    }

    // MARK: - When to come back

    @Test func without_deadlines_there_is_none() throws {
        #expect(steps.nextDeadline() == nil)
        try steps.start()
        #expect(steps.nextDeadline() == nil)
    }

    @Test func the_soonest_deadline_that_matters_is_told() throws {
        let start = steps.now
        let late = try steps.start(#"{"timeout_ms": 50}"#)
        let soon = try steps.start(#"{"timeout_ms": 20}"#)
        #expect(steps.nextDeadline() == start.advanced(milliseconds: 20))
        try steps.cancel(soon)
        #expect(steps.nextDeadline() == start.advanced(milliseconds: 50))
        #expect(steps.takeReady() === late)
        steps.park(late, timeout: 10)
        #expect(steps.nextDeadline() == start.advanced(milliseconds: 10))
        try steps.answer(RequestID(1))
        #expect(steps.nextDeadline() == start.advanced(milliseconds: 50))
        try steps.cancel(late)
        #expect(steps.nextDeadline() == nil)
        #expect(steps.core.timers.storedCount == 0)
    }

    @Test func asking_for_the_deadline_fires_nothing() throws {
        try steps.start(#"{"timeout_ms": 5}"#)
        steps.advance(milliseconds: 10)
        #expect(steps.nextDeadline() == Instant(nanoseconds: 1_005_000_000))
        #expect(steps.core.timers.count == 1)
        steps.fireTimers()
        #expect(steps.allEvents() == ["finished 1: failed"])
        #expect(steps.nextDeadline() == nil)
    }
}
