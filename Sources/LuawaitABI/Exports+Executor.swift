public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_set_executor") @implementation
public func luawait_set_executor(
    _ engine: OpaquePointer?, _ executor: UnsafePointer<luawait_executor>?,
    _ error: UnsafeMutablePointer<luawait_error>?
) -> luawait_status {
    status(error) { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard engine.config.executor == .custom else {
            throw CallError(
                .executor, "config.executor: expected \"custom\", got \"\(engine.config.executor.rawValue)\"")
        }
        engine.setPool(try executor.map(HostPool.init))
    }
}

extension HostPool {
    fileprivate convenience init(_ executor: UnsafePointer<luawait_executor>) throws(CallError) {
        let size = executor.pointee.struct_size
        guard size >= MemoryLayout<luawait_executor>.size else {
            throw CallError(.argument, "executor.struct_size: \(size), too small")
        }
        guard let submit = executor.pointee.submit else { throw missing("executor.submit") }
        let (data, drop) = (executor.pointee.data, executor.pointee.drop)
        self.init(
            submit: { task in submit(data, runTask, UnsafeMutableRawPointer(bitPattern: task.value)) },
            drop: { drop?(data) })
    }
}

/// What the host's pool calls. The pointer is a number: nothing is there, so a task that comes twice or late does no
/// harm.
private func runTask(_ task: UnsafeMutableRawPointer?) {
    Engine.runTask(TaskID(UInt(bitPattern: task)))
}
