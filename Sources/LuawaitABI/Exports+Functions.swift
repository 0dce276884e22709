public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_register") @implementation
public func luawait_register(
    _ engine: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_length: Int, _ options: UnsafePointer<CChar>?,
    _ options_length: Int, _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        try register(engine, name, name_length, options, options_length, isCallback: false) { _ in nil }
    }
}

@_cdecl("luawait_register_callback") @implementation
public func luawait_register_callback(
    _ engine: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_length: Int, _ options: UnsafePointer<CChar>?,
    _ options_length: Int, _ fn: luawait_callback?, _ user_data: UnsafeMutableRawPointer?, _ drop: luawait_drop?,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let fn else { throw missing("fn") }
        let maxDepth = engine.config.maxDepth
        try register(engine, name, name_length, options, options_length, isCallback: true) { options in
            HostCallback(
                invoke: { eval, function, args in
                    call(fn, user_data, eval, function, args, options.unanswered, maxDepth: maxDepth)
                },
                drop: { drop?(user_data) })
        }
    }
}

private func register(
    _ engine: Engine, _ name: UnsafePointer<CChar>?, _ nameLength: Int, _ options: UnsafePointer<CChar>?,
    _ optionsLength: Int, isCallback: Bool, _ makeCallback: (FunctionOptions) -> HostCallback?
) throws(CallError) {
    let name = try requiredString(name, nameLength, "name")
    let options = try FunctionOptions(
        json: text(options, optionsLength, "options"), isCallback: isCallback, maxDepth: engine.config.maxDepth)
    let callback = makeCallback(options)
    try engine.register(
        HostFunction(
            name: name, timeoutMilliseconds: options.timeoutMilliseconds, callback: callback,
            affinity: options.affinity))
}

@_cdecl("luawait_unregister") @implementation
public func luawait_unregister(
    _ engine: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ name_length: Int
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        try engine.unregister(requiredString(name, name_length, "name"))
    }
}

// MARK: - Callbacks

/// What `luawait_call_return`, `luawait_call_fail` and `luawait_call_cancel` fill while the callback runs.
private final class Reply {
    var answer: Answer?
    var isCancelled = false
    let maxDepth: Int

    init(maxDepth: Int) {
        self.maxDepth = maxDepth
    }
}

/// Calls the host.
private func call(
    _ fn: luawait_callback, _ userData: UnsafeMutableRawPointer?, _ eval: EvalID, _ function: HostFunction,
    _ args: UnsafeBufferPointer<UInt8>, _ unanswered: FunctionOptions.Unanswered, maxDepth: Int
) -> Answer? {
    let reply = Reply(maxDepth: maxDepth)
    return withExtendedLifetime(reply) {
        function.name.withCString { name in
            var call = luawait_call()
            call.struct_size = UInt32(MemoryLayout<luawait_call>.size)
            call.eval_id = eval.value
            call.name = name
            call.name_length = function.name.utf8.count
            call.args = UnsafeRawPointer(args.baseAddress)?.assumingMemoryBound(to: CChar.self)
            call.args_length = args.count
            call.reply = Unmanaged.passUnretained(reply).toOpaque()
            fn(userData, &call)
            if reply.isCancelled { return .withheld(.cancelled) }
            if reply.answer == nil, unanswered == .cancel { return .withheld(.unanswered(function: function.name)) }
            return reply.answer
        }
    }
}

@_cdecl("luawait_call_return") @implementation
public func luawait_call_return(
    _ call: UnsafeMutablePointer<luawait_call>?, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    answer(call, json, length, error) { (text, maxDepth) throws(CallError) in
        try Answer.result(json: text, maxDepth: maxDepth)
    }
}

@_cdecl("luawait_call_fail") @implementation
public func luawait_call_fail(
    _ call: UnsafeMutablePointer<luawait_call>?, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    answer(call, json, length, error) { (text, maxDepth) throws(CallError) in
        try Answer.error(json: text, maxDepth: maxDepth)
    }
}

@_cdecl("luawait_call_cancel") @implementation
public func luawait_call_cancel(_ call: UnsafeMutablePointer<luawait_call>?) -> luawait_status {
    status { () throws(CallError) in
        try reply(to: call).isCancelled = true
    }
}

private func reply(to call: UnsafeMutablePointer<luawait_call>?) throws(CallError) -> Reply {
    guard let opaque = call?.pointee.reply else { throw missing("call") }
    return Unmanaged<Reply>.fromOpaque(opaque).takeUnretainedValue()
}

private func answer(
    _ call: UnsafeMutablePointer<luawait_call>?, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?,
    _ parse: (UnsafeBufferPointer<UInt8>, Int) throws(CallError) -> Answer
) -> luawait_status {
    status(error) { () throws(CallError) in
        let reply = try reply(to: call)
        let text = try requiredText(json, length, "json")
        guard reply.answer == nil else { throw CallError(.notFound, "call: answered already") }
        reply.answer = try parse(text, reply.maxDepth)
    }
}
