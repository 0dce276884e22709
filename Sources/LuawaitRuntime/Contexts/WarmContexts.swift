/// Contexts made ahead, so that starting an eval need not open Lua's libraries. A context is used once: a used one is
/// never clean again.
package struct WarmContexts {
    private var contexts: [Context] = []
    private let wanted: Int

    init(wanted: Int) {
        self.wanted = wanted
    }

    var count: Int { contexts.count }
    var wantsMore: Bool { contexts.count < wanted }

    /// One that knows exactly these functions.
    mutating func take(functions: FunctionSet) -> Context? {
        guard contexts.last?.functions === functions else { return nil }
        return contexts.popLast()
    }

    /// - Returns: false if it is not wanted: there are enough, or it knows functions of yesterday.
    mutating func add(_ context: Context, current: FunctionSet) -> Bool {
        guard wantsMore, context.functions === current else { return false }
        contexts.append(context)
        return true
    }

    /// Gives up all, because the functions have changed.
    mutating func removeAll() -> [Context] {
        defer { contexts = [] }
        return contexts
    }
}
