import Testing

@testable import LuawaitRuntime

struct EvalMachineTests: EvalMachines {
    // MARK: - Each transition

    @Test func a_new_eval_waits() {
        let machine = EvalMachine()
        #expect(machine.phase == .waiting)
        #expect(machine.condemnation == nil)
    }

    @Test func taking_a_waiting_eval_makes_it_run_under_that_ticket() {
        var machine = EvalMachine()
        let taken = machine.take(ticket)
        #expect(taken)
        #expect(machine.phase == .running(ticket))
    }

    @Test func only_a_waiting_eval_can_be_taken() {
        for var machine in [running(), parked(), ended()] {
            let before = machine
            let taken = machine.take(Ticket(8))
            #expect(!taken)
            #expect(machine == before)
        }
    }

    @Test func a_host_call_parks_a_running_eval() {
        var machine = running()
        let action = machine.park(request)
        #expect(action == .proceed)
        #expect(machine.phase == .parked(request))
    }

    @Test func the_end_of_a_slice_sends_it_back_to_the_queue() {
        var machine = running()
        let action = machine.slice()
        #expect(action == .proceed)
        #expect(machine.phase == .waiting)
    }

    @Test func finishing_ends_it() {
        var machine = running()
        let action = machine.finish()
        #expect(action == .proceed)
        #expect(machine.phase == .ended)
        #expect(machine.condemnation == nil)
    }

    @Test func an_answer_sends_a_parked_eval_back_to_the_queue() {
        var machine = parked()
        let accepted = machine.answer(request) != .nothing
        #expect(accepted)
        #expect(machine.phase == .waiting)
    }

    @Test func only_the_request_it_is_parked_at_answers_it() {
        for var machine in [EvalMachine(), running(), ended()] {
            let before = machine
            let accepted = machine.answer(request) != .nothing
            #expect(!accepted)
            #expect(machine == before)
        }
        var machine = parked()
        let accepted = machine.answer(RequestID(4)) != .nothing
        #expect(!accepted)
        #expect(machine.phase == .parked(request))
    }

    @Test func it_can_park_run_and_be_sliced_many_times() {
        var machine = EvalMachine()
        for round in 1...100 as ClosedRange<UInt64> {
            let taken = machine.take(Ticket(round))
            #expect(taken)
            let leave = round.isMultiple(of: 2) ? machine.park(RequestID(round)) : machine.slice()
            #expect(leave == .proceed)
            if round.isMultiple(of: 2) {
                let accepted = machine.answer(RequestID(round)) != .nothing
                #expect(accepted)
            }
        }
        #expect(machine.phase == .waiting)
    }

    // MARK: - Condemning

    @Test func condemning_a_waiting_eval_ends_it_on_the_spot() {
        var machine = EvalMachine()
        let action = machine.condemn(.cancelled)
        #expect(action == .end(withdrawing: nil))
        #expect(machine.phase == .ended)
        #expect(machine.condemnation == .cancelled)
        let taken = machine.take(ticket)
        #expect(!taken)
    }

    @Test func condemning_a_parked_eval_withdraws_its_request() {
        var machine = parked()
        let action = machine.condemn(.timedOut)
        #expect(action == .end(withdrawing: request))
        #expect(machine.phase == .ended)
    }

    @Test func condemning_a_running_eval_stops_its_thread_and_leaves_it_running() {
        var machine = running()
        let action = machine.condemn(.shutDown)
        #expect(action == .stop(ticket, withdrawing: nil))
        #expect(machine.phase == .running(ticket))
        #expect(machine.condemnation == .shutDown)
    }

    @Test func an_ended_eval_cannot_be_condemned() {
        var machine = ended()
        let action = machine.condemn(.cancelled)
        #expect(action == .nothing)
        #expect(machine.condemnation == nil)
    }

    @Test func condemning_twice_does_nothing_the_second_time() {
        for var machine in [EvalMachine(), running(), parked()] {
            _ = machine.condemn(.cancelled)
            let once = machine
            let action = machine.condemn(.cancelled)
            #expect(action == .nothing)
            #expect(machine == once)
        }
    }
}
