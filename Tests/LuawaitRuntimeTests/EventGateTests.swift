import Testing

@testable import LuawaitRuntime

struct EventGateTests {
    @Test func the_first_thing_notifies_and_the_next_do_not() {
        var gate = EventGate()
        let notified = (0..<5).map { _ in gate.added() }
        #expect(notified == [true, false, false, false, false])
        #expect(gate.available == 5)
    }

    @Test func taking_all_arms_it_again() {
        var gate = EventGate()
        _ = gate.added()
        _ = gate.added()
        gate.removed()
        let stillThere = gate.added()
        #expect(!stillThere)
        gate.removed()
        gate.removed()
        #expect(gate.available == 0)
        let again = gate.added()
        #expect(again)
    }

    @Test func a_look_that_found_nothing_arms_it_while_other_things_are_there() {
        var gate = EventGate()
        _ = gate.added()
        gate.foundNothing()
        #expect(gate.available == 1)
        let notified = gate.added()
        #expect(notified)
        let next = gate.added()
        #expect(!next)
    }

    @Test func finding_nothing_adds_and_takes_nothing() {
        var gate = EventGate()
        gate.foundNothing()
        gate.foundNothing()
        #expect(gate == EventGate())
        let notified = [gate.added(), gate.added()]
        #expect(notified == [true, false])
    }

    @Test func a_new_notifier_is_called_at_once_if_something_is_there() {
        var gate = EventGate()
        let emptyCall = gate.notifierSet()
        #expect(!emptyCall)
        _ = gate.added()
        let call = gate.notifierSet()
        #expect(call)
        // It has just been told.
        let next = gate.added()
        #expect(!next)
    }

    @Test func a_notifier_set_while_nothing_is_there_hears_of_the_first_thing() {
        var gate = EventGate()
        _ = gate.added()
        gate.removed()
        let call = gate.notifierSet()
        #expect(!call)
        let notified = gate.added()
        #expect(notified)
    }

    @Test func what_the_call_that_runs_has_told_is_no_reason_for_another() {
        var gate = EventGate()
        _ = gate.added()
        let call = gate.notifierSet(isTold: true)
        #expect(!call)
        // As before: told, so what comes next is no news before the host has looked.
        let isNews = gate.added()
        #expect(!isNews)
        gate.foundNothing()
        let laterCall = gate.notifierSet(isTold: true)
        #expect(!laterCall)
        let isNewsNow = gate.added()
        #expect(isNewsNow)
    }
}
