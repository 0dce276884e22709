import CLuawaitHeader
import Glibc
import LuawaitRuntime

// How the C world's pointers, lengths and statuses become Swift's values and errors. The exports use nothing else.

/// Runs an export's body and turns what it throws into a status, filling the caller's error struct.
func status(
    _ error: UnsafeMutablePointer<luawait_error>? = nil, _ body: () throws(CallError) -> Void
) -> luawait_status {
    do throws(CallError) {
        try body()
        return LUAWAIT_OK
    } catch let failure {
        let status = failure.kind.status
        fill(error, failure, status)
        return status
    }
}

extension CallError.Kind {
    fileprivate var status: luawait_status {
        switch self {
        case .argument: LUAWAIT_ERR_ARGUMENT
        case .memory: LUAWAIT_ERR_MEMORY
        case .json: LUAWAIT_ERR_JSON
        case .option: LUAWAIT_ERR_OPTION
        case .notFound: LUAWAIT_ERR_NOT_FOUND
        case .exists: LUAWAIT_ERR_EXISTS
        case .syntax: LUAWAIT_ERR_SYNTAX
        case .system: LUAWAIT_ERR_SYSTEM
        case .executor: LUAWAIT_ERR_EXECUTOR
        case .limit: LUAWAIT_ERR_LIMIT
        case .shutdown: LUAWAIT_ERR_SHUTDOWN
        case .forked: LUAWAIT_ERR_FORKED
        }
    }
}

/// Writes no further than the caller's `struct_size`: a program compiled with an older header has a smaller struct.
private func fill(_ error: UnsafeMutablePointer<luawait_error>?, _ failure: CallError, _ status: luawait_status) {
    guard let error else { return }
    let size = min(Int(error.pointee.struct_size), MemoryLayout<luawait_error>.size)
    var filled = luawait_error()
    filled.struct_size = error.pointee.struct_size
    filled.status = status
    filled.line = Int32(clamping: failure.line)
    filled.column = Int32(clamping: failure.column)
    withUnsafeMutableBytes(of: &filled.message) { room in
        var bytes = Array(failure.message.utf8.prefix(room.count - 1))
        // Not in the middle of a character.
        while !bytes.isEmpty, String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
        room.copyBytes(from: bytes)
    }
    guard size > MemoryLayout<UInt32>.size else { return }
    memcpy(error, &filled, size)
    // A struct that ends inside the message still has to hold a C string.
    let messageOffset = MemoryLayout<luawait_error>.offset(of: \.message)!
    if size > messageOffset {
        UnsafeMutableRawPointer(error).storeBytes(of: 0, toByteOffset: size - 1, as: UInt8.self)
    }
}

func missing(_ parameter: StaticString) -> CallError {
    CallError(.argument, "\(parameter): NULL")
}

/// The bytes of a text parameter; nil when it is not given (NULL with length 0).
func text(
    _ pointer: UnsafePointer<CChar>?, _ length: Int, _ parameter: StaticString
) throws(CallError) -> UnsafeBufferPointer<UInt8>? {
    let nulTerminated = -1  // LUAWAIT_NUL_TERMINATED, as Swift sees a size_t
    guard let pointer else {
        guard length == 0 else { throw CallError(.argument, "\(parameter): NULL with a length") }
        return nil
    }
    // No process has so much memory; a length that went below zero is caught here, before anything is read or copied.
    guard length >= nulTerminated, length < 1 << 47 else {
        throw CallError(.argument, "\(parameter): impossible length")
    }
    let count = length == nulTerminated ? strlen(pointer) : length
    return UnsafeBufferPointer(start: UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self), count: count)
}

func requiredText(
    _ pointer: UnsafePointer<CChar>?, _ length: Int, _ parameter: StaticString
) throws(CallError) -> UnsafeBufferPointer<UInt8> {
    guard let bytes = try text(pointer, length, parameter) else { throw missing(parameter) }
    return bytes
}

func requiredString(
    _ pointer: UnsafePointer<CChar>?, _ length: Int, _ parameter: StaticString
) throws(CallError) -> String {
    String(decoding: try requiredText(pointer, length, parameter), as: UTF8.self)
}

/// Hands text over to the caller, who frees it with `luawait_free`.
func handOver(
    _ text: OwnedText?, _ out: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ outLength: UnsafeMutablePointer<Int>?
) throws(CallError) {
    guard let text else { throw CallError(.memory, "out of memory") }
    outLength?.pointee = text.length
    out?.pointee = text.take()
}

// MARK: - Engines

/// The engine behind a handle. The handle is a retained reference; `luawait_engine_free` releases it.
func engine(_ handle: OpaquePointer?) throws(CallError) -> Engine {
    guard let handle else { throw missing("engine") }
    let engine = Unmanaged<Engine>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
    guard !engine.isForked else { throw CallError(.forked, "engine: it belongs to the parent of this process") }
    return engine
}
