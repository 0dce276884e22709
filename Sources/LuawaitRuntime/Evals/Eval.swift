import CLuaBridge
import Glibc

/// One run of one script: what it needs while it runs.
///
/// How it stands (waiting, running, parked) is the core's knowledge, under its lock; what is here belongs to whichever
/// thread runs the eval, and goes from one to the next through the core's lock.
package final class Eval: @unchecked Sendable {
    // Unchecked: see above. `id`, `options` and `functions` never change; the rest is touched by the thread that has
    // taken the eval out of the run queue, or by the one that ends it there.

    package let id: EvalID
    package let options: EvalOptions
    /// What the script can call: the host functions that existed when it was started. Empty when it has ended: an
    /// outcome that nobody takes must not keep a host's callback alive.
    private(set) var functions: FunctionSet
    package let delivery: Delivery

    /// The named context it runs in; nil: a private one.
    private(set) var named: NamedContext?

    /// Takes what the script prints, when that goes to the host. Weak: the engine owns its evals.
    weak var engine: Engine?

    /// Whether its thread may wait for an answer where the script cannot park.
    private var canBlock: Bool {
        guard delivery != .direct, let config = engine?.config else { return false }
        return config.executor == .threads && config.queueLimits.blocked > 0
    }

    /// What the host is told: inside `luawait_eval` it has no id to compare with.
    var visibleID: EvalID { delivery == .direct ? EvalID(0) : id }

    /// Not an array: without memory for its copy the host is told so. Nil when the script has been on a thread.
    private(set) var script: OwnedText?
    /// Empty when the bridge has it, or the eval has ended before.
    private(set) var input: EvalOptions.Input
    private(set) var context: Context?
    private(set) var raw: OpaquePointer?
    /// What the next resume brings to the script.
    var answer: Answer?
    /// When its time is up; nil: never. Set before it first runs.
    var deadline: Instant?

    package init(
        id: EvalID, script: OwnedText?, options: EvalOptions, functions: FunctionSet, delivery: Delivery,
        named: NamedContext? = nil
    ) {
        self.named = named
        self.id = id
        self.script = script
        var options = options
        input = options.input
        options.input = EvalOptions.Input()
        self.options = options
        self.functions = functions
        self.delivery = delivery
    }

    /// Gives the script a place in `context`. It is compiled there when it first runs.
    ///
    /// - Returns: `LWB_READY`, or `LWB_FAILED` for a lack of memory.
    func prepare(in context: Context, randomSeed: UInt64 = 1) -> lwb_event {
        self.context = context
        // The bridge keeps a pointer to this object for callbacks. It does not outlive it: the context is ours.
        let owner = Unmanaged.passUnretained(self).toOpaque()
        return options.name.withCString { name in
            var setup = lwb_setup()
            // `script` and `options` stay as they are until the script has run for the first time; what it is given is
            // the bridge's from here on.
            setup.script = script?.pointer
            setup.script_length = script?.length ?? 0
            setup.chunk_name = name
            setup.globals = input.globals?.retained()
            setup.args = input.args?.retained()
            input = EvalOptions.Input()
            setup.cpu_limit_ns = options.limits.cpuMilliseconds * 1_000_000
            setup.call_limit = UInt64(options.limits.hostCalls)
            setup.random_seed = randomSeed
            setup.keep_nulls = options.limits.nulls == .keep
            setup.shares_globals = options.sharesGlobals
            setup.parks = delivery != .direct
            setup.callback = answerCallback
            setup.wait = canBlock ? waitForAnswer : nil
            setup.output = passOutput
            setup.owner = owner
            return lwb_eval_prepare(context.raw, &setup, &raw)
        }
    }

    /// The script has run, and so has been compiled.
    func forgetScript() {
        script = nil
    }

    /// What an eval leaves behind. Freeing a large world takes long, and with the last reference to a callback the
    /// host's `drop` is called: whoever gets this lets go of it where both may happen.
    package struct Remains: Sendable {
        let context: Context?
        let named: NamedContext?
        let functions: FunctionSet
        /// Of an eval that has not run.
        let script: OwnedText?
        let input: EvalOptions.Input
        /// Of the private context.
        let bytes: Int
    }

    /// Gives up all that only a script that can go on needs.
    func giveUp() -> Remains {
        defer {
            context = nil
            raw = nil
            functions = .empty
            named = nil
            script = nil
            input = EvalOptions.Input()
        }
        if let named, let raw { named.doom(raw) }
        // Nobody is inside: it is given up by the thread that has run it, or while it waits for one.
        let bytes = named == nil ? context?.memoryUsed ?? 0 : 0
        return Remains(
            context: context, named: named, functions: functions, script: script, input: input, bytes: bytes)
    }
}

/// Called by the bridge, between Lua's frames, when the script calls a function that a callback answers. Must return
/// normally.
private func answerCallback(
    owner: UnsafeMutableRawPointer?, index: UInt32, args: UnsafePointer<CChar>?, length: Int
) -> lwb_answer {
    let eval = Unmanaged<Eval>.fromOpaque(owner!).takeUnretainedValue()
    let function = eval.functions.functions[Int(index)]
    let text = UnsafeBufferPointer(
        start: UnsafeRawPointer(args!).assumingMemoryBound(to: UInt8.self), count: length)
    guard let answer = function.callback?.invoke(eval.visibleID, function, text) else {
        return lwb_answer(kind: LWB_ANSWER_NONE, value: nil)
    }
    if case .withheld(let reason) = answer { eval.engine?.condemn(eval.id, reason) }
    return answer.forBridge()
}

/// Called by the bridge, between Lua's frames, when the script calls the host where it cannot park. Must return
/// normally.
private func waitForAnswer(
    owner: UnsafeMutableRawPointer?, index: UInt32, args: UnsafePointer<CChar>?, length: Int
) -> lwb_answer {
    let eval = Unmanaged<Eval>.fromOpaque(owner!).takeUnretainedValue()
    let none = lwb_answer(kind: LWB_ANSWER_WITHHELD, value: nil)
    guard let engine = eval.engine else { return none }
    // Not copied: the text is the context's to give away, and a copy could fail.
    let text = eval.context?.takeOutput()
    return engine.waitInside(eval, eval.functions.functions[Int(index)], text)?.forBridge() ?? none
}

/// Called by the bridge, between Lua's frames, when the script prints and the host wants to have it. Must return
/// normally.
private func passOutput(owner: UnsafeMutableRawPointer?, text: UnsafePointer<CChar>?, length: Int) -> Bool {
    let eval = Unmanaged<Eval>.fromOpaque(owner!).takeUnretainedValue()
    // Bytes that are not UTF-8 become U+FFFD: hosts decode what they get, and a script may print anything.
    let line = String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    return eval.engine?.post(line, from: eval.visibleID) ?? true
}
