import CJansson
import CLuaBridge
import Glibc
import Testing

@testable import LuawaitRuntime

/// What scripts give, as the bridge writes it.
struct BridgeValueTests {
    @Test(arguments: [
        ("0.1", "0.1"), ("1e300", "1e+300"), ("5e-324", "5e-324"), ("-0.0", "-0.0"), ("0.0", "0.0"),
        ("100.0", "100.0"), ("1/3", "0.3333333333333333"), ("2^53", "9007199254740992.0"), ("1e15", "1e+15"),
        ("123456.0", "123456.0"), ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("math.maxinteger", "9223372036854775807"), ("math.mininteger", "-9223372036854775808"), ("0", "0"),
        ("-1", "-1"), ("7 // 2", "3"), ("7 / 2", "3.5"), ("6 / 2", "3.0"), ("3 | 0", "3"),
    ])
    func numbers_are_written_shortest_and_keep_their_kind(expression: String, json: String) {
        #expect(BridgeRun().value(expression) == json)
    }

    /// The digits that matter: without sign, point, exponent and zeros at the ends.
    private func digits(_ text: some StringProtocol) -> String {
        let mantissa = text.split(separator: "e")[0].filter(\.isNumber)
        let leading = mantissa.drop { $0 == "0" }
        return String(leading.reversed().drop { $0 == "0" }.reversed())
    }

    @Test func any_double_comes_back_bit_for_bit_in_the_fewest_digits() throws {
        for seed in seeds(20) {
            var random = SplitMix64(seed: seed)
            let args = json_array()!
            var doubles: [Double] = []
            while doubles.count < 150 {
                // Bits at random are mostly very large or very small; others are near 1.
                let double =
                    random.chance(in: 2)
                    ? Double(bitPattern: random.next())
                    : Double.random(in: -1000...1000, using: &random)
                guard double.isFinite else { continue }
                doubles.append(double)
                json_array_append_new(args, json_real(double))
            }
            let text = try #require(BridgeRun().value("return ...", args: args))
            let written = text.dropFirst().dropLast().split(separator: ",")
            try #require(written.count == doubles.count)
            for (text, double) in zip(written, doubles) {
                #expect(strtod(String(text), nil).bitPattern == double.bitPattern, "LUAWAIT_SEED=\(seed): \(text)")
                // A large whole number is written out: no digit of it is wrong, though fewer would do.
                let isWhole = text.hasSuffix(".0") && abs(double) > 0x1p53
                #expect(isWhole || digits(text) == digits("\(double)"), "LUAWAIT_SEED=\(seed): \(text)")
            }
        }
    }

    @Test func any_integer_comes_back() throws {
        for seed in seeds(20) {
            var random = SplitMix64(seed: seed)
            let args = json_array()!
            var integers: [Int64] = [0, -1, .max, .min]
            for _ in 0..<150 { integers.append(Int64(bitPattern: random.next()) >> Int64(random.next() % 64)) }
            for integer in integers { json_array_append_new(args, json_integer(integer)) }
            let expected = "[" + integers.map(String.init).joined(separator: ",") + "]"
            #expect(BridgeRun().value("return ...", args: args) == expected, "LUAWAIT_SEED=\(seed)")
        }
    }

    // MARK: - Scripts

    @Test(arguments: [
        ("1 + 1", "2"), ("1, 'two', nil", #"[1,"two",null]"#), ("", "null"), ("return", "null"), ("-- nothing", "null"),
        ("undefined", "null"), ("nil", "null"), ("(...)", "null"), ("{1, 2, 3}", "[1,2,3]"), ("{}", "{}"),
        ("{a = {b = true}}", #"{"a":{"b":true}}"#), ("json.array{}", "[]"), ("'a\\0b'", #""a\u0000b""#),
        ("local x = 20 return x * 2", "40"), ("x = 1", "null"), ("'é' .. '\\u{1F600}'", "\"é\u{1F600}\""),
        ("(function() return 1, 2 end)()", "[1,2]"), ("#'abc'", "3"), ("return 1 -- one", "1"),
    ])
    func a_script_is_an_expression_or_a_chunk(script: String, json: String) {
        #expect(BridgeRun().value(script) == json)
    }

    @Test(arguments: [
        ("x = = 1", 1, "test:1: unexpected symbol near '='"), ("local a\n\n a b", 3, "test:3: syntax error near 'b'"),
        ("for", 1, "test:1: <name> expected near <eof>"), ("return 'abc", 1, "test:1: unfinished string near <eof>"),
    ])
    func a_syntax_error_names_its_line(script: String, line: Int, message: String) {
        let run = BridgeRun()
        #expect(run.run(script) == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_SYNTAX)
        #expect(run.failureLine == line)
        #expect(run.failureChunk == "test")
        #expect(run.failureMessage == message)
    }

    @Test func checking_compiles_and_does_not_run() {
        let run = BridgeRun(callbacks: ["touch"])
        let touched = Counter()
        run.onCall = { _, _ in
            touched.add()
            return lwb_answer(kind: LWB_ANSWER_NONE, value: nil)
        }
        #expect(lwb_context_check(run.context, "touch()", 7, "test", 0) == LWB_READY)
        #expect(lwb_context_check(run.context, "touch(", 6, "test", 0) == LWB_FAILED)
        #expect(run.failureLine == 1)
        #expect(touched.value == 0)
    }

    @Test func a_binary_chunk_is_refused() {
        let run = BridgeRun()
        #expect(run.run("\u{1B}Lua") == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_SYNTAX)
    }

    @Test func an_error_names_its_place() {
        let run = BridgeRun()
        #expect(run.run("local x\n\nerror('no')") == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_RUNTIME)
        #expect(run.failureMessage == "test:3: no")
        #expect(run.failureLine == 3)
    }

    // MARK: - Limits

    @Test(arguments: [
        "local t = {}\nfor i = 1, 1e9 do t[i] = i end", "local s = 'x'\nwhile true do s = s .. s end",
        "local t = 1\nlocal s = string.rep('x', 1 << 30)", "local n = 0\nwhile true do n = {n} end",
    ])
    func memory_is_limited(script: String) {
        let run = BridgeRun(limits: .init(memory: 4 << 20))
        #expect(run.run(script) == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_MEMORY)
        #expect(run.failureMessage == "not enough memory")
        #expect(run.failureLine == 2)
        #expect(lwb_context_memory_used(run.context) <= 5 << 20)
    }

    @Test func a_script_can_catch_a_lack_of_memory_and_go_on() {
        let run = BridgeRun(limits: .init(memory: 4 << 20))
        #expect(
            run.value("local ok = pcall(string.rep, 'x', 1 << 30) return ok, 'still here'") == #"[false,"still here"]"#)
    }

    @Test func output_is_limited_to_the_byte() {
        let run = BridgeRun(limits: .init(output: 100))
        #expect(run.value("string.rep('x', 98)")?.utf8.count == 100)
        let over = BridgeRun(limits: .init(output: 100))
        #expect(over.run("string.rep('x', 99)") == LWB_FAILED)
        #expect(over.failureType == LWB_FAILURE_LIMIT)
    }

    @Test func arguments_are_output_too() {
        let run = BridgeRun(limits: .init(output: 100), functions: ["fetch"])
        #expect(run.run("fetch(string.rep('x', 101))") == LWB_FAILED)
        #expect(run.failureType == LWB_FAILURE_LIMIT)
    }

    @Test func output_is_taken_once() {
        let run = BridgeRun()
        #expect(run.value("7") == "7")
        #expect(run.takeOutput() == nil)
    }

    @Test func depth_is_limited() {
        let nested = "local t = 1 for i = 1, %d do t = {t} end return t"
        let run = BridgeRun(limits: .init(depth: 5))
        #expect(run.value(nested.replacing("%d", with: "5")) == "[[[[[1]]]]]")
        let over = BridgeRun(limits: .init(depth: 5))
        #expect(over.run(nested.replacing("%d", with: "6")) == LWB_FAILED)
        #expect(over.failureType == LWB_FAILURE_CONVERSION)
    }
}
