import CJansson
import CLuaBridge
import Testing

@testable import LuawaitRuntime

/// Host calls through the bridge: parking, answers, callbacks.
struct BridgeCallTests {
    @Test func arguments_are_the_scripts_alone_when_it_has_them() {
        let run = BridgeRun(functions: ["fetch"])
        let args = json_loads("[[1, 2]]", 0, nil)!
        json_incref(args)
        #expect(run.prepare("fetch() return ...", args: args) == LWB_READY)
        #expect(args.pointee.refcount == 2)
        run.announce()
        #expect(run.resume() == LWB_PARKED)
        #expect(args.pointee.refcount == 1)
        run.announce()
        #expect(run.resume(LWB_ANSWER_RESULT, "null") == LWB_FINISHED)
        #expect(run.takeOutput() == "[1,2]")
        json_decref(args)
    }

    @Test func arguments_of_an_eval_that_never_ran_go_with_its_context() {
        let args = json_loads("[1]", 0, nil)!
        json_incref(args)
        do {
            let run = BridgeRun()
            #expect(run.prepare("return ...", args: args) == LWB_READY)
        }
        #expect(args.pointee.refcount == 1)
        json_decref(args)
    }

    private func resume(_ run: BridgeRun, _ kind: lwb_answer_kind, _ json: String) -> lwb_event {
        run.announce()
        return run.resume(kind, json)
    }

    @Test func a_host_call_parks_with_its_arguments() {
        let run = BridgeRun(functions: ["other", "db.users.find"])
        #expect(run.run("local a, b = db.users.find(1, 'x', nil, {y = 2}), 3 return a, b") == LWB_PARKED)
        #expect(run.function == 1)
        #expect(run.takeOutput() == #"[1,"x",null,{"y":2}]"#)
        #expect(resume(run, LWB_ANSWER_RESULT, #"{"id": 7}"#) == LWB_FINISHED)
        #expect(run.takeOutput() == #"[{"id":7},3]"#)
    }

    @Test(arguments: [
        "return fetch()", "local ok, v = pcall(fetch) return v",
        "return coroutine.wrap(function() return fetch() end)()",
        "for v in fetch do return v end", "return setmetatable({}, {__index = function() return fetch() end}).x",
        "local ok, v = pcall(pcall, fetch) local _, w = pcall(function() return v and 5 end) return w",
        "local f = load('return fetch()') return f()",
        "local r do local t <close> = setmetatable({}, {__close = function() r = fetch() end}) end return r",
    ])
    func a_host_call_parks_wherever_lua_can_yield(script: String) {
        let run = BridgeRun(functions: ["fetch"])
        #expect(run.run(script) == LWB_PARKED)
        #expect(resume(run, LWB_ANSWER_RESULT, "5") == LWB_FINISHED)
        #expect(run.takeOutput() == "5")
    }

    @Test func a_script_parks_as_often_as_it_likes() {
        let run = BridgeRun(functions: ["next_number"])
        #expect(run.prepare("local s = 0 for i = 1, 1000 do s = s + next_number(i) end return s") == LWB_READY)
        run.announce()
        var event = run.resume()
        var calls = 0
        while event == LWB_PARKED {
            calls += 1
            #expect(run.takeOutput() == "[\(calls)]")
            event = resume(run, LWB_ANSWER_RESULT, "\(calls * 2)")
        }
        #expect(event == LWB_FINISHED)
        #expect(calls == 1000)
        #expect(run.takeOutput() == "1001000")
    }

    @Test func an_error_answer_raises_a_table_that_can_be_caught() {
        let run = BridgeRun(functions: ["fetch"])
        let script = """
            local ok, e = pcall(fetch)
            return ok, e.type, e.message, e['function'], e.host_type, e.data, tostring(e)
            """
        #expect(run.run(script) == LWB_PARKED)
        let answer = #"{"message": "no", "type": "http", "data": {"status": 404}}"#
        #expect(resume(run, LWB_ANSWER_ERROR, answer) == LWB_FINISHED)
        #expect(run.takeOutput() == #"[false,"host","no","fetch","http",{"status":404},"no"]"#)
    }

    @Test func an_error_answer_that_nobody_catches_fails_the_script() {
        let run = BridgeRun(functions: ["fetch"])
        #expect(run.run("\n\nfetch()") == LWB_PARKED)
        #expect(resume(run, LWB_ANSWER_ERROR, #"{"message": "no"}"#) == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_HOST)
        #expect(run.failureMessage == "no")
        #expect(run.failureLine == 3)
    }

    @Test func a_timeout_answer_is_an_error_of_its_own_type() {
        let run = BridgeRun(functions: ["fetch"])
        #expect(run.run("fetch()") == LWB_PARKED)
        #expect(resume(run, LWB_ANSWER_TIMEOUT, #""too late""#) == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_TIMEOUT)
        #expect(run.failureMessage == "too late")
    }

    @Test func arguments_that_are_no_json_are_an_error_in_the_script() {
        let run = BridgeRun(functions: ["fetch"])
        #expect(
            run.value("local ok, e = pcall(fetch, {f = print}) return ok, e.type, e['function']")
                == #"[false,"conversion","fetch"]"#)
    }

    @Test func a_callback_answers_at_once() {
        let run = BridgeRun(functions: ["fetch"], callbacks: ["add", "fail"])
        run.onCall = { index, args in
            #expect(args == (index == 1 ? "[2,3]" : "[]"))
            return index == 1
                ? lwb_answer(kind: LWB_ANSWER_RESULT, value: json_integer(5))
                : lwb_answer(kind: LWB_ANSWER_ERROR, value: json_loads(#"{"message": "no"}"#, 0, nil))
        }
        #expect(run.value("local ok, e = pcall(fail) return add(2, 3), ok, e.message") == #"[5,false,"no"]"#)
    }

    @Test func a_callback_that_gives_nothing_gives_nil() {
        let run = BridgeRun(callbacks: ["log"])
        #expect(run.value("return log('x') == nil, select('#', log())") == "[true,1]")
    }

    @Test func a_callback_works_where_lua_cannot_yield() {
        let run = BridgeRun(callbacks: ["less"])
        run.onCall = { _, args in
            lwb_answer(
                kind: LWB_ANSWER_RESULT,
                value: args == "[1,2]" || args == "[1,3]" || args == "[2,3]" ? json_true() : json_false())
        }
        #expect(run.value("local t = {3, 1, 2} table.sort(t, less) return t") == "[1,2,3]")
    }

    @Test func a_host_call_where_nobody_can_answer_is_an_error() {
        let run = BridgeRun(functions: ["fetch"])
        #expect(run.prepare("return fetch()", parks: false) == LWB_READY)
        run.announce()
        #expect(run.resume() == LWB_FAILED)
        #expect(run.failureMessage?.contains("luawait_start") == true)
    }
}
