import CLuaBridge

/// The host functions that exist at one moment. Immutable: contexts are made with a set, and evals call into it, while
/// the host registers more.
package final class FunctionSet: @unchecked Sendable {
    // Unchecked: nothing changes after init; the pointers are this object's own.

    package let functions: [HostFunction]
    /// For the bridge: `functions` in the same order.
    let declarations: UnsafeBufferPointer<lwb_function>

    package init(_ functions: [HostFunction]) {
        self.functions = functions
        let declarations = UnsafeMutableBufferPointer<lwb_function>.allocate(capacity: functions.count)
        for (index, function) in functions.enumerated() {
            let declaration = lwb_function(
                name: function.cName, index: UInt32(index), is_callback: function.callback != nil)
            declarations.initializeElement(at: index, to: declaration)
        }
        self.declarations = UnsafeBufferPointer(declarations)
    }

    deinit {
        declarations.deallocate()
    }

    package static let empty = FunctionSet([])

    /// - Throws: `.exists` if the name, or a part or an extension of it, is taken.
    package func adding(_ function: HostFunction) throws(CallError) -> FunctionSet {
        for other in functions {
            if other.name == function.name {
                throw CallError(.exists, "name: \"\(function.name)\" is registered already")
            }
            if other.name.hasPrefix(function.name + ".") || function.name.hasPrefix(other.name + ".") {
                throw CallError(.exists, "name: \"\(function.name)\" conflicts with \"\(other.name)\"")
            }
        }
        return FunctionSet(functions + [function])
    }

    /// - Throws: `.notFound`.
    package func removing(_ name: String) throws(CallError) -> FunctionSet {
        guard functions.contains(where: { $0.name == name }) else {
            throw CallError(.notFound, "name: \"\(name)\" is not registered")
        }
        return FunctionSet(functions.filter { $0.name != name })
    }
}
