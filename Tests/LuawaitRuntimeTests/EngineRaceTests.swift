import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

/// What happens between a decision under the core's lock and the call of the host's that comes of it, and what meets
/// the engine's end. Where the host is called there is a place to step in: a waker is woken before the notifier is
/// called, and an answer is parsed between the two looks at its request.
@Suite(.timeLimit(.minutes(2))) struct EngineRaceTests {
    private let host: EngineHost
    private var engine: Engine { host.engine }

    init() throws {
        host = try EngineHost()
        try host.register("fetch")
    }

    /// An eval that waits for its request, which has been taken.
    private func startParked() throws -> (eval: EvalID, request: RequestID) {
        let eval = try host.start("return fetch()")
        return (eval, try host.nextRequest().request)
    }

    private func notifier(_ calls: Counter, drops: Counter = Counter()) -> Notifier {
        Notifier(notify: { calls.add() }, drop: { drops.add() })
    }

    /// Calls `body` when the eval's end has been decided, and the notifier's call with it, and neither has been made.
    private func onEnd(of eval: EvalID, _ body: @escaping () -> Void) throws {
        try engine.setWaker(Waker(wake: body, drop: {}), for: eval)
    }

    /// Another thread's doing, which must come within half a minute.
    private func until(_ what: String, _ hasCome: () throws -> Bool) throws {
        let deadline = Instant.now().advanced(milliseconds: 30_000)
        while try !hasCome() {
            try #require(Instant.now() < deadline, "it does not come: \(what)")
            sched_yield()
        }
    }

    // MARK: - The notifier and an event

    @Test func a_notifier_set_before_the_event_is_called_once_by_the_event() throws {
        let (eval, _) = try startParked()
        let calls = Counter()
        engine.setNotifier(notifier(calls))
        #expect(calls.value == 0)
        try engine.cancel(eval)
        #expect(calls.value == 1)
    }

    @Test func a_notifier_set_after_the_event_is_called_once_by_setting_it() throws {
        let (eval, _) = try startParked()
        let calls = Counter()
        try engine.cancel(eval)
        engine.setNotifier(notifier(calls))
        #expect(calls.value == 1)
        _ = try engine.poll(eval)
        #expect(calls.value == 1)
    }

    @Test func of_a_notifier_and_its_replacement_during_an_event_the_new_one_is_called_once() throws {
        let (eval, _) = try startParked()
        let (old, new, drops) = (Counter(), Counter(), Counter())
        engine.setNotifier(notifier(old, drops: drops))
        try onEnd(of: eval) { [engine] in
            engine.setNotifier(self.notifier(new))
            #expect(new.value == 1)
        }
        try engine.cancel(eval)
        #expect(old.value == 0)
        #expect(new.value == 1)
        #expect(drops.value == 1)
    }

    @Test func a_notifier_replaced_during_an_event_that_was_taken_hears_of_the_next() throws {
        let (eval, _) = try startParked()
        let (next, _) = try startParked()
        let (old, new) = (Counter(), Counter())
        engine.setNotifier(notifier(old))
        try onEnd(of: eval) { [engine] in
            #expect(engine.nextEvents(atMost: 10).count == 1)
            engine.setNotifier(self.notifier(new))
        }
        try engine.cancel(eval)
        #expect([old.value, new.value] == [0, 0])
        try engine.cancel(next)
        #expect([old.value, new.value] == [0, 1])
    }

    @Test func a_notifier_removed_during_an_event_is_not_called_and_the_event_is_told_to_the_next() throws {
        let (eval, _) = try startParked()
        let (old, new, drops) = (Counter(), Counter(), Counter())
        engine.setNotifier(notifier(old, drops: drops))
        try onEnd(of: eval) { [engine] in engine.setNotifier(nil) }
        try engine.cancel(eval)
        #expect(old.value == 0)
        #expect(drops.value == 1)
        engine.setNotifier(notifier(new))
        #expect(new.value == 1)
    }

    @Test func what_a_notifier_tells_that_replaces_itself_the_other_does_not_tell_again() throws {
        let (eval, _) = try startParked()
        let (old, new, drops) = (Counter(), Counter(), Counter())
        engine.setNotifier(
            Notifier(
                notify: { [engine] in
                    old.add()
                    engine.setNotifier(self.notifier(new))
                    #expect(drops.value == 0)
                }, drop: { drops.add() }))
        try engine.cancel(eval)
        #expect([old.value, new.value, drops.value] == [1, 0, 1])
        engine.setNotifier(nil)
    }

    // MARK: - An answer that is being parsed

    @Test func an_answer_whose_eval_is_cancelled_while_it_is_parsed_is_rejected() throws {
        let (eval, request) = try startParked()
        let error = try errorOf {
            try engine.answer(request) { () throws(CallError) in
                try engine.cancel(eval)
                return try result("1")
            }
        }
        #expect(error.kind == .notFound)
        #expect(try engine.poll(eval).outcome?.state == .cancelled)
        #expect(host.counts.answered == 0)
    }

    @Test func of_two_answers_the_one_that_is_parsed_first_is_accepted() throws {
        let (eval, request) = try startParked()
        let error = try errorOf {
            try engine.answer(request) { () throws(CallError) in
                try engine.answer(request) { () throws(CallError) in try result("1") }
                return try result("2")
            }
        }
        #expect(error.kind == .notFound)
        #expect(try host.wait(eval).json == "1")
        #expect(host.counts.answered == 1)
    }

    @Test func an_answer_that_is_being_parsed_when_the_engine_stops_is_rejected() throws {
        let (eval, request) = try startParked()
        let error = try errorOf {
            try engine.answer(request) { () throws(CallError) in
                engine.stop()
                return try result("1")
            }
        }
        #expect(error.kind == .notFound)
        #expect(try engine.poll(eval).outcome?.state == .cancelled)
        #expect(host.counts.answered == 0)
        #expect(host.counts.withdrawn == 1)
    }

    // MARK: - The engine's end, after and before the host's calls

    @Test func after_the_end_nothing_starts_or_is_answered_and_each_outcome_is_there_once() throws {
        let (eval, request) = try startParked()
        engine.stop()
        #expect(try errorOf { _ = try host.start("1") }.kind == .shutdown)
        #expect(try errorOf { _ = try host.evaluate("1") }.kind == .shutdown)
        #expect(try errorOf { try host.answer(request) }.kind == .notFound)
        #expect(try host.takeRequest() == nil)
        try engine.cancel(eval)
        #expect(try engine.poll(eval).outcome?.state == .cancelled)
        #expect(try errorOf { _ = try engine.poll(eval) }.kind == .notFound)
        #expect(try errorOf { try engine.cancel(eval) }.kind == .notFound)
        #expect(throws: CallError.self) { try engine.setWaker(Waker(wake: {}, drop: {}), for: eval) }
        #expect(!engine.waitForEvent(until: Instant.now()))
        try engine.shutDown(by: .distantFuture)
    }

    @Test func what_was_answered_or_cancelled_before_the_end_still_ends_once() throws {
        let (answered, request) = try startParked()
        let (cancelled, _) = try startParked()
        try host.answer(request)
        try engine.cancel(cancelled)
        engine.stop()
        #expect(try engine.poll(cancelled).outcome?.member("message")?.hasSuffix("'fetch'") == true)
        // A worker may have been quicker.
        #expect(try engine.poll(answered).outcome != nil)
        #expect(host.counts.succeeded + host.counts.cancelled == 2)
        #expect(host.counts.answered == 1)
        #expect(host.counts.withdrawn == 1)
    }

    @Test func events_outlive_their_engine() throws {
        let events: [EngineCore.Event]
        do {
            let host = try EngineHost(#"{"workers": 1, "print": "event"}"#)
            try host.register("fetch")
            let id = try host.start("print('hello') fetch(7)")
            try until("the request") { host.engine.stats.pending == 1 }
            try host.engine.cancel(id)
            _ = try host.start("fetch(8)")
            try until("the next request") { host.engine.stats.pending == 1 }
            events = host.engine.nextEvents(atMost: 10)
        }
        #expect(events.map(\.words) == ["output 1: hello", "finished 1: cancelled", "request 2 of 2"])
        guard case .request(let handover) = events.last else { return }
        #expect(handover.args?.string == "[8]")
    }

    @Test func an_engine_that_stops_while_others_use_it_ends_each_eval_once() throws {
        for round in 0..<10 {
            let host = try EngineHost()
            try host.register("fetch")
            let outcomes = Counter()
            let started = Mutex<[EvalID]>([])
            let busy = Gate()
            try onThreads(4) { me in
                if me == 0 {
                    busy.pass()
                    host.engine.stop()
                    return
                }
                var random = SplitMix64(seed: UInt64(4 * round + me))
                // Until starts are refused.
                for _ in 0..<100_000 {
                    let script = random.chance(in: 2) ? "return fetch()" : "while true do end"
                    guard let id = try? host.start(script) else { break }
                    let ids = started.withLock { ids in
                        ids.append(id)
                        return ids
                    }
                    if ids.count == 30 { busy.open() }
                    if let request = try? host.takeRequest() { try? host.answer(request.request) }
                    try? host.engine.cancel(ids.randomElement(using: &random)!)
                    if (try? host.engine.poll(ids.randomElement(using: &random)!))?.outcome != nil { outcomes.add() }
                }
            }
            for id in started.withLock({ $0 }) where (try? host.engine.poll(id))?.outcome != nil { outcomes.add() }
            let stats = host.engine.stats
            #expect(outcomes.value == started.withLock { $0.count })
            #expect(stats.counts.started == outcomes.value)
            #expect(stats.open + stats.timers + stats.finishedUnread + stats.running == 0)
            #expect(stats.posted == stats.counts.answered + stats.counts.withdrawn)
        }
    }

    // MARK: - Waiting, woken for nothing, or out of time

    private func waiters(for eval: EvalID) -> [Parker] {
        engine.withCore { core, _ in core.evals[eval]?.waiters ?? [] }
    }

    @Test func a_wait_that_is_woken_for_nothing_looks_again_and_stays_one_waiter() throws {
        let (eval, _) = try startParked()
        // With something unread, and told, a look that finds nothing shows: it arms the notifier.
        _ = try host.start("return 1")
        #expect(host.sleepOnDescriptor())
        let outcome = Mutex<Outcome?>(nil)
        let thread = try Thread(name: "test") { [host] in
            let found = try? host.wait(eval)
            outcome.withLock { $0 = found }
        }
        try until("the wait") { !waiters(for: eval).isEmpty }
        for _ in 0..<20 {
            let told = engine.withCore { core, _ in
                _ = core.mailbox.gate.added()
                core.mailbox.gate.removed()
                return core.mailbox.gate
            }
            waiters(for: eval)[0].unpark()
            try until("another look") { engine.withCore { core, _ in core.mailbox.gate != told } }
            #expect(waiters(for: eval).count == 1)
        }
        try engine.cancel(eval)
        thread.join()
        #expect(outcome.withLock { $0?.state } == .cancelled)
    }

    @Test func a_wait_whose_time_is_up_leaves_no_waiter() throws {
        let (eval, _) = try startParked()
        #expect(try engine.wait(eval, until: Instant.now()).outcome == nil)
        #expect(waiters(for: eval).isEmpty)
        #expect(!engine.waitForEvent(until: Instant.now()))
        #expect(engine.withCore { core, _ in core.mailbox.waiters.isEmpty })
    }

    @Test func an_outcome_that_comes_with_the_end_of_the_time_is_not_lost() throws {
        let (eval, _) = try startParked()
        try engine.cancel(eval)
        #expect(try engine.wait(eval, until: Instant(nanoseconds: 0)).outcome?.state == .cancelled)
        let (next, _) = try startParked()
        try engine.cancel(next)
        #expect(engine.waitForEvent(until: Instant(nanoseconds: 0)))
    }

    @Test func a_shutdown_that_waited_leaves_no_waiter() throws {
        let (eval, _) = try startParked()
        try engine.shutDown(by: Instant(nanoseconds: 0))
        #expect(engine.withCore { core, _ in core.quiescenceWaiters.isEmpty })
        #expect(try engine.poll(eval).outcome?.state == .cancelled)
    }
}
