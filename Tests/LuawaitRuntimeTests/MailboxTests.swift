import Testing

@testable import LuawaitRuntime

@Suite struct MailboxTests {
    private let fetch = HostFunction(name: "fetch", timeoutMilliseconds: nil, callback: nil)
    private let screen = HostFunction(
        name: "screen", timeoutMilliseconds: nil, callback: nil, affinity: .mainThread)

    private func finished(_ number: UInt64, _ mailbox: inout Mailbox) -> Actions {
        var actions = Actions()
        mailbox.post(.finished(EvalID(number)), &actions) { _ in true }
        return actions
    }

    private func request(_ function: HostFunction, _ mailbox: inout Mailbox) -> (RequestID, Actions) {
        var actions = Actions()
        let id = mailbox.requests.post(eval: EvalID(1), function: function, args: nil, hasTimer: false)
        mailbox.post(.request(id), &actions) { _ in true }
        return (id, actions)
    }

    private func postWork(_ mailbox: inout Mailbox) -> (isNews: Bool, Actions) {
        var actions = Actions()
        return (mailbox.postWork(&actions), actions)
    }

    @Test func the_notifier_is_called_once_for_all_that_comes_before_a_look_in_vain() {
        var mailbox = Mailbox()
        let calls = (1...3).map { finished($0, &mailbox).notify }
        #expect(calls == [true, false, false])
        mailbox.foundNothing()
        let call = finished(4, &mailbox).notify
        #expect(call)
    }

    @Test func whoever_waits_is_woken_by_the_first_thing_and_by_it_alone() {
        var mailbox = Mailbox()
        let parker = Parker()
        let isWaiting = mailbox.wait(parker, for: .anyThread)
        #expect(isWaiting)
        let (first, second) = (finished(1, &mailbox), finished(2, &mailbox))
        #expect(first.wakeWaiters.count == 1)
        #expect(second.wakeWaiters.isEmpty)
        let waitsAgain = mailbox.wait(parker, for: .anyThread)
        #expect(!waitsAgain)
    }

    @Test func whoever_stops_waiting_is_not_woken() {
        var mailbox = Mailbox()
        let parker = Parker()
        _ = mailbox.wait(parker, for: .anyThread)
        mailbox.stopWaiting(parker)
        let actions = finished(1, &mailbox)
        #expect(actions.wakeWaiters.isEmpty)
    }

    @Test func a_request_for_the_main_thread_is_nothing_to_any_other() {
        var mailbox = Mailbox()
        _ = request(screen, &mailbox)
        #expect(mailbox.gate.available(to: .anyThread) == 0)
        #expect(mailbox.gate.available(to: .mainThread) == 1)
        let others = mailbox.popFirst(for: .anyThread)
        #expect(others == nil)
        let owner = mailbox.popFirst(for: .mainThread)?.1
        #expect(owner == .mainThread)
    }

    @Test func closing_a_pending_request_leaves_nothing_to_take() {
        var mailbox = Mailbox()
        let (id, _) = request(fetch, &mailbox)
        #expect(mailbox.gate.available == 1)
        let (first, second) = (mailbox.close(id), mailbox.close(id))
        #expect(first?.id == id)
        #expect(second == nil)
        #expect(mailbox.gate.available == 0)
    }

    @Test func work_is_news_once_until_it_is_withdrawn() {
        var mailbox = Mailbox()
        let (first, second) = (postWork(&mailbox), postWork(&mailbox))
        #expect(first.isNews && !second.isNews)
        #expect(mailbox.gate.available == 1)
        mailbox.withdrawWork()
        mailbox.withdrawWork()
        #expect(mailbox.gate.available == 0)
        let third = postWork(&mailbox)
        #expect(third.isNews)
    }

    @Test func posted_work_becomes_the_main_threads_when_one_is_bound() {
        var mailbox = Mailbox()
        _ = postWork(&mailbox)
        var actions = Actions()
        mailbox.bindMainThread(&actions)
        #expect(mailbox.gate.available(to: .anyThread) == 0)
        #expect(mailbox.gate.available(to: .mainThread) == 1)
        mailbox.withdrawWork()
        #expect(mailbox.gate.available == 0)
    }

    @Test func a_notifier_that_is_set_by_the_call_that_has_told_all_is_not_called_again() {
        var mailbox = Mailbox()
        _ = finished(1, &mailbox)
        mailbox.decidedToNotify()
        mailbox.notifierChanges()
        let isDueInside = mailbox.notifierSet(whileCalling: mailbox.telling.number)
        #expect(!isDueInside)
        mailbox.notifierChanges()
        let isDueOutside = mailbox.notifierSet(whileCalling: nil)
        #expect(isDueOutside)
    }
}
