@testable import LuawaitRuntime

/// Named contexts.
extension EngineSchedule {
    func makeContext() throws {
        let isSmall = chance(in: 3)
        let id = model.contexts.count + 1
        note("make context \(id)\(isSmall ? ", a small one" : "")")
        var options = try #"{"globals": {"home": \#(id)}}"#.withBytes { bytes throws(CallError) in
            try ContextOptions(json: bytes, defaults: live.config.limits, maxDepth: 128)
        }
        if isSmall {
            options.limits.memoryBytes = SimulatedScript.smallMemory
            options.limits.coroutines = SimulatedScript.fewCoroutines
        }
        let isShutDown = model.isShutDown
        if !isShutDown { model.contexts.append(model.makeWorld(isSmall: isSmall)) }
        let accepted = try accepted(unless: .shutdown) {
            let made = try live.makeNamedContext(options)
            try expect(made.value == UInt64(id), "made as \(made.value)")
        }
        try expect(accepted != isShutDown, "made: \(accepted)")
    }

    /// - Parameter id: perhaps of one that has been freed, or of none.
    func freeContext(_ id: Int) throws {
        let isOpen = model.isOpen(context: id)
        note("free context \(id), which is \(isOpen ? "there" : "not there")")
        if isOpen { model.freeContext(id) }
        let accepted = try accepted(unless: .notFound) { try live.freeNamedContext(ContextID(UInt64(id))) }
        try expect(accepted == isOpen, "freed: \(accepted)")
    }

    /// An eval that has set a global for all in this context, and has come to its end.
    func peer(in context: Int?) -> Int? {
        guard let context else { return nil }
        return model.evals.indices.map { $0 + 1 }.filter { id in
            let eval = model[id]
            return eval.context == context && eval.script.sharesGlobals && eval.ending?.state == .succeeded
                && eval.script.acts.contains { if case .global = $0 { true } else { false } }
        }.randomElement(using: &random)
    }
}
