/// What `luawait_start` and `luawait_eval` take. `Include/luawait.h` documents the keys.
package struct EvalOptions: Sendable {
    package var name = "script"
    package var input = Input()
    package var limits: Limits
    package var isDetached = false
    /// Nil: a private one.
    package var context: ContextID?
    /// In a named context: no globals of its own.
    package var sharesGlobals = false

    /// What the script finds when it first runs. It may be large, so whoever runs the eval gives it away then: an eval
    /// that is parked for hours has it as Lua values, which count as its memory, and not as JSON beside them.
    package struct Input: Sendable {
        /// An object.
        package var globals: JSONValue?
        /// An array.
        package var args: JSONValue?
    }

    /// More would be a table, not arguments; Lua's own limit on C stacks is near.
    private static let mostArguments = 200

    static let keys = Limits.keys + ["name", "globals", "args", "detached", "context", "globals_shared"]

    package init(json text: UnsafeBufferPointer<UInt8>?, defaults: Limits, maxDepth: Int) throws(CallError) {
        let options = try OptionObject(text, what: "options", known: Self.keys, maxDepth: maxDepth)
        limits = try Limits(options, defaults: defaults)
        name = try chunkName(options.string("name") ?? name, what: "options.name")
        isDetached = try options.bool("detached") ?? false
        context = try options.integer("context", in: 1...Int64.max).map { ContextID(UInt64($0)) }
        if let shares = try options.bool("globals_shared") {
            guard context != nil else {
                throw CallError(.option, "options.globals_shared: needs a context to share them with (options.context)")
            }
            sharesGlobals = shares
        }
        for key in Limits.worldKeys where context != nil && options.value(key) != nil {
            throw CallError(.option, "options.\(key): the context has its own (luawait_context_new)")
        }
        if let value = options.value("globals") {
            guard value.isObject else { throw options.mistake("globals", "an object", value) }
            input.globals = value
        }
        if let value = options.value("args") {
            guard value.isArray else { throw options.mistake("args", "an array", value) }
            guard value.arrayCount <= Self.mostArguments else {
                throw CallError(
                    .option, "options.args: at most \(Self.mostArguments) arguments, got \(value.arrayCount)")
            }
            input.args = value
        }
    }
}

/// What `luawait_context_new` takes.
package struct ContextOptions: Sendable {
    package var limits: Limits
    package var globals: JSONValue?

    package init(json text: UnsafeBufferPointer<UInt8>?, defaults: Limits, maxDepth: Int) throws(CallError) {
        let options = try OptionObject(
            text, what: "options", known: Limits.worldKeys + ["globals"], maxDepth: maxDepth)
        limits = try Limits(options, defaults: defaults)
        if let value = options.value("globals") {
            guard value.isObject else { throw options.mistake("globals", "an object", value) }
            globals = value
        }
    }
}

/// Lua shows a chunk's name in messages, up to a NUL.
package func chunkName(_ name: String, what: String) throws(CallError) -> String {
    if name.utf8.contains(0) { throw CallError(.option, "\(what): a chunk's name cannot contain a NUL") }
    return name
}

/// What `luawait_register` takes.
package struct FunctionOptions: Sendable {
    /// Nil: the eval's.
    package var timeoutMilliseconds: Int64?
    package var affinity = ThreadAffinity.anyThread
    package var unanswered = Unanswered.null

    private enum Thread: String, CaseIterable {
        case any, main
    }

    /// What comes of a callback that returns without an answer.
    package enum Unanswered: String, CaseIterable, Sendable {
        case null = "nil"
        case cancel
    }

    /// - Parameter isCallback: a callback answers at once, so a timeout would promise what nobody can keep; and where
    ///   the script runs.
    package init(json text: UnsafeBufferPointer<UInt8>?, isCallback: Bool, maxDepth: Int) throws(CallError) {
        let options = try OptionObject(
            text, what: "options", known: ["timeout_ms", "thread", "unanswered"], maxDepth: maxDepth)
        timeoutMilliseconds = try options.integer("timeout_ms", in: 0...(366 * 24 * 3600 * 1000))
        if try options.choice("thread", Thread.self) == .main { affinity = .mainThread }
        unanswered = try options.choice("unanswered", Unanswered.self) ?? .null
        guard isCallback else {
            if options.value("unanswered") != nil {
                throw CallError(.option, "options.unanswered: is for callbacks; a request is open until it is answered")
            }
            return
        }
        if timeoutMilliseconds != nil {
            throw CallError(.option, "options.timeout_ms: a callback answers at once and has no timeout")
        }
        if options.value("thread") != nil {
            throw CallError(.option, "options.thread: a callback runs on the thread that runs the script")
        }
    }
}
