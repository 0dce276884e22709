public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_check") @implementation
public func luawait_check(
    _ engine: OpaquePointer?, _ script: UnsafePointer<CChar>?, _ length: Int, _ name: UnsafePointer<CChar>?,
    _ name_length: Int, _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let script = try requiredScript(engine, script, length)
        let given = try text(name, name_length, "name").map { String(decoding: $0, as: UTF8.self) }
        try engine.check(script, name: chunkName(given ?? "script", what: "name"))
    }
}

@_cdecl("luawait_start") @implementation
public func luawait_start(
    _ engine: OpaquePointer?, _ script: UnsafePointer<CChar>?, _ length: Int, _ options: UnsafePointer<CChar>?,
    _ options_length: Int, _ eval_id: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let script = try requiredScript(engine, script, length)
        let options = try evalOptions(engine, options, options_length)
        guard eval_id != nil || options.isDetached else { throw missing("eval_id") }
        let id = try engine.start(copy(script), options: options)
        eval_id?.pointee = id.value
    }
}

@_cdecl("luawait_eval") @implementation
public func luawait_eval(
    _ engine: OpaquePointer?, _ script: UnsafePointer<CChar>?, _ length: Int, _ options: UnsafePointer<CChar>?,
    _ options_length: Int, _ state: UnsafeMutablePointer<Int32>?,
    _ outcome: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ outcome_length: UnsafeMutablePointer<Int>?,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let script = try requiredScript(engine, script, length)
        guard let state else { throw missing("state") }
        let options = try evalOptions(engine, options, options_length)
        guard !options.isDetached else {
            throw CallError(.option, "options.detached: luawait_eval waits for the outcome, so it cannot be detached")
        }
        let result = try engine.evaluate(copy(script), options: options)
        try report(.ended(result), state, outcome, outcome_length)
    }
}

/// Looks at the size before anything is copied.
private func requiredScript(
    _ engine: Engine, _ script: UnsafePointer<CChar>?, _ length: Int
) throws(CallError) -> UnsafeBufferPointer<UInt8> {
    let script = try requiredText(script, length, "script")
    try engine.config.checkSize(ofScript: script.count)
    return script
}

private func copy(_ script: UnsafeBufferPointer<UInt8>) throws(CallError) -> OwnedText {
    guard let text = OwnedText.copying(script) else { throw CallError(.memory, "out of memory") }
    return text
}

private func evalOptions(
    _ engine: Engine, _ options: UnsafePointer<CChar>?, _ length: Int
) throws(CallError) -> EvalOptions {
    try EvalOptions(
        json: text(options, length, "options"), defaults: engine.config.limits, maxDepth: engine.config.maxDepth)
}

@_cdecl("luawait_poll") @implementation
public func luawait_poll(
    _ engine: OpaquePointer?, _ eval_id: UInt64, _ state: UnsafeMutablePointer<Int32>?,
    _ outcome: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ outcome_length: UnsafeMutablePointer<Int>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let state else { throw missing("state") }
        try report(engine.poll(EvalID(eval_id)), state, outcome, outcome_length)
    }
}

@_cdecl("luawait_wait") @implementation
public func luawait_wait(
    _ engine: OpaquePointer?, _ eval_id: UInt64, _ timeout_ms: Int64, _ state: UnsafeMutablePointer<Int32>?,
    _ outcome: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ outcome_length: UnsafeMutablePointer<Int>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let state else { throw missing("state") }
        try report(engine.wait(EvalID(eval_id), until: engine.deadline(timeout_ms)), state, outcome, outcome_length)
    }
}

@_cdecl("luawait_cancel") @implementation
public func luawait_cancel(_ engine: OpaquePointer?, _ eval_id: UInt64) -> luawait_status {
    status { () throws(CallError) in
        try LuawaitABI.engine(engine).cancel(EvalID(eval_id))
    }
}

private func report(
    _ progress: EngineCore.Progress, _ state: UnsafeMutablePointer<Int32>,
    _ outcome: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ outcomeLength: UnsafeMutablePointer<Int>?
) throws(CallError) {
    guard case .ended(let result) = progress else {
        state.pointee = LUAWAIT_IN_PROGRESS
        outcome?.pointee = nil
        outcomeLength?.pointee = 0
        return
    }
    state.pointee = result.state.code
    if let outcome {
        outcome.pointee = nil
        try handOver(result.text, outcome, outcomeLength)
    }
}
