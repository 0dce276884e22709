import CLuaBridge
import Testing

@testable import LuawaitRuntime

struct AnswerTests {
    private func errorObject(_ json: String) throws -> String? {
        guard case .error(let value) = try failure(json) else { return nil }
        return value.dump()?.string
    }

    @Test(arguments: ["null", "false", "0", #""text""#, "[1,2]", #"{"a":null}"#])
    func a_result_is_any_value(json: String) throws {
        guard case .result(let value) = try result(json) else {
            Issue.record("a result is no result")
            return
        }
        #expect(value.dump()?.string == json)
    }

    @Test func a_string_is_an_error_with_that_message() throws {
        #expect(try errorObject(#""not found""#) == #"{"message":"not found"}"#)
        #expect(try errorObject(#""""#) == #"{"message":""}"#)
        #expect(try errorObject(#""a\u0000b""#) == #"{"message":"a\u0000b"}"#)
    }

    @Test(arguments: [
        #"{"message":"m"}"#, #"{"message":"m","type":"http"}"#, #"{"message":"m","data":null}"#,
        #"{"message":"m","type":"http","data":{"status":404,"tags":[1]}}"#, #"{"message":"m","data":"text"}"#,
    ])
    func an_error_object_keeps_its_members(json: String) throws {
        #expect(try errorObject(json) == json)
    }

    @Test(arguments: ["null", "1", "true", "[]", #"["message"]"#])
    func an_error_is_a_string_or_an_object(json: String) throws {
        let error = try errorOf { _ = try failure(json) }
        #expect(error == CallError(.json, "error: expected a string or an object with \"message\", got \(json)"))
    }

    @Test(arguments: [
        ("{}", "error.message: required"), (#"{"type": "t", "data": 1}"#, "error.message: required"),
        (#"{"message": 1}"#, "error.message: expected a string, got 1"),
        (#"{"message": null}"#, "error.message: expected a string, got null"),
        (#"{"message": "m", "type": 404}"#, "error.type: expected a string, got 404"),
        (#"{"message": "m", "datum": 1}"#, "error.datum: unknown key; did you mean \"data\"?"),
        (#"{"mesage": "m"}"#, "error.mesage: unknown key; did you mean \"message\"?"),
    ])
    func a_mistake_in_an_error_object_is_named(json: String, message: String) throws {
        #expect(try errorOf { _ = try failure(json) } == CallError(.option, message))
    }

    @Test(arguments: ["", "{", "oops", "\"a\" b", "\"a\"\u{0}"])
    func malformed_answers_are_refused_under_their_name(json: String) throws {
        let wrongResult = try errorOf { _ = try result(json) }
        #expect(wrongResult.kind == .json)
        #expect(wrongResult.message.hasPrefix("result: "))
        let wrongError = try errorOf { _ = try failure(json) }
        #expect(wrongError.kind == .json)
        #expect(wrongError.message.hasPrefix("error: "))
    }

    @Test func the_bridge_gets_a_reference_of_its_own() throws {
        for (answer, kind) in [
            (try result("[1]"), LWB_ANSWER_RESULT), (try failure(#""m""#), LWB_ANSWER_ERROR),
            (Answer.timeout(.text("late")), LWB_ANSWER_TIMEOUT), (Answer.refused(.text("full")), LWB_ANSWER_LIMIT),
        ] {
            let value: JSONValue
            switch answer {
            case .result(let given), .error(let given), .timeout(let given), .refused(let given): value = given
            case .withheld: continue
            }
            let before = value.raw.pointee.refcount
            let given = answer.forBridge()
            #expect(given.kind == kind)
            #expect(given.value == value.raw)
            #expect(value.raw.pointee.refcount == before + 1)
            _ = JSONValue(taking: given.value)
            #expect(value.raw.pointee.refcount == before)
        }
    }
}
