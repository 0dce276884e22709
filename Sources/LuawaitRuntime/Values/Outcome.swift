import CLuaBridge

/// How an eval ended.
package struct Outcome: Sendable {
    package enum State: Sendable {
        case succeeded, failed, cancelled
    }

    package var state: State
    /// JSON: the value, or the error object. Nil only when there was no memory for it.
    package var text: OwnedText?

    package init(state: State, text: OwnedText?) {
        self.state = state
        self.text = text
    }

    init(_ report: ErrorReport) {
        state = report.type == .cancelled ? .cancelled : .failed
        text = report.json() ?? report.shortJSON()
    }
}

/// The object that tells the host how an eval failed. `Include/luawait.h` describes its members.
struct ErrorReport {
    enum ErrorType: String {
        case syntax, runtime, host, timeout, cpu, memory, conversion, limit, cancelled, `internal`
    }

    var type: ErrorType
    var message: String
    var chunk: String?
    var line: Int?
    var traceback: String?
    var function: String?
    var hostType: String?
    /// JSON text as the bridge wrote it: jansson would write its numbers with 17 digits.
    var data: [UInt8]?

    init(_ type: ErrorType, _ message: String) {
        self.type = type
        self.message = message
    }

    /// Copies what the bridge has noted; `message` replaces its own, which a stopped script does not have.
    init(_ failure: lwb_failure, type: ErrorType? = nil, message: String? = nil) {
        self.type = type ?? ErrorType(failure.type)
        self.message = message ?? String(failure.message) ?? "unknown error"
        chunk = String(failure.chunk)
        line = failure.line > 0 ? Int(failure.line) : nil
        traceback = String(failure.traceback)
        function = String(failure.function)
        hostType = String(failure.host_type)
        data = failure.data.bytes.map { Array(UnsafeRawBufferPointer(start: $0, count: failure.data.length)) }
    }

    /// Nil when out of memory.
    func json() -> OwnedText? {
        guard let object = JSONValue.object() else { return nil }
        object.set("type", type.rawValue)
        object.set("message", message)
        object.set("chunk", chunk)
        object.set("line", line)
        object.set("traceback", traceback)
        object.set("function", function)
        object.set("host_type", hostType)
        guard let data, let text = object.dump() else { return object.dump() }
        return text.addingMember("data", json: data)
    }

    /// What is said when there is no memory for more. Nil when there is none at all.
    func shortJSON() -> OwnedText? {
        OwnedText.copying(
            type == .cancelled
                ? #"{"type":"cancelled","message":"not enough memory to describe why"}"#
                : #"{"type":"memory","message":"not enough memory to describe the error"}"#)
    }
}

extension ErrorReport.ErrorType {
    init(_ type: lwb_failure_type) {
        switch type {
        case LWB_FAILURE_RUNTIME: self = .runtime
        case LWB_FAILURE_SYNTAX: self = .syntax
        case LWB_FAILURE_HOST: self = .host
        case LWB_FAILURE_TIMEOUT: self = .timeout
        case LWB_FAILURE_MEMORY: self = .memory
        case LWB_FAILURE_CONVERSION: self = .conversion
        case LWB_FAILURE_LIMIT: self = .limit
        default: self = .internal
        }
    }
}

extension String {
    /// Bytes that are not UTF-8 (a script may raise any) become U+FFFD.
    fileprivate init?(_ text: lwb_text) {
        guard let bytes = text.bytes else { return nil }
        self.init(decoding: UnsafeRawBufferPointer(start: bytes, count: text.length), as: UTF8.self)
    }
}
