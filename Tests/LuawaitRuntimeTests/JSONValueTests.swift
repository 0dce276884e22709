import CJansson
import Testing

@testable import LuawaitRuntime

struct JSONValueTests {
    private func mistake(_ json: String, maxDepth: Int = 128) throws -> CallError {
        try errorOf { _ = try parsed(json, maxDepth: maxDepth) }
    }

    private func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test(arguments: ["null", "true", "false", "0", "-7", "1.5", #""text""#, "[]", "{}", " \n\t1 ", "\r\n[1]\r\n"])
    func any_value_is_a_text(json: String) throws {
        let value = try parsed(json)
        let trimmed = json.filter { !$0.isWhitespace }
        #expect(value.dump()?.string == trimmed)
    }

    @Test func scalars_are_read_as_what_they_are() throws {
        #expect(try parsed("true").bool == true)
        #expect(try parsed("false").bool == false)
        #expect(try parsed("1").bool == nil)
        #expect(try parsed("9223372036854775807").integer == .max)
        #expect(try parsed("-9223372036854775808").integer == .min)
        #expect(try parsed("1.0").integer == nil)
        #expect(try parsed(#""x""#).string == "x")
        #expect(try parsed("null").string == nil)
        #expect(try parsed("null").isObject == false)
    }

    @Test(arguments: [
        ("", 1, 0), ("[1,", 1, 3), ("[1\n,2\n,]", 3, 2), ("{\"a\" 1}", 1, 6), ("{\"a\":1", 1, 6), ("nul", 1, 3),
        ("\n\n  oops", 3, 6), ("1 2", 1, 3), ("{} {}", 1, 4), ("[1] x", 1, 5),
    ])
    func malformed_text_is_refused_with_its_place(json: String, line: Int, column: Int) throws {
        let error = try mistake(json)
        #expect(error.kind == .json)
        #expect(error.message.hasPrefix("result: "))
        #expect((error.line, error.column) == (line, column), "\(error)")
    }

    @Test(arguments: [
        "01", "+1", "1.", ".5", "0x10", "1e", "NaN", "Infinity", "-", "'x'", "[1,]", "{,}", "{\"a\":1,}", "// c\n1",
        "tru",
        "TRUE", "\"\\x\"", "\"\\u12\"", "\"a\nb\"", "\"\\ud800\"", "]", "}", "[}", "{]", "\"", "\\",
    ])
    func what_is_not_json_is_refused(json: String) throws {
        #expect(try mistake(json).kind == .json)
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1e999", "99999999999999999999999999"])
    func numbers_out_of_range_are_refused(json: String) throws {
        #expect(try mistake(json).kind == .json)
    }

    @Test func a_key_twice_in_one_object_is_refused() throws {
        #expect(try mistake(#"{"a": 1, "b": 2, "a": 3}"#).kind == .json)
        #expect(try parsed(#"[{"a": 1}, {"a": 2}]"#).arrayCount == 2)
    }

    @Test func a_nul_escaped_in_a_string_is_fine() throws {
        let value = try parsed(#"["a\u0000b", "\u0000"]"#)
        #expect(value.dump()?.string == #"["a\u0000b","\u0000"]"#)
        #expect(try parsed(#""a\u0000b""#).string == "a\0b")
    }

    @Test(arguments: [
        ("1\u{0}", 1, 2), ("\u{0}", 1, 1), ("[1,\n\u{0}2]", 2, 1), ("\"a\u{0}b\"", 1, 3), ("\"\\\u{0}\"", 1, 3),
        ("{}\n\n\u{0}", 3, 1),
    ])
    func a_raw_nul_is_refused_with_its_place(json: String, line: Int, column: Int) throws {
        let error = try mistake(json)
        #expect(error == CallError(.json, "result: a raw NUL byte is not JSON", line: line, column: column))
    }

    @Test func a_key_with_a_nul_is_refused() throws {
        #expect(try mistake(#"{"a\u0000": 1}"#).kind == .json)
    }

    @Test func text_that_is_not_utf8_is_refused() throws {
        for bytes in [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xEF, 0xBB, 0xBF, 0x31],
        ] as [[UInt8]] {
            let error = try errorOf {
                _ = try bytes.withUnsafeBufferPointer { text throws(CallError) in
                    try JSONValue.parse(text, maxDepth: 10, what: "result")
                }
            }
            #expect(error.kind == .json)
        }
    }

    @Test func no_bytes_at_all_are_refused() throws {
        let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        let error = try errorOf { _ = try JSONValue.parse(nothing, maxDepth: 10, what: "error") }
        #expect(error.kind == .json)
        #expect(error.message.hasPrefix("error: "))
    }

    @Test(arguments: [1, 2, 128, 1000]) func nesting_is_allowed_up_to_the_limit(limit: Int) throws {
        _ = try parsed(nested(limit - 1) == "" ? "1" : nested(limit - 1), maxDepth: limit)
        _ = try parsed(nested(limit), maxDepth: limit)
        let error = try mistake(nested(limit + 1), maxDepth: limit)
        #expect(
            error
                == CallError(
                    .json, "result: nested deeper than \(limit) levels (max_depth)", line: 1, column: limit + 1))
    }

    @Test func brackets_in_strings_are_no_nesting() throws {
        let text = "[\"" + String(repeating: "[{", count: 500) + "\\\"[[[[[[\", {\"\\\\\": \"]]\"}]"
        #expect(try parsed(text, maxDepth: 2).arrayCount == 2)
    }

    @Test func siblings_are_no_nesting() throws {
        let text = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
        #expect(try parsed(text, maxDepth: 3).arrayCount == 1000)
        #expect(try mistake(text, maxDepth: 2).kind == .json)
    }

    @Test(arguments: [2000, 100_000]) func very_deep_nesting_is_refused_and_no_crash(depth: Int) throws {
        #expect(try mistake(nested(depth), maxDepth: 1000).message.contains("nested deeper"))
        #expect(try mistake(String(repeating: "[", count: depth), maxDepth: 1000).kind == .json)
        #expect(try mistake(String(repeating: "{\"a\":", count: depth), maxDepth: 1000).kind == .json)
    }

    @Test func ten_megabytes_are_parsed() throws {
        let string = "\"" + String(repeating: "x", count: 10 << 20) + "\""
        #expect(try parsed(string).string?.utf8.count == 10 << 20)
        let array = "[" + String(repeating: "0,", count: 2 << 20) + "0]"
        #expect(try parsed(array).arrayCount == (2 << 20) + 1)
    }

    @Test func members_come_in_the_order_they_were_written() throws {
        let members = try parsed(#"{"z": 1, "a": {"b": 2}, "m": null}"#).members
        #expect(members.map(\.key) == ["z", "a", "m"])
        #expect(members.map { $0.value.dump()?.string } == ["1", #"{"b":2}"#, "null"])
    }

    @Test func a_value_outlives_the_one_it_was_a_part_of() throws {
        let part = try parsed(#"{"a": [1, 2, 3]}"#).members[0].value
        #expect(part.dump()?.string == "[1,2,3]")
    }

    @Test func a_preview_is_short() throws {
        #expect(try parsed(#"{"a":1}"#).preview == #"{"a":1}"#)
        let long = String(repeating: "1,", count: 40)
        #expect(try parsed("[\(long)1]").preview == "an array")
        #expect(try parsed("{\"a\":[\(long)1]}").preview == "an object")
        #expect(try parsed("\"\(long)\"").preview == "a string")
    }

    @Test func an_object_is_built_member_by_member() throws {
        let object = try #require(JSONValue.object())
        object.set("text", "\u{1F600}\0\"")
        object.set("none", nil as String?)
        object.set("number", Int.min)
        object.set("no number", nil as Int?)
        object.set("value", taking: JSONValue.text("x").retained())
        object.set("no value", taking: nil)
        #expect(object.members.map(\.key) == ["text", "number", "value"])
        #expect(object.members[0].value.string == "\u{1F600}\0\"")
        #expect(object.members[1].value.integer == Int64.min)
    }
}
