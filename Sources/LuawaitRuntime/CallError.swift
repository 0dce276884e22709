/// Why a call of the host's failed: the call, not the eval. The ABI turns it into a status and a `luawait_error`.
package struct CallError: Error, Equatable {
    package enum Kind: Sendable {
        case argument, memory, json, option, notFound, exists, syntax, system, executor, limit, shutdown, forked
    }

    package var kind: Kind
    package var message: String
    /// In the JSON or the script, from 1; 0 when there is none.
    package var line: Int
    package var column: Int

    package init(_ kind: Kind, _ message: String, line: Int = 0, column: Int = 0) {
        self.kind = kind
        self.message = message
        self.line = line
        self.column = column
    }

    static let isShutDown = CallError(.shutdown, "the engine has been shut down")
    static let outOfMemory = CallError(.memory, "out of memory")
}
