/// A JSON object of options, read key by key. Every mistake names the key and what was expected.
struct OptionObject {
    private let what: String
    private var members: [String: JSONValue] = [:]

    /// - Parameters:
    ///   - text: JSON; an empty text is an object without members
    ///   - what: names the object in errors, such as "options"
    ///   - known: the keys that exist
    /// - Throws: `.json` for malformed text, `.option` for an unknown key or a value that is no object.
    init(
        _ text: UnsafeBufferPointer<UInt8>?, what: String, known: [String], maxDepth: Int
    ) throws(CallError) {
        guard let text else {
            self.init(empty: what)
            return
        }
        try self.init(JSONValue.parse(text, maxDepth: maxDepth, what: what), what: what, known: known)
    }

    private init(empty what: String) {
        self.what = what
    }

    init(_ value: JSONValue, what: String, known: [String]) throws(CallError) {
        self.what = what
        guard value.isObject else {
            throw CallError(.option, "\(what): expected an object, got \(value.preview)")
        }
        for (key, value) in value.members {
            guard known.contains(key) else {
                let nearest = nearestName(to: key, among: known)
                throw CallError(.option, "\(what).\(key): unknown key; did you mean \"\(nearest)\"?")
            }
            members[key] = value
        }
    }

    /// The key's value, whatever it is; nil if it is not given.
    func value(_ key: String) -> JSONValue? {
        members[key]
    }

    func integer(_ key: String, in range: ClosedRange<Int64>) throws(CallError) -> Int64? {
        guard let value = members[key] else { return nil }
        guard let integer = value.integer else { throw mistake(key, "an integer", value) }
        guard range.contains(integer) else {
            let expected =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw mistake(key, expected, value)
        }
        return integer
    }

    func bool(_ key: String) throws(CallError) -> Bool? {
        guard let value = members[key] else { return nil }
        guard let bool = value.bool else { throw mistake(key, "true or false", value) }
        return bool
    }

    func string(_ key: String) throws(CallError) -> String? {
        guard let value = members[key] else { return nil }
        guard let string = value.string else { throw mistake(key, "a string", value) }
        return string
    }

    /// One of an enumeration's raw values.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type
    ) throws(CallError) -> Choice? where Choice.RawValue == String {
        guard let value = members[key] else { return nil }
        guard let string = value.string, let choice = Choice(rawValue: string) else {
            let names = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
            throw mistake(key, names, value)
        }
        return choice
    }

    func mistake(_ key: String, _ expected: String, _ value: JSONValue) -> CallError {
        CallError(.option, "\(what).\(key): expected \(expected), got \(value.preview)")
    }
}

/// The name that begins with `name`, or else takes the fewest edits (Levenshtein distance) to become it.
func nearestName(to name: String, among names: [String]) -> String {
    // Who writes "memory" means memory_bytes, however many edits away that is.
    if name.utf8.count >= 3, let whole = names.first(where: { $0.hasPrefix(name) }) { return whole }
    // A key of megabytes is no misspelling; comparing it would cost megabytes times the number of names.
    let from = Array(name.utf8.prefix(64))
    func distance(_ other: String) -> Int {
        let to = Array(other.utf8)
        var row = Array(0...to.count)
        for (i, byte) in from.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in to.indices {
                let substituted = diagonal + (byte == to[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[to.count]
    }
    return names.min { distance($0) < distance($1) } ?? ""
}
