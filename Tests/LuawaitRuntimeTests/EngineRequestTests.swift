import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

@Suite(.timeLimit(.minutes(2))) struct EngineRequestTests {
    @Test func a_host_call_is_answered() throws {
        let host = try EngineHost()
        try host.register("db.find")
        let id = try host.start("local row = db.find('x', {1, 2}) return row.name .. '!'")
        let request = try host.nextRequest()
        #expect(request.eval == id)
        #expect(request.function.name == "db.find")
        #expect(request.args?.string == #"["x",[1,2]]"#)
        try host.answer(request.request, #"{"name": "Ada"}"#)
        #expect(try host.wait(id).json == #""Ada!""#)
        #expect(!host.isReadable)
    }

    @Test func a_parked_eval_does_not_keep_what_it_was_given_as_json() throws {
        let host = try EngineHost()
        try host.register("fetch")
        weak var globals: JSONValue?
        weak var args: JSONValue?
        func start() throws -> EvalID {
            let options = try evalOptions(#"{"globals": {"list": [1]}, "args": [[2]]}"#)
            (globals, args) = (options.input.globals, options.input.args)
            return try host.engine.start(.copying("return fetch(list, ...)")!, options: options)
        }
        let id = try start()
        let request = try host.nextRequest()
        #expect(request.args?.string == "[[1],[2]]")
        #expect(globals == nil)
        #expect(args == nil)
        try host.answer(request.request, "3")
        #expect(try host.wait(id).json == "3")
    }

    @Test func an_error_answer_can_be_caught() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let id = try host.start(
            "local ok, e = pcall(fetch) return ok, e.type, e.message, e['function'], e.host_type, e.data")
        let request = try host.nextRequest()
        try host.engine.answer(request.request) { () throws(CallError) in
            try failure(#"{"message": "no route", "type": "network", "data": [1]}"#)
        }
        #expect(try host.wait(id).json == #"[false,"host","no route","fetch","network",[1]]"#)
    }

    @Test func an_error_answer_that_is_not_caught_fails_the_eval() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let id = try host.start("\nfetch()")
        let request = try host.nextRequest()
        try host.engine.answer(request.request) { () throws(CallError) in try failure(#""no route""#) }
        let outcome = try host.wait(id)
        #expect(outcome.state == .failed)
        #expect(try outcome.member("type") == "host")
        #expect(try outcome.member("message") == "no route")
        #expect(try outcome.member("function") == "fetch")
        #expect(try outcome.member("line") == "2")
    }

    @Test func malformed_answers_leave_the_request_open() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let id = try host.start("return fetch()")
        let request = try host.nextRequest().request
        for json in ["", "{", "1\u{0}"] {
            #expect(try errorOf { try host.answer(request, json) }.kind == .json)
        }
        try host.answer(request, "1")
        #expect(try host.wait(id).json == "1")
    }

    @Test func the_answer_to_a_closed_request_is_not_even_parsed() throws {
        let host = try EngineHost()
        let parsed = Counter()
        let error = try errorOf {
            try host.engine.answer(RequestID(1)) { () throws(CallError) in
                parsed.add()
                return try result("1")
            }
        }
        #expect(error.kind == .notFound)
        #expect(parsed.value == 0)
    }

    @Test func of_many_answers_at_once_one_is_accepted() throws {
        let host = try EngineHost()
        try host.register("fetch")
        for _ in 0..<50 {
            let id = try host.start("return fetch()")
            let request = try host.nextRequest().request
            let accepted = Mutex<[Int]>([])
            let refused = Counter()
            try onThreads(4) { me in
                do {
                    try host.answer(request, "\(me)")
                    accepted.withLock { $0.append(me) }
                } catch {
                    refused.add()
                }
            }
            let winners = accepted.withLock { $0 }
            #expect(winners.count == 1)
            #expect(refused.value == 3)
            #expect(try host.wait(id).json == "\(winners.first ?? -1)")
        }
    }

    @Test func each_request_is_handed_to_one_of_those_who_ask() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let ids = try (0..<200).map { try host.start("return fetch(\($0))", #"{"name": "e\#($0)"}"#) }
        let taken = Mutex<[RequestID]>([])
        try onThreads(3) { _ in
            while taken.withLock({ $0.count }) < ids.count {
                guard let request = try? host.takeRequest() else {
                    sched_yield()
                    continue
                }
                taken.withLock { $0.append(request.request) }
                try? host.answer(request.request, request.args?.string ?? "")
            }
        }
        #expect(Set(taken.withLock { $0 }).count == ids.count)
        for (number, id) in ids.enumerated() { #expect(try host.wait(id).json == "[\(number)]") }
    }

    @Test func hundreds_are_parked_at_once_on_one_worker_and_answered_backwards() throws {
        let host = try EngineHost(#"{"workers": 1}"#)
        try host.register("fetch")
        let ids = try (0..<500).map { try host.start("return fetch(\($0)) + 1") }
        var requests: [EngineCore.Handover] = []
        while requests.count < ids.count { requests.append(try host.nextRequest()) }
        #expect(host.engine.stats.parked == 500)
        for request in requests.reversed() {
            try host.answer(request.request, String(request.args?.string.dropFirst().dropLast() ?? ""))
        }
        for (number, id) in ids.enumerated() { #expect(try host.wait(id).json == "\(number + 1)") }
        #expect(host.counts.answered == 500)
        #expect(!host.isReadable)
    }

    // MARK: - Being woken

    @Test func a_host_that_sleeps_on_the_descriptor_misses_nothing() throws {
        let host = try EngineHost()
        try host.register("fetch")
        var left = Set(try (0..<200).map { _ in try host.start("return fetch(1) + fetch(2)") })
        while !left.isEmpty {
            try #require(host.sleepOnDescriptor(), "\(left.count) are left")
            while let request = try host.takeRequest() { try host.answer(request.request, "21") }
            for id in left {
                guard let outcome = try host.engine.poll(id).outcome else { continue }
                #expect(outcome.json == "42")
                left.remove(id)
            }
        }
        #expect(!host.isReadable)
    }

    @Test func a_host_that_is_called_by_the_notifier_misses_nothing() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let (parker, calls) = (Parker(), Counter())
        host.engine.setNotifier(
            Notifier(
                notify: {
                    calls.add()
                    parker.unpark()
                }, drop: {}))
        var left = Set(try (0..<200).map { _ in try host.start("return fetch(1) + fetch(2)") })
        let deadline = Instant.now().advanced(milliseconds: 60_000)
        while !left.isEmpty {
            while let request = try host.takeRequest() { try host.answer(request.request, "21") }
            for id in left where try host.engine.poll(id).outcome != nil { left.remove(id) }
            if left.isEmpty { break }
            parker.park(until: deadline)
            try #require(Instant.now() < deadline, "\(left.count) are left")
        }
        #expect(calls.value > 0)
        host.engine.setNotifier(nil)
    }

    @Test func a_notifier_set_late_is_called_once_before_setting_returns() throws {
        let host = try EngineHost()
        try host.register("fetch")
        let id = try host.start("fetch()")
        #expect(host.sleepOnDescriptor())
        let calls = Counter()
        host.engine.setNotifier(Notifier(notify: { calls.add() }, drop: {}))
        // The worker that posted the request may be about to notify, too: but not one that was set since.
        #expect(calls.value == 1)
        try host.engine.cancel(id)
    }
}
