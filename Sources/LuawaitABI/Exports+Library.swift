public import CLuawaitHeader
import Glibc

@_cdecl("luawait_version") @implementation
public func luawait_version() -> UnsafePointer<CChar>? {
    staticText(LUAWAIT_VERSION_TEXT)
}

@_cdecl("luawait_abi_version") @implementation
public func luawait_abi_version() -> UInt32 {
    UInt32(LUAWAIT_ABI_VERSION)
}

@_cdecl("luawait_status_name") @implementation
public func luawait_status_name(_ status: luawait_status) -> UnsafePointer<CChar>? {
    // A test holds this against the header's table.
    switch status {
    case LUAWAIT_OK: staticText("LUAWAIT_OK")
    case LUAWAIT_NONE: staticText("LUAWAIT_NONE")
    case LUAWAIT_ERR_ARGUMENT: staticText("LUAWAIT_ERR_ARGUMENT")
    case LUAWAIT_ERR_MEMORY: staticText("LUAWAIT_ERR_MEMORY")
    case LUAWAIT_ERR_JSON: staticText("LUAWAIT_ERR_JSON")
    case LUAWAIT_ERR_OPTION: staticText("LUAWAIT_ERR_OPTION")
    case LUAWAIT_ERR_NOT_FOUND: staticText("LUAWAIT_ERR_NOT_FOUND")
    case LUAWAIT_ERR_EXISTS: staticText("LUAWAIT_ERR_EXISTS")
    case LUAWAIT_ERR_SYNTAX: staticText("LUAWAIT_ERR_SYNTAX")
    case LUAWAIT_ERR_SYSTEM: staticText("LUAWAIT_ERR_SYSTEM")
    case LUAWAIT_ERR_EXECUTOR: staticText("LUAWAIT_ERR_EXECUTOR")
    case LUAWAIT_ERR_LIMIT: staticText("LUAWAIT_ERR_LIMIT")
    case LUAWAIT_ERR_SHUTDOWN: staticText("LUAWAIT_ERR_SHUTDOWN")
    case LUAWAIT_ERR_FORKED: staticText("LUAWAIT_ERR_FORKED")
    default: staticText("LUAWAIT_ERR_UNKNOWN")
    }
}

@_cdecl("luawait_free") @implementation
public func luawait_free(_ text: UnsafeMutableRawPointer?) {
    free(text)
}

/// LUAWAIT_VERSION; a test holds it against the header's, which Swift sees as a String, without a lasting address.
private let LUAWAIT_VERSION_TEXT: StaticString = "0.1.0"

private func staticText(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
