/// Names an eval for the engine's whole life. 0 is none.
package struct EvalID: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }
}

/// Names a request for the engine's whole life. 0 is none.
package struct RequestID: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }
}

/// Names a named context for the engine's whole life. 0 is none.
package struct ContextID: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }
}

/// Names one stay of a script on a thread: what a stop is addressed to. Unique for its thread.
package struct Ticket: Hashable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) {
        self.value = value
    }
}
