import Testing

@testable import LuawaitRuntime

/// Two things that happen to an eval at the same time, in both orders.
struct EvalMachineRaceTests: EvalMachines {
    @Test func answer_after_cancel_is_rejected() {
        var machine = parked()
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .end(withdrawing: request))
        let accepted = machine.answer(request) != .nothing
        #expect(!accepted)
        #expect(machine.phase == .ended)
    }

    @Test func cancel_after_answer_ends_it_without_a_request_to_withdraw() {
        var machine = parked()
        let accepted = machine.answer(request) != .nothing
        #expect(accepted)
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .end(withdrawing: nil))
        #expect(machine.phase == .ended)
    }

    @Test func a_second_answer_is_rejected() {
        var machine = parked()
        _ = machine.answer(request)
        let again = machine.answer(request) != .nothing
        #expect(!again)
        #expect(machine.phase == .waiting)
    }

    @Test func a_late_answer_does_not_reach_the_next_request() {
        var machine = parked()
        _ = machine.answer(request)
        _ = machine.take(Ticket(8))
        let whileRunning = machine.answer(request) != .nothing
        #expect(!whileRunning)
        _ = machine.park(RequestID(4))
        let late = machine.answer(request) != .nothing
        #expect(!late)
        #expect(machine.phase == .parked(RequestID(4)))
    }

    @Test func park_after_cancel_ends_it() {
        var machine = running()
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .stop(ticket, withdrawing: nil))
        let left = machine.park(request)
        #expect(left == .end(.cancelled))
        #expect(machine.phase == .ended)
    }

    @Test func cancel_after_park_withdraws() {
        var machine = running()
        let left = machine.park(request)
        #expect(left == .proceed)
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .end(withdrawing: request))
    }

    @Test func finish_after_cancel_ends_as_cancelled() {
        var machine = running()
        _ = machine.condemn(.cancelled)
        let left = machine.finish()
        #expect(left == .end(.cancelled))
        #expect(machine.phase == .ended)
    }

    @Test func cancel_after_finish_changes_nothing() {
        var machine = running()
        let left = machine.finish()
        #expect(left == .proceed)
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .nothing)
        #expect(machine.condemnation == nil)
    }

    @Test func an_eval_that_has_ended_cannot_end_again() async {
        await #expect(processExitsWith: .failure) {
            var machine = EvalMachine()
            _ = machine.take(Ticket(7))
            _ = machine.finish()
            _ = machine.finish()
        }
    }

    @Test func slice_after_cancel_ends_it() {
        var machine = running()
        _ = machine.condemn(.cancelled)
        let left = machine.slice()
        #expect(left == .end(.cancelled))
        #expect(machine.phase == .ended)
    }

    @Test func cancel_after_slice_ends_it_in_the_queue() {
        var machine = running()
        let left = machine.slice()
        #expect(left == .proceed)
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .end(withdrawing: nil))
        let taken = machine.take(Ticket(8))
        #expect(!taken)
    }

    @Test func answer_after_timeout_is_rejected() {
        var machine = parked()
        let condemned = machine.condemn(.timedOut)
        #expect(condemned == .end(withdrawing: request))
        let accepted = machine.answer(request) != .nothing
        #expect(!accepted)
    }

    @Test func timeout_after_answer_ends_it() {
        var machine = parked()
        _ = machine.answer(request)
        let condemned = machine.condemn(.timedOut)
        #expect(condemned == .end(withdrawing: nil))
        #expect(machine.condemnation == .timedOut)
    }

    @Test(arguments: [
        (EvalMachine.Condemnation.timedOut, EvalMachine.Condemnation.cancelled), (.cancelled, .timedOut),
        (.cancelled, .shutDown), (.shutDown, .timedOut),
    ])
    func the_first_reason_to_end_a_running_eval_wins(
        first: EvalMachine.Condemnation, second: EvalMachine.Condemnation
    ) {
        var machine = running()
        let stopped = machine.condemn(first)
        #expect(stopped == .stop(ticket, withdrawing: nil))
        let again = machine.condemn(second)
        #expect(again == .nothing)
        let left = machine.finish()
        #expect(left == .end(first))
    }

    @Test func a_stop_names_the_run_that_is_on_the_thread_now() {
        var machine = running()
        _ = machine.slice()
        _ = machine.take(Ticket(9))
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .stop(Ticket(9), withdrawing: nil))
    }
}

@Suite struct EvalMachineBlockingTests {
    private let ticket = Ticket(3)
    private let request = RequestID(8)

    private func blocked() -> EvalMachine {
        var machine = EvalMachine()
        _ = machine.take(ticket)
        let action = machine.block(request)
        #expect(action == .proceed)
        return machine
    }

    @Test func the_answer_makes_a_blocked_eval_run_again_once() {
        var machine = blocked()
        let answered = [machine.answer(RequestID(7)), machine.answer(request), machine.answer(request)]
        #expect(answered == [.nothing, .unblock, .nothing])
        #expect(machine.phase == .running(ticket))
    }

    @Test func condemning_a_blocked_eval_stops_its_thread_and_withdraws_the_request() {
        var machine = blocked()
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .stop(ticket, withdrawing: request))
        let (late, again) = (machine.answer(request), machine.condemn(.timedOut))
        #expect(late == .nothing)
        #expect(again == .nothing)
        let finished = machine.finish()
        #expect(finished == .end(.cancelled))
    }

    @Test func an_answer_before_the_condemnation_leaves_nothing_to_withdraw() {
        var machine = blocked()
        _ = machine.answer(request)
        let condemned = machine.condemn(.cancelled)
        #expect(condemned == .stop(ticket, withdrawing: nil))
    }

    @Test func a_condemned_eval_does_not_wait() {
        var machine = EvalMachine()
        _ = machine.take(ticket)
        _ = machine.condemn(.cancelled)
        let action = machine.block(request)
        #expect(action == .end(.cancelled))
        #expect(machine.phase == .running(ticket))
    }
}
