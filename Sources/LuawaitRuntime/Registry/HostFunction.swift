import Glibc

/// A host function: how its calls are answered.
package final class HostFunction: @unchecked Sendable {
    // Unchecked: nothing changes after init.

    package let name: String
    /// The same as a C string, as long as this object lives: events show it without copying.
    package let cName: UnsafePointer<CChar>
    /// Nil: the eval's. 0: none.
    package let timeoutMilliseconds: Int64?
    /// Nil: answered by request.
    package let callback: HostCallback?
    /// Who may take its requests.
    package let affinity: ThreadAffinity

    package init(
        name: String, timeoutMilliseconds: Int64?, callback: HostCallback?, affinity: ThreadAffinity = .anyThread
    ) {
        self.name = name
        self.affinity = affinity
        cName = UnsafePointer(strdup(name))
        self.timeoutMilliseconds = timeoutMilliseconds
        self.callback = callback
    }

    deinit {
        free(UnsafeMutablePointer(mutating: cName))
    }
}

/// A host's closure: a function and its data, with the promise that the data is dropped exactly once.
package final class HostCallback: @unchecked Sendable {
    // Unchecked: the header demands of the host that `invoke` and `drop` can be called from any thread.

    /// - Parameters: the eval, the function's name, its arguments (a JSON array).
    /// - Returns: nil: the script gets nil.
    package typealias Invoke = (EvalID, HostFunction, UnsafeBufferPointer<UInt8>) -> Answer?

    package let invoke: Invoke
    private let drop: () -> Void
    /// False until the registration has succeeded: on failure the data is still the caller's.
    private var ownsData = false

    package init(invoke: @escaping Invoke, drop: @escaping () -> Void) {
        self.invoke = invoke
        self.drop = drop
    }

    deinit {
        if ownsData { drop() }
    }

    /// From here on the data is the library's to drop. Before the callback is shared.
    package func takeOwnership() {
        ownsData = true
    }
}
