import CJansson
import CLuaBridge
import Glibc

/// A JSON value that jansson holds. Immutable once it is shared.
package final class JSONValue: @unchecked Sendable {
    // Unchecked: jansson counts references atomically, and nobody changes a value that another thread may see.
    let raw: UnsafeMutablePointer<json_t>
    /// A member is missing that was set: there was no memory for it.
    private(set) var isIncomplete = false

    /// - Parameter raw: a reference, taken over.
    init(taking raw: UnsafeMutablePointer<json_t>) {
        self.raw = raw
    }

    deinit {
        json_decref(raw)
    }

    /// Another reference, for someone who takes it over.
    func retained() -> UnsafeMutablePointer<json_t> {
        json_incref(raw)
    }

    /// Parses a text from outside.
    ///
    /// - Parameters:
    ///   - text: any JSON value and nothing behind it
    ///   - maxDepth: how deep it may be nested
    ///   - what: names the text in errors, such as "result"
    /// - Throws: `CallError` of kind `.json`, with line and column.
    package static func parse(
        _ text: UnsafeBufferPointer<UInt8>, maxDepth: Int, what: String
    ) throws(CallError) -> JSONValue {
        var error = json_error_t()
        var line: Int32 = 0
        var column: Int32 = 0
        let start = UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: CChar.self)
        switch lwb_json_scan(start, text.count, Int32(maxDepth), &line, &column) {
        case LWB_SCAN_NUL:
            throw CallError(.json, "\(what): a raw NUL byte is not JSON", line: Int(line), column: Int(column))
        case LWB_SCAN_TOO_DEEP:
            throw CallError(
                .json, "\(what): nested deeper than \(maxDepth) levels (max_depth)", line: Int(line),
                column: Int(column))
        default:
            break
        }
        let flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES
        guard let raw = json_loadb(start ?? emptyText, text.count, Int(flags), &error) else {
            let message = message(of: error)
            // jansson explains whatever is wrong with a text, and says nothing when it lacks memory.
            guard !message.isEmpty else { throw .outOfMemory }
            throw CallError(
                .json, "\(what): \(message)", line: max(0, Int(error.line)), column: max(0, Int(error.column)))
        }
        return JSONValue(taking: raw)
    }

    private static func message(of error: json_error_t) -> String {
        // jansson's last byte of the text is its error code; the text before it ends with a NUL.
        withUnsafeBytes(of: error.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// A pointer for an empty text, where Swift has none and jansson wants one.
    private static var emptyText: UnsafePointer<CChar> {
        UnsafeRawPointer(("" as StaticString).utf8Start).assumingMemoryBound(to: CChar.self)
    }

    // MARK: - Reading

    var type: json_type { raw.pointee.type }
    var isObject: Bool { type == JSON_OBJECT }
    var isString: Bool { type == JSON_STRING }
    var isArray: Bool { type == JSON_ARRAY }

    var bool: Bool? {
        switch type {
        case JSON_TRUE: true
        case JSON_FALSE: false
        default: nil
        }
    }

    var integer: Int64? {
        type == JSON_INTEGER ? json_integer_value(raw) : nil
    }

    /// Nil for a string with NULs in it too: options that take text take names.
    var string: String? {
        guard type == JSON_STRING, let bytes = json_string_value(raw) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: json_string_length(raw)), as: UTF8.self)
    }

    var arrayCount: Int { json_array_size(raw) }

    var elements: [JSONValue] {
        (0..<arrayCount).compactMap { index in json_array_get(raw, index).map { JSONValue(taking: json_incref($0)) } }
    }

    /// The object's members, in the order they were written.
    var members: [(key: String, value: JSONValue)] {
        var result: [(key: String, value: JSONValue)] = []
        var iterator = json_object_iter(raw)
        while let at = iterator {
            if let key = json_object_iter_key(at), let value = json_object_iter_value(at) {
                result.append((String(cString: key), JSONValue(taking: json_incref(value))))
            }
            iterator = json_object_iter_next(raw, at)
        }
        return result
    }

    /// A short rendering for error messages.
    var preview: String {
        guard let text = dump() else { return typeName }
        let string = text.string
        return string.count <= 40 ? string : typeName
    }

    private var typeName: String {
        switch type {
        case JSON_OBJECT: "an object"
        case JSON_ARRAY: "an array"
        case JSON_STRING: "a string"
        case JSON_INTEGER, JSON_REAL: "a number"
        case JSON_NULL: "null"
        default: "a boolean"
        }
    }

    // MARK: - Writing

    /// An empty object, to be filled before it is shared. Nil when out of memory.
    static func object() -> JSONValue? {
        json_object().map(JSONValue.init(taking:))
    }

    /// The same, an empty array.
    static func array() -> JSONValue? {
        json_array().map(JSONValue.init(taking:))
    }

    /// - Parameter value: nil (out of memory) leaves it out, and the array incomplete; so does an incomplete one.
    func append(_ value: JSONValue?) {
        if value?.isIncomplete ?? true || json_array_append_new(raw, value?.retained()) != 0 { isIncomplete = true }
    }

    func set(_ key: String, _ text: String?) {
        guard var text else { return }
        let value = text.withUTF8 { utf8 in
            json_stringn(UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self), utf8.count)
        }
        set(key, taking: value)
    }

    func set(_ key: String, _ number: Int?) {
        guard let number else { return }
        set(key, taking: json_integer(json_int_t(number)))
    }

    /// - Parameter value: taken over; nil (out of memory) leaves the member out, and the object incomplete.
    func set(_ key: String, taking value: UnsafeMutablePointer<json_t>?) {
        if json_object_set_new(raw, key, value) != 0 { isIncomplete = true }
    }

    /// Nil when out of memory, or when there was none for a member.
    func dump() -> OwnedText? {
        guard !isIncomplete, let bytes = json_dumps(raw, Int(JSON_COMPACT | JSON_ENCODE_ANY)) else { return nil }
        return OwnedText(taking: bytes, length: strlen(bytes))
    }
}

extension JSONValue {
    /// A string. When there is no memory for it, null: a message that is missing is better than a script that hangs.
    static func text(_ text: String) -> JSONValue {
        var text = text
        let raw = text.withUTF8 { utf8 in
            json_stringn(UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self), utf8.count)
        }
        return JSONValue(taking: raw ?? json_null())
    }
}
