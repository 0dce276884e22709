public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_engine_new") @implementation
public func luawait_engine_new(
    _ config: UnsafePointer<CChar>?, _ config_length: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    FirstUse.prepare()
    return newEngine(config, config_length, out, error)
}

/// `luawait_engine_new`, but for what comes before a process's first.
func newEngine(
    _ config: UnsafePointer<CChar>?, _ config_length: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        guard let out else { throw missing("engine") }
        out.pointee = nil
        let engine = try Engine(config: EngineConfig(json: text(config, config_length, "config")))
        out.pointee = OpaquePointer(Unmanaged.passRetained(engine).toOpaque())
    }
}

@_cdecl("luawait_engine_free") @implementation
public func luawait_engine_free(_ engine: OpaquePointer?) {
    guard let engine else { return }
    // A forked child has the memory, but not the threads that this would wait for: it leaves all as it is.
    guard (try? LuawaitABI.engine(engine)) != nil else { return }
    Unmanaged<Engine>.fromOpaque(UnsafeRawPointer(engine)).takeRetainedValue().stop()
}

@_cdecl("luawait_stats") @implementation
public func luawait_stats(
    _ engine: OpaquePointer?, _ json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ length: UnsafeMutablePointer<Int>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let json else { throw missing("json") }
        try handOver(engine.stats.json(), json, length)
    }
}

// MARK: - Notification

@_cdecl("luawait_event_fd") @implementation
public func luawait_event_fd(_ engine: OpaquePointer?, _ fd: UnsafeMutablePointer<Int32>?) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let fd else { throw missing("fd") }
        fd.pointee = try engine.eventDescriptor()
    }
}

@_cdecl("luawait_set_notifier") @implementation
public func luawait_set_notifier(
    _ engine: OpaquePointer?, _ fn: luawait_notifier?, _ user_data: UnsafeMutableRawPointer?, _ drop: luawait_drop?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let notifier = fn.map { fn in
            Notifier(notify: { fn(user_data) }, drop: { drop?(user_data) })
        }
        engine.setNotifier(notifier)
        // Removing one with data of its own: nobody will ever call anything with it.
        if fn == nil { drop?(user_data) }
    }
}
