import Testing

@testable import LuawaitRuntime

/// A waker is woken once, when its eval ends, and dropped once, whichever way it goes.
struct CoreWakerTests {
    /// Counts what becomes of a waker.
    private final class Fate {
        let (wakes, drops) = (Counter(), Counter())

        func waker() -> Waker {
            let (wakes, drops) = (wakes, drops)
            return Waker(wake: { wakes.add() }, drop: { drops.add() })
        }

        /// Woken and dropped, how often.
        var counts: [Int] { [wakes.value, drops.value] }
    }

    private let fate = Fate()

    // MARK: - Every way to end

    enum Ending: CaseIterable {
        case finished, cancelledInTheQueue, cancelledWhileParked, cancelledWhileRunning
        case timedOutInTheQueue, timedOutWhileParked, timedOutWhileRunning, stopped
    }

    private func end(_ eval: Eval, _ ending: Ending, _ steps: SteppedCore) throws {
        switch ending {
        case .finished, .cancelledWhileRunning, .timedOutWhileRunning, .cancelledWhileParked, .timedOutWhileParked:
            #expect(steps.take() === eval)
        case .cancelledInTheQueue, .timedOutInTheQueue, .stopped: break
        }
        if ending == .cancelledWhileParked || ending == .timedOutWhileParked { steps.park(eval) }
        #expect(steps.actions.wakers.isEmpty)
        switch ending {
        case .finished: steps.finish(eval)
        case .cancelledInTheQueue, .cancelledWhileParked, .cancelledWhileRunning: try steps.cancel(eval)
        case .stopped: steps.stop()
        case .timedOutInTheQueue, .timedOutWhileParked, .timedOutWhileRunning:
            steps.advance(milliseconds: 7)
            steps.fireTimers()
        }
        if ending == .cancelledWhileRunning || ending == .timedOutWhileRunning {
            #expect(steps.actions.wakers.isEmpty)
            guard case .end(let reason) = steps.finish(eval) else {
                Issue.record("it was not condemned")
                return
            }
            #expect(steps.actions.wakers.isEmpty)
            steps.complete(eval, reason)
        }
    }

    @Test(arguments: Ending.allCases, [false, true])
    func however_an_eval_ends_its_waker_is_woken_once_and_dropped_once(ending: Ending, isDetached: Bool) throws {
        do {
            let steps = try SteppedCore()
            let eval = try steps.start(#"{"timeout_ms": 7, "detached": \#(isDetached)}"#)
            try steps.setWaker(fate.waker(), for: eval.id)
            try end(eval, ending, steps)
            #expect(steps.actions.wakers.count == 1)
            #expect(fate.counts == [0, 0])
            steps.carryOutWakers()
            #expect(fate.counts == [1, 1])
            if !isDetached { #expect(try steps.outcome(eval) != nil) }
            steps.stop()
            #expect(steps.actions.wakers.isEmpty)
        }
        #expect(fate.counts == [1, 1])
    }

    @Test func a_waker_of_an_eval_that_has_not_ended_is_dropped_with_the_engine() throws {
        do {
            let steps = try SteppedCore()
            let eval = try steps.start()
            try steps.setWaker(fate.waker(), for: eval.id)
            #expect(fate.counts == [0, 0])
        }
        #expect(fate.counts == [0, 1])
    }

    // MARK: - Races, in both orders

    @Test func replace_before_complete_drops_the_old_one_and_wakes_the_new_one() throws {
        let new = Fate()
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        try steps.setWaker(new.waker(), for: eval.id)
        #expect(fate.counts == [0, 1])
        steps.finish(eval)
        steps.carryOutWakers()
        #expect(fate.counts == [0, 1])
        #expect(new.counts == [1, 1])
    }

    @Test func replace_after_complete_wakes_both() throws {
        let new = Fate()
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        steps.finish(eval)
        steps.carryOutWakers()
        try steps.setWaker(new.waker(), for: eval.id)
        steps.carryOutWakers()
        #expect(fate.counts == [1, 1])
        #expect(new.counts == [1, 1])
    }

    @Test func replace_between_complete_and_wake_leaves_the_old_one_to_be_woken() throws {
        let new = Fate()
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        steps.finish(eval)
        let due = steps.actions.wakers
        try steps.setWaker(new.waker(), for: eval.id)
        #expect(steps.actions.wakers.count == 1)
        #expect(fate.counts == [0, 0])
        steps.carryOutWakers()
        for waker in due { waker.wake() }
        #expect(fate.counts == [1, 0])
        #expect(new.counts == [1, 1])
    }

    @Test func remove_before_complete_drops_it_without_waking_it() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        try steps.setWaker(nil, for: eval.id)
        #expect(fate.counts == [0, 1])
        steps.finish(eval)
        #expect(steps.actions.wakers.isEmpty)
    }

    @Test func remove_after_complete_wakes_it_all_the_same() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        steps.finish(eval)
        let due = steps.actions.wakers
        try steps.setWaker(nil, for: eval.id)
        #expect(steps.actions.wakers.isEmpty)
        #expect(fate.counts == [0, 0])
        for waker in due { waker.wake() }
        #expect(fate.counts == [1, 0])
    }

    @Test func of_many_set_one_after_the_other_the_last_is_woken_and_each_is_dropped_once() throws {
        let fates = (0..<5).map { _ in Fate() }
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        for fate in fates { try steps.setWaker(fate.waker(), for: eval.id) }
        try steps.cancel(eval)
        steps.finish(eval)
        steps.complete(eval, .cancelled)
        steps.carryOutWakers()
        #expect(fates.map(\.counts) == Array(repeating: [0, 1], count: 4) + [[1, 1]])
    }

    @Test func a_waker_set_between_condemning_and_the_end_is_woken_by_the_end() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.cancel(eval)
        try steps.setWaker(fate.waker(), for: eval.id)
        #expect(steps.actions.wakers.isEmpty)
        steps.finish(eval)
        steps.complete(eval, .cancelled)
        steps.carryOutWakers()
        #expect(fate.counts == [1, 1])
    }

    @Test func the_wakers_of_two_evals_do_not_mix() throws {
        let other = Fate()
        let steps = try SteppedCore()
        let (first, second) = (try steps.start(), try steps.start())
        try steps.setWaker(fate.waker(), for: first.id)
        try steps.setWaker(other.waker(), for: second.id)
        try steps.cancel(second)
        steps.carryOutWakers()
        #expect(fate.counts == [0, 0])
        #expect(other.counts == [1, 1])
    }

    // MARK: - Refused

    @Test func a_waker_that_could_not_be_set_leaves_its_data_to_the_caller() throws {
        let steps = try SteppedCore()
        let unknown = try errorOf { try steps.setWaker(fate.waker(), for: EvalID(9)) }
        #expect(unknown.kind == .notFound)
        let eval = try steps.startRunning()
        steps.finish(eval)
        _ = try steps.outcome(eval)
        #expect(throws: CallError.self) { try steps.setWaker(fate.waker(), for: eval.id) }
        let detached = try steps.startRunning(#"{"detached": true}"#)
        steps.finish(detached)
        #expect(throws: CallError.self) { try steps.setWaker(fate.waker(), for: detached.id) }
        let direct = try steps.start(isDirect: true)
        #expect(throws: CallError.self) { try steps.setWaker(fate.waker(), for: direct.id) }
        #expect(fate.counts == [0, 0])
    }

    @Test func a_refusal_leaves_the_waker_that_was_there() throws {
        let steps = try SteppedCore()
        let eval = try steps.startRunning()
        try steps.setWaker(fate.waker(), for: eval.id)
        #expect(throws: CallError.self) { try steps.setWaker(Fate().waker(), for: EvalID(7)) }
        steps.finish(eval)
        steps.carryOutWakers()
        #expect(fate.counts == [1, 1])
    }
}
