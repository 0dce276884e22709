public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_context_new") @implementation
public func luawait_context_new(
    _ engine: OpaquePointer?, _ options: UnsafePointer<CChar>?, _ options_length: Int,
    _ context_id: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let context_id else { throw missing("context_id") }
        let options = try ContextOptions(
            json: text(options, options_length, "options"), defaults: engine.config.limits,
            maxDepth: engine.config.maxDepth)
        context_id.pointee = try engine.makeNamedContext(options).value
    }
}

@_cdecl("luawait_context_free") @implementation
public func luawait_context_free(_ engine: OpaquePointer?, _ context_id: UInt64) -> luawait_status {
    status { () throws(CallError) in
        try LuawaitABI.engine(engine).freeNamedContext(ContextID(context_id))
    }
}
