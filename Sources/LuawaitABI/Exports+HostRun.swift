public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_run") @implementation
public func luawait_run(
    _ engine: OpaquePointer?, _ budget_us: UInt64, _ more: UnsafeMutablePointer<Int32>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        let (nanoseconds, overflow) = Int64(clamping: budget_us).multipliedReportingOverflow(by: 1000)
        let hasMore = try engine.run(budgetNanoseconds: overflow ? .max : nanoseconds)
        more?.pointee = hasMore ? 1 : 0
    }
}

@_cdecl("luawait_next_timeout") @implementation
public func luawait_next_timeout(
    _ engine: OpaquePointer?, _ timeout_ms: UnsafeMutablePointer<Int64>?
) -> luawait_status {
    status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let timeout_ms else { throw missing("timeout_ms") }
        guard let next = engine.nextRun() else {
            timeout_ms.pointee = -1
            return
        }
        let left = max(0, next.nanoseconds - engine.clock.now().nanoseconds)
        timeout_ms.pointee = left / 1_000_000 + (left % 1_000_000 > 0 ? 1 : 0)
    }
}
