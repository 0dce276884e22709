import CLuaBridge

/// What only trusted scripts get. `Include/luawait.h` documents the names.
package struct Libraries: OptionSet, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private static let named: [(name: String, library: lwb_library)] = [
        ("io", LWB_LIBRARY_IO), ("os", LWB_LIBRARY_OS), ("package", LWB_LIBRARY_PACKAGE),
        ("debug", LWB_LIBRARY_DEBUG), ("bytecode", LWB_LIBRARY_BYTECODE),
    ]

    /// Reads the key "libraries". Nil when it is not given.
    init?(_ options: OptionObject) throws(CallError) {
        guard let value = options.value("libraries") else { return nil }
        guard value.isArray else { throw options.mistake("libraries", "an array of names", value) }
        rawValue = 0
        for element in value.elements {
            guard let name = element.string else { throw options.mistake("libraries", "names", element) }
            guard let known = Self.named.first(where: { $0.name == name }) else {
                let nearest = nearestName(to: name, among: Self.named.map(\.name))
                throw options.mistake(
                    "libraries", "names of libraries that can be opened (\"\(nearest)\"?)", element)
            }
            insert(Self(rawValue: known.library.rawValue))
        }
    }
}
