import Testing

@testable import LuawaitRuntime

/// Requests that the main thread alone may take.
struct CoreMainThreadTests {
    private let steps: SteppedCore

    init() throws {
        steps = try SteppedCore()
    }

    /// Starts an eval and parks it at a main-thread function.
    private func startParkedForMain(timeout: Int64? = nil) throws -> Eval {
        let eval = try steps.startRunning()
        steps.park(eval, at: "draw", timeout: timeout, for: .mainThread)
        return eval
    }

    @Test func other_threads_neither_take_it_nor_see_it() throws {
        _ = try startParkedForMain()
        #expect(steps.actions.notify)
        #expect(steps.takeRequest() == nil)
        #expect(steps.nextEvent() == nil)
        #expect(steps.waitForEvent(Parker()))
        #expect(steps.core.mailbox.gate.available(to: .anyThread) == 0)
        #expect(steps.core.mailbox.gate.available(to: .mainThread) == 1)
        #expect(!steps.waitForEvent(Parker(), for: .mainThread))
        #expect(steps.takeRequest(for: .mainThread)?.function.name == "draw")
        #expect(steps.core.mailbox.gate.available == 0)
    }

    @Test func the_main_thread_takes_all_requests_oldest_first() throws {
        for _ in 0..<3 {
            _ = try startParkedForMain()
            _ = try steps.startParked()
        }
        #expect(steps.takeRequest()?.request == RequestID(2))
        #expect(steps.takeRequest(for: .mainThread)?.request == RequestID(1))
        #expect(
            steps.allEvents(for: .mainThread) == [
                "request 3 of 3", "request 4 of 4", "request 5 of 5", "request 6 of 6",
            ])
    }

    @Test func its_withdrawal_is_for_the_main_thread_too() throws {
        let eval = try startParkedForMain()
        #expect(steps.nextEvent(for: .mainThread) == "request 1 of 1")
        try steps.cancel(eval)
        #expect(steps.allEvents() == ["finished 1: cancelled"])
        #expect(steps.allEvents(for: .mainThread) == ["withdrawn 1 of 1"])
    }

    enum Closing: CaseIterable {
        case answered, cancelled, timedOut, stopped
    }

    @Test(arguments: Closing.allCases) func closed_before_it_was_taken_it_is_there_for_nobody(closing: Closing) throws {
        let eval = try startParkedForMain(timeout: 5)
        switch closing {
        case .answered: try steps.answer(RequestID(1))
        case .cancelled: try steps.cancel(eval)
        case .stopped: steps.stop()
        case .timedOut:
            steps.advance(milliseconds: 5)
            steps.fireTimers()
        }
        #expect(steps.core.mailbox.gate.availableOnMainThreadOnly == 0)
        #expect(steps.takeRequest(for: .mainThread) == nil)
        #expect(steps.core.mailbox.requests.pendingCount == 0)
        #expect(!steps.allEvents(for: .mainThread).contains { $0.hasPrefix("request") })
    }

    @Test func another_threads_look_that_finds_nothing_lets_the_notifier_be_called_again() throws {
        _ = try startParkedForMain()
        #expect(steps.nextEvent() == nil)
        _ = try startParkedForMain()
        #expect(steps.actions.notify)
        _ = try startParkedForMain()
        #expect(!steps.actions.notify)
    }

    @Test func whoever_waits_is_woken_and_the_others_wait_again() throws {
        let (main, other) = (Parker(), Parker())
        #expect(steps.waitForEvent(main, for: .mainThread))
        #expect(steps.waitForEvent(other))
        _ = try startParkedForMain()
        #expect(steps.wakeUps(of: main) == 1)
        #expect(steps.wakeUps(of: other) == 1)
        #expect(steps.waitForEvent(other))
        #expect(!steps.waitForEvent(main, for: .mainThread))
    }
}
