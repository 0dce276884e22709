public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_shutdown") @implementation
public func luawait_shutdown(_ engine: OpaquePointer?, _ timeout_ms: Int64) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        try engine.shutDown(by: engine.deadline(timeout_ms))
    }
}

@_cdecl("luawait_wait_any") @implementation
public func luawait_wait_any(_ engine: OpaquePointer?, _ timeout_ms: Int64) -> luawait_status {
    var isThere = true
    let result = status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        isThere = engine.waitForEvent(until: engine.deadline(timeout_ms))
    }
    return isThere ? result : LUAWAIT_NONE
}

@_cdecl("luawait_set_waker") @implementation
public func luawait_set_waker(
    _ engine: OpaquePointer?, _ eval_id: UInt64, _ waker: UnsafePointer<luawait_waker>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        var boxed: Waker?
        if let waker {
            guard waker.pointee.struct_size >= MemoryLayout<luawait_waker>.size else {
                throw CallError(.argument, "waker.struct_size: \(waker.pointee.struct_size), too small")
            }
            guard let wake = waker.pointee.wake else { throw missing("waker.wake") }
            let (data, drop) = (waker.pointee.data, waker.pointee.drop)
            boxed = Waker(wake: { wake(data) }, drop: { drop?(data) })
        }
        try engine.setWaker(boxed, for: EvalID(eval_id))
    }
}

@_cdecl("luawait_bind_main_thread") @implementation
public func luawait_bind_main_thread(_ engine: OpaquePointer?) -> luawait_status {
    status { () throws(CallError) in try LuawaitABI.engine(engine).bindMainThread() }
}

extension Engine {
    /// Negative milliseconds are no limit.
    func deadline(_ milliseconds: Int64) -> Instant {
        milliseconds < 0 ? .distantFuture : clock.now().advanced(milliseconds: milliseconds)
    }
}
