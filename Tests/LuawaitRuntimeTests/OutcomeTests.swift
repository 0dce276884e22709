import CLuaBridge
import Glibc
import Testing

@testable import LuawaitRuntime

struct OutcomeTests {
    @Test func a_report_has_the_members_it_knows_in_a_fixed_order() {
        var report = ErrorReport(.host, "no such user")
        #expect(report.json()?.string == #"{"type":"host","message":"no such user"}"#)
        report.chunk = "main"
        report.line = 3
        report.traceback = "stack traceback:\n\t[C]: in ?"
        report.function = "db.find"
        report.hostType = "not_found"
        report.data = Array("\"x\"".utf8)
        #expect(
            report.json()?.string
                == #"{"type":"host","message":"no such user","chunk":"main","line":3,"#
                + #""traceback":"stack traceback:\n\t[C]: in ?","function":"db.find","host_type":"not_found","data":"x"}"#
        )
    }

    @Test(arguments: [
        (ErrorReport.ErrorType.syntax, "syntax"), (.runtime, "runtime"), (.host, "host"), (.timeout, "timeout"),
        (.cpu, "cpu"), (.memory, "memory"), (.conversion, "conversion"), (.limit, "limit"), (.cancelled, "cancelled"),
        (.internal, "internal"),
    ])
    func only_cancelled_is_the_state_cancelled(type: ErrorReport.ErrorType, name: String) throws {
        let outcome = Outcome(ErrorReport(type, "m"))
        #expect(outcome.state == (type == .cancelled ? .cancelled : .failed))
        #expect(try outcome.member("type") == name)
    }

    @Test func the_bridges_failure_types_have_their_names() {
        let names: [(lwb_failure_type, ErrorReport.ErrorType)] = [
            (LWB_FAILURE_RUNTIME, .runtime), (LWB_FAILURE_SYNTAX, .syntax), (LWB_FAILURE_HOST, .host),
            (LWB_FAILURE_TIMEOUT, .timeout), (LWB_FAILURE_MEMORY, .memory), (LWB_FAILURE_CONVERSION, .conversion),
            (LWB_FAILURE_LIMIT, .limit), (LWB_FAILURE_INTERNAL, .internal),
        ]
        for (type, name) in names { #expect(ErrorReport.ErrorType(type) == name) }
    }

    private func report(_ message: [UInt8], line: Int32 = 0, data: String? = nil) -> ErrorReport {
        message.withUnsafeBytes { message in
            Array((data ?? "").utf8).withUnsafeBytes { bytes in
                var failure = lwb_failure()
                failure.type = LWB_FAILURE_RUNTIME
                failure.line = line
                failure.message = lwb_text(
                    bytes: message.baseAddress?.assumingMemoryBound(to: CChar.self), length: message.count)
                if data != nil {
                    failure.data = lwb_text(
                        bytes: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length: bytes.count)
                }
                return ErrorReport(failure)
            }
        }
    }

    @Test func what_the_bridge_has_not_noted_is_absent() {
        #expect(report(Array("m".utf8)).json()?.string == #"{"type":"runtime","message":"m"}"#)
        #expect(report([]).json()?.string == #"{"type":"runtime","message":""}"#)
        #expect(ErrorReport(lwb_failure()).json()?.string == #"{"type":"runtime","message":"unknown error"}"#)
    }

    @Test func a_line_of_0_is_none() {
        #expect(report([0x6D], line: 0).line == nil)
        #expect(report([0x6D], line: 12).line == 12)
    }

    @Test func bytes_that_are_not_utf8_are_replaced() throws {
        let outcome = Outcome(report([0x61, 0xFF, 0x62]))
        #expect(try outcome.member("message") == "a\u{FFFD}b")
    }

    @Test func a_message_may_contain_a_nul() throws {
        #expect(try Outcome(report([0x61, 0x00, 0x62])).member("message") == "a\0b")
    }

    @Test func data_is_json() throws {
        #expect(try Outcome(report([0x6D], data: #"{"a":[1,2]}"#)).member("data") == #"{"a":[1,2]}"#)
    }

    @Test(arguments: ["0.1", "1e+300", "5e-324", "-0.0", "100.0", "0.3333333333333333", "9223372036854775807"])
    func numbers_in_an_errors_data_keep_their_shortest_form(number: String) {
        let json = Outcome(report([0x6D], data: "[\(number)]")).json
        #expect(json == #"{"type":"runtime","message":"m","data":[\#(number)]}"#)
    }

    @Test func text_is_handed_over_once_and_ends_with_a_nul() throws {
        let text = try #require(OwnedText.copying("a\0é"))
        #expect(text.length == 4)
        #expect(text.string == "a\0é")
        let bytes = try #require(text.take())
        #expect(bytes[4] == 0)
        #expect(text.take() == nil)
        #expect(text.string == "")
        free(bytes)
        #expect(OwnedText.copying("")?.length == 0)
    }
}
