import CLuaBridge

/// What a script is given for a host call.
package enum Answer: Sendable {
    case result(JSONValue)
    /// An object with `message`, and perhaps `type` and `data`.
    case error(JSONValue)
    /// The host took too long. A string: the message.
    case timeout(JSONValue)
    /// There are too many requests already. A string: the message.
    case refused(JSONValue)
    /// The callback gave none, and its eval is to end.
    case withheld(EvalMachine.Condemnation)

    /// For the bridge, which takes over the reference in it.
    func forBridge() -> lwb_answer {
        switch self {
        case .result(let value): lwb_answer(kind: LWB_ANSWER_RESULT, value: value.retained())
        case .error(let value): lwb_answer(kind: LWB_ANSWER_ERROR, value: value.retained())
        case .timeout(let value): lwb_answer(kind: LWB_ANSWER_TIMEOUT, value: value.retained())
        case .refused(let value): lwb_answer(kind: LWB_ANSWER_LIMIT, value: value.retained())
        case .withheld: lwb_answer(kind: LWB_ANSWER_WITHHELD, value: nil)
        }
    }

    /// Parses what `luawait_provide_result` was given.
    package static func result(
        json text: UnsafeBufferPointer<UInt8>, maxDepth: Int
    ) throws(CallError) -> Answer {
        .result(try JSONValue.parse(text, maxDepth: maxDepth, what: "result"))
    }

    /// Parses what `luawait_provide_error` was given: a string, or an object with `message`.
    package static func error(
        json text: UnsafeBufferPointer<UInt8>, maxDepth: Int
    ) throws(CallError) -> Answer {
        let value = try JSONValue.parse(text, maxDepth: maxDepth, what: "error")
        if value.isString {
            guard let object = JSONValue.object() else { throw .outOfMemory }
            object.set("message", taking: value.retained())
            guard !object.isIncomplete else { throw .outOfMemory }
            return .error(object)
        }
        guard value.isObject else {
            throw CallError(.json, "error: expected a string or an object with \"message\", got \(value.preview)")
        }
        let options = try OptionObject(value, what: "error", known: ["message", "type", "data"])
        guard try options.string("message") != nil else {
            throw CallError(.option, "error.message: required")
        }
        _ = try options.string("type")
        return .error(value)
    }
}
