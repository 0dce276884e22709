import Testing

@testable import LuawaitRuntime

/// What all option objects have in common, and `EvalOptions` and `FunctionOptions`.
struct OptionTests {
    private func mistake(_ json: String) throws -> CallError {
        try errorOf { _ = try evalOptions(json) }
    }

    @Test func nothing_given_is_the_defaults() throws {
        for options in [try evalOptions(), try EvalOptions(json: nil, defaults: Limits(), maxDepth: 128)] {
            #expect(options.name == "script")
            #expect(options.input.globals == nil)
            #expect(options.input.args == nil)
            #expect(!options.isDetached)
            #expect(options.limits.cpuMilliseconds == 5000)
            #expect(options.limits.timeoutMilliseconds == 0)
        }
    }

    @Test func every_key_is_read() throws {
        let options = try evalOptions(
            #"{"name": "n", "globals": {"x": 1}, "args": [1, 2], "timeout_ms": 1, "cpu_ms": 2, "call_timeout_ms": 3, "#
                + #""memory_bytes": 4, "nulls": "keep", "detached": true}"#)
        #expect(options.name == "n")
        #expect(options.input.globals?.dump()?.string == #"{"x":1}"#)
        #expect(options.input.args?.dump()?.string == "[1,2]")
        #expect(options.limits.timeoutMilliseconds == 1)
        #expect(options.limits.cpuMilliseconds == 2)
        #expect(options.limits.callTimeoutMilliseconds == 3)
        #expect(options.limits.memoryBytes == 4)
        #expect(options.limits.nulls == .keep)
        #expect(options.isDetached)
    }

    @Test func what_is_not_given_is_the_engines() throws {
        var defaults = Limits()
        defaults.cpuMilliseconds = 77
        defaults.memoryBytes = 88
        let options = try evalOptions(#"{"memory_bytes": 99}"#, defaults: defaults)
        #expect(options.limits.cpuMilliseconds == 77)
        #expect(options.limits.memoryBytes == 99)
    }

    @Test(arguments: [
        ("timeout", "timeout_ms"), ("cpu", "cpu_ms"), ("Name", "name"), ("global", "globals"), ("arg", "args"),
        ("detach", "detached"), ("memory_byte", "memory_bytes"), ("call_timeout", "call_timeout_ms"),
    ])
    func an_unknown_key_is_refused_with_the_nearest_known_one(key: String, nearest: String) throws {
        let error = try mistake("{\"\(key)\": 1}")
        #expect(error == CallError(.option, "options.\(key): unknown key; did you mean \"\(nearest)\"?"))
    }

    @Test(arguments: [
        (#"{"timeout_ms": "5s"}"#, #"options.timeout_ms: expected an integer, got "5s""#),
        (#"{"timeout_ms": 1.0}"#, "options.timeout_ms: expected an integer, got 1.0"),
        (#"{"cpu_ms": null}"#, "options.cpu_ms: expected an integer, got null"),
        (#"{"cpu_ms": true}"#, "options.cpu_ms: expected an integer, got true"),
        (#"{"detached": 1}"#, "options.detached: expected true or false, got 1"),
        (#"{"name": ["x"]}"#, #"options.name: expected a string, got ["x"]"#),
        (#"{"globals": [1]}"#, "options.globals: expected an object, got [1]"),
        (#"{"args": {"a": 1}}"#, #"options.args: expected an array, got {"a":1}"#),
        (#"{"nulls": "maybe"}"#, #"options.nulls: expected "drop" or "keep", got "maybe""#),
        (#"{"nulls": false}"#, #"options.nulls: expected "drop" or "keep", got false"#),
        (#"{"cpu_ms": -1}"#, "options.cpu_ms: expected 0 to 31622400000, got -1"),
        (#"{"timeout_ms": 31622400001}"#, "options.timeout_ms: expected 0 to 31622400000, got 31622400001"),
        (#"{"memory_bytes": -1}"#, "options.memory_bytes: expected at least 0, got -1"),
        (#"{"name": "a\u0000b"}"#, "options.name: a chunk's name cannot contain a NUL"),
        (#"[1]"#, "options: expected an object, got [1]"),
        (#""x""#, #"options: expected an object, got "x""#),
        ("null", "options: expected an object, got null"),
    ])
    func a_mistake_names_the_key_and_what_was_expected(json: String, message: String) throws {
        #expect(try mistake(json) == CallError(.option, message))
    }

    @Test func a_long_value_is_described_and_not_repeated() throws {
        let long = "[" + Array(repeating: "1", count: 50).joined(separator: ",") + "]"
        #expect(try mistake("{\"cpu_ms\": \(long)}").message == "options.cpu_ms: expected an integer, got an array")
        let text = "\"" + String(repeating: "x", count: 100_000) + "\""
        #expect(try mistake("{\"cpu_ms\": \(text)}").message == "options.cpu_ms: expected an integer, got a string")
    }

    @Test func a_key_of_a_megabyte_is_refused_quickly_and_still_has_a_nearest() throws {
        let key = String(repeating: "k", count: 1 << 20)
        let error = try mistake("{\"\(key)\": 1}")
        #expect(error.kind == .option)
        #expect(error.message.contains("unknown key; did you mean"))
    }

    @Test func a_key_given_twice_is_refused() throws {
        let error = try mistake(#"{"cpu_ms": 1, "cpu_ms": 2}"#)
        #expect(error.kind == .json)
        #expect(error.message.contains("duplicate"))
    }

    @Test(arguments: ["", "{", "{} x", "{}{}", "{\"cpu_ms\": 1}\u{0}", "{cpu_ms: 1}", "{'cpu_ms': 1}"])
    func malformed_json_is_refused(json: String) throws {
        let error = try mistake(json)
        #expect(error.kind == .json)
        #expect(error.message.hasPrefix("options: "))
    }

    @Test func options_nested_too_deep_are_refused() throws {
        let deep = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
        _ = try evalOptions("{\"args\": \(deep)}")
        #expect(try mistake("{\"args\": [\(deep)]}").message == "options: nested deeper than 128 levels (max_depth)")
    }

    @Test func at_most_200_arguments_are_taken() throws {
        func json(_ count: Int) -> String {
            #"{"args": [\#(Array(repeating: "0", count: count).joined(separator: ","))]}"#
        }
        #expect(try evalOptions(json(200)).input.args?.arrayCount == 200)
        #expect(
            try mistake(json(201)) == CallError(.option, "options.args: at most 200 arguments, got 201"))
    }

    // MARK: - Of functions

    @Test func a_function_takes_a_timeout() throws {
        #expect(try functionOptions("{}").timeoutMilliseconds == nil)
        #expect(try functionOptions(#"{"timeout_ms": 0}"#).timeoutMilliseconds == 0)
        #expect(try functionOptions(#"{"timeout_ms": 250}"#).timeoutMilliseconds == 250)
    }

    @Test func a_functions_mistakes_are_named() throws {
        #expect(
            try errorOf { _ = try functionOptions(#"{"timeout": 1}"#) }
                == CallError(.option, "options.timeout: unknown key; did you mean \"timeout_ms\"?"))
        #expect(
            try errorOf { _ = try functionOptions(#"{"timeout_ms": "5s"}"#) }
                == CallError(.option, #"options.timeout_ms: expected an integer, got "5s""#))
    }

    @Test func a_callback_has_no_timeout() throws {
        #expect(try functionOptions("{}", isCallback: true).timeoutMilliseconds == nil)
        let error = try errorOf { _ = try functionOptions(#"{"timeout_ms": 5}"#, isCallback: true) }
        #expect(error == CallError(.option, "options.timeout_ms: a callback answers at once and has no timeout"))
    }

    @Test func the_nearest_name_takes_the_fewest_edits() {
        #expect(nearestName(to: "kitten", among: ["mitten", "sitting"]) == "mitten")
        #expect(nearestName(to: "", among: ["abc", "a"]) == "a")
        #expect(nearestName(to: "abc", among: ["xyz", "ab"]) == "ab")
        #expect(nearestName(to: "x", among: []) == "")
    }
}
