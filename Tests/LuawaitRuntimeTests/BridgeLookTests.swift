import CJansson
import CLuaBridge
import Testing

@testable import LuawaitRuntime

/// Where orders are looked for by counting instructions: work that few instructions do is counted, too. A script whose
/// deadline comes while it waits for an answer meets it at its first look, and the line of the stop says where that
/// was.
struct BridgeLookTests {
    /// When deadlines and slices end that are to be over at the first look.
    private static let past: Int64 = 1

    private func lines(_ first: String, _ line: String, _ count: Int) -> String {
        ([first] + Array(repeating: line, count: count)).joined(separator: "\n")
    }

    /// Runs a script up to its first call of `wait`; from there on the next look meets a deadline, or a slice's end.
    private func waiting(_ script: String, args: String? = nil) -> BridgeRun {
        let run = BridgeRun(counting: true, functions: ["wait"])
        #expect(run.prepare(script, args: args.flatMap { json_loads($0, 0, nil) }) == LWB_READY)
        run.announce()
        #expect(run.resume() == LWB_PARKED)
        run.announce()
        return run
    }

    /// - Returns: the line at which the script met its deadline, 0 if that was after its end; nil if it finished before
    ///   a look.
    private func lineOfFirstLook(_ script: String, args: String? = nil) -> Int32? {
        let run = waiting("local args = ... wait() " + script, args: args)
        lwb_stopper_set_deadline(run.stopper, Self.past)
        switch run.resume() {
        case LWB_STOPPED: return run.failureLine
        case LWB_FINISHED: return nil
        case let event:
            Issue.record("event \(event), \(run.failureMessage ?? "")")
            return nil
        }
    }

    @Test func an_order_is_found_within_some_hundred_instructions() throws {
        let line = try #require(lineOfFirstLook(lines("", "x = 1", 1000)))
        #expect(line <= 300)
        // So the scripts below, of fewer instructions, come to no look by counting them.
        #expect(lineOfFirstLook(lines("", "x = 1", 200)) == nil)
    }

    @Test func instructions_that_allocate_much_come_to_a_look() throws {
        let line = try #require(lineOfFirstLook(lines("local s = 'x'", "s = s .. s", 24)))
        #expect(line <= 21)
        #expect(lineOfFirstLook(lines("local s = 'x'", "s = s .. s", 12)) == nil)
    }

    @Test(arguments: [
        ("pcall(error)", "pcall(type, 1)"),
        ("xpcall(error, type)", "xpcall(type, type, 1)"),
    ])
    func errors_caught_come_to_a_look(failing: String, fine: String) throws {
        let line = try #require(lineOfFirstLook(lines("", failing, 40)))
        #expect(line <= 7)
        #expect(lineOfFirstLook(lines("", fine, 40)) == nil)
    }

    @Test func coroutines_too_short_to_look_come_to_a_look() throws {
        let first = "local wrap, f = coroutine.wrap, function() end"
        let line = try #require(lineOfFirstLook(lines(first, "wrap(f)()", 40)))
        #expect(line <= 35)
        #expect(lineOfFirstLook(lines(first, "wrap(f)()", 2)) == nil)
    }

    @Test func formats_that_ask_for_much_come_to_a_look() throws {
        let first = "local f, long, short = string.format, ('%%'):rep(400), '%%'"
        let line = try #require(lineOfFirstLook(lines(first, "f(long)", 40)))
        #expect(line <= 4)
        #expect(lineOfFirstLook(lines(first, "f(short)", 40)) == nil)
    }

    @Test func a_look_in_an_allocation_ends_a_slice() {
        let run = waiting(lines("wait() local s = 'x'", "s = s .. s", 22) + "\nreturn #s")
        lwb_stopper_set_slice_end(run.stopper, Self.past)
        var slices = 1
        var event = run.resume()
        while event == LWB_SLICED, slices < 100 {
            run.announce()
            event = run.resume()
            slices += 1
        }
        #expect(event == LWB_FINISHED)
        #expect(run.takeOutput() == "4194304")
        #expect(slices > 2)
    }

    @Test func slices_of_counted_instructions_do_not_end_in_an_allocation() {
        let run = BridgeRun(counting: true)
        lwb_stopper_set_slice_instructions(run.stopper, 1000)
        lwb_stopper_set_slice_end(run.stopper, Self.past)
        #expect(run.run(lines("local s = 'x'", "s = s .. s", 22) + "\nreturn #s") == LWB_FINISHED)
        #expect(run.takeOutput() == "4194304")
    }

    // MARK: - Conversions

    private let many = "[[" + Array(repeating: "{\"a\":1}", count: 20_000).joined(separator: ",") + "]]"

    @Test func the_conversion_of_a_result_is_stopped() {
        #expect(lineOfFirstLook("return args", args: many) == 0)
        #expect(lineOfFirstLook("return args", args: "[[{\"a\":1}]]") == nil)
    }

    /// The budget is used up from the first moment on, and looked at when a slice ends: which, from the callback on,
    /// the next look finds.
    @Test(arguments: [false, true]) func a_conversion_uses_up_the_scripts_processor_time(isLong: Bool) {
        let run = BridgeRun(counting: true, limits: .init(cpuNanoseconds: 1), callbacks: ["begin"])
        run.onCall = { [unowned run] _, _ in
            lwb_stopper_set_slice_end(run.stopper, Self.past)
            return lwb_answer(kind: LWB_ANSWER_RESULT, value: json_null())
        }
        let args = json_loads(isLong ? many : "[[{\"a\":1}]]", 0, nil)
        #expect(run.run("local t = ... begin() return t", args: args) == (isLong ? LWB_STOPPED : LWB_FINISHED))
        #expect(run.hasExceededCPU == isLong)
    }

    @Test(arguments: ["x", "\u{20ac}"]) func the_conversion_of_a_long_text_is_stopped(character: String) {
        let text = String(repeating: character, count: 400_000)
        #expect(lineOfFirstLook("return args", args: "[\"\(text)\"]") == 0)
    }

    /// They are looked at in pieces, whose ends must not cut a character.
    @Test(arguments: 0..<4) func a_long_text_is_converted_whole(offset: Int) {
        for character in ["x", "\u{e9}", "\u{20ac}", "\u{1f600}", "\\n"] {
            let text = String(repeating: "a", count: offset) + String(repeating: character, count: 70_000)
            let args = json_loads("[\"\(text)\"]", 0, nil)
            #expect(BridgeRun().value("return ...", args: args) == "\"\(text)\"")
        }
    }

    @Test func a_long_text_that_is_not_utf8_is_refused_wherever_it_goes_wrong() {
        for bad in ["\\x80", "\\xe2\\x82", "\\xff", "\\xed\\xa0\\x80"] {
            for at in 65_530...65_540 {
                let run = BridgeRun()
                let script = "return ('x'):rep(\(at)) .. '\(bad)' .. ('x'):rep(100)"
                #expect(run.run(script) == LWB_FAILED)
                #expect(run.failureType == LWB_FAILURE_CONVERSION)
            }
        }
    }

    @Test func the_conversion_of_an_answer_is_stopped_on_the_way() {
        let run = waiting("local t = wait() return 1")
        lwb_stopper_set_deadline(run.stopper, Self.past)
        #expect(run.resume(LWB_ANSWER_RESULT, many) == LWB_STOPPED)
        // Each of the 20,000 would have taken a hundred bytes.
        #expect(lwb_context_memory_used(run.context) < 1_000_000)
    }

    @Test(arguments: [
        // Described where it is raised, and after the script has ended.
        "local t = ... wait() error(t)",
        "local t = ... wait() local c <close> = setmetatable({}, {__close = function() error(t) end}) error('first')",
    ])
    func the_conversion_of_an_errors_data_is_stopped(script: String) {
        let run = waiting(script, args: many)
        lwb_stopper_set_deadline(run.stopper, Self.past)
        #expect(run.resume() == LWB_STOPPED)
        let other = waiting(script, args: "[[1]]")
        lwb_stopper_set_deadline(other.stopper, Self.past)
        #expect(other.resume() == LWB_FAILED)
    }
}
