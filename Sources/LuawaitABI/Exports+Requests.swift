public import CLuawaitHeader
import Glibc
import LuawaitRuntime

@_cdecl("luawait_get_pending_request") @implementation
public func luawait_get_pending_request(
    _ engine: OpaquePointer?, _ request_id: UnsafeMutablePointer<UInt64>?, _ eval_id: UnsafeMutablePointer<UInt64>?,
    _ name: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ args: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ args_length: UnsafeMutablePointer<Int>?
) -> luawait_status {
    var isEmpty = false
    let result = status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let request_id else { throw missing("request_id") }
        let wantsName = name != nil
        let taken = try engine.takeRequest { (request) throws(CallError) -> Taken in
            // Copied before the request is taken: without memory it stays pending.
            var copy: OwnedText?
            if wantsName {
                copy = OwnedText.copying(request.function.name)
                if copy == nil { throw CallError(.memory, "out of memory") }
            }
            return Taken(handover: request, name: copy)
        }
        guard let taken else {
            isEmpty = true
            return
        }
        request_id.pointee = taken.handover.request.value
        eval_id?.pointee = taken.handover.eval.value
        name?.pointee = taken.name?.take()
        args_length?.pointee = taken.handover.args?.length ?? 0
        args?.pointee = taken.handover.args?.take()
    }
    return isEmpty ? LUAWAIT_NONE : result
}

private struct Taken: Sendable {
    let handover: EngineCore.Handover
    let name: OwnedText?
}

@_cdecl("luawait_provide_result") @implementation
public func luawait_provide_result(
    _ engine: OpaquePointer?, _ request_id: UInt64, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    provide(engine, request_id, json, length, error) { (text, maxDepth) throws(CallError) in
        try Answer.result(json: text, maxDepth: maxDepth)
    }
}

@_cdecl("luawait_provide_error") @implementation
public func luawait_provide_error(
    _ engine: OpaquePointer?, _ request_id: UInt64, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    provide(engine, request_id, json, length, error) { (text, maxDepth) throws(CallError) in
        try Answer.error(json: text, maxDepth: maxDepth)
    }
}

private func provide(
    _ engine: OpaquePointer?, _ request: UInt64, _ json: UnsafePointer<CChar>?, _ length: Int,
    _ error: UnsafeMutablePointer<luawait_error>?,
    _ parse: (UnsafeBufferPointer<UInt8>, Int) throws(CallError) -> Answer
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let text = try requiredText(json, length, "json")
        try engine.answer(RequestID(request)) { () throws(CallError) in
            try parse(text, engine.config.maxDepth)
        }
    }
}
