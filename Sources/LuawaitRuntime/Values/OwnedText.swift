import Glibc

/// Text from malloc, ending with a NUL, on its way out: from jansson or the bridge, through a queue, to the host, who
/// frees it. So it crosses the library without being copied.
package final class OwnedText: @unchecked Sendable {
    // Unchecked: immutable until taken, and whoever takes it has just removed it from a queue under a lock.
    private var bytes: UnsafeMutablePointer<CChar>?
    package let length: Int

    /// - Parameter bytes: from malloc; taken over.
    init(taking bytes: UnsafeMutablePointer<CChar>, length: Int) {
        self.bytes = bytes
        self.length = length
    }

    deinit {
        free(bytes)
    }

    /// Hands the text over: the caller frees it with `free`. Once.
    package func take() -> UnsafeMutablePointer<CChar>? {
        defer { bytes = nil }
        return bytes
    }

    /// Borrowed, as long as this object lives and the text has not been taken.
    package var pointer: UnsafePointer<CChar>? { UnsafePointer(bytes) }

    /// A copy. Nil when out of memory.
    package static func copying(_ text: String) -> OwnedText? {
        var text = text
        return text.withUTF8 { utf8 in
            guard let bytes = malloc(utf8.count + 1)?.assumingMemoryBound(to: CChar.self) else { return nil }
            if let base = utf8.baseAddress { memcpy(bytes, base, utf8.count) }
            bytes[utf8.count] = 0
            return OwnedText(taking: bytes, length: utf8.count)
        }
    }

    /// A copy. Nil when out of memory.
    package static func copying(_ text: UnsafeBufferPointer<UInt8>) -> OwnedText? {
        guard text.count < Int.max, let bytes = malloc(text.count + 1)?.assumingMemoryBound(to: CChar.self) else {
            return nil
        }
        if let base = text.baseAddress { memcpy(bytes, base, text.count) }
        bytes[text.count] = 0
        return OwnedText(taking: bytes, length: text.count)
    }

    /// This object's text with one more member, whose value is JSON text. Nil when out of memory.
    ///
    /// - Precondition: the text is an object with members.
    func addingMember(_ key: String, json: [UInt8]) -> OwnedText? {
        let start = Array(",\"\(key)\":".utf8)
        let total = length + start.count + json.count
        guard let bytes, let room = malloc(total + 1) else { return nil }
        let added = UnsafeMutableRawBufferPointer(start: room + (length - 1), count: start.count + json.count + 2)
        memcpy(room, bytes, length - 1)
        added.copyBytes(from: start + json + [UInt8(ascii: "}"), 0])
        return OwnedText(taking: room.assumingMemoryBound(to: CChar.self), length: total)
    }

    /// For tests and messages.
    package var string: String {
        guard let bytes else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
    }
}
