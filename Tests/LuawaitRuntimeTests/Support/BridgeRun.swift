import CJansson
import CLuaBridge
import Glibc

/// One script in one Lua world, run through the bridge's C functions on the test's own thread.
final class BridgeRun {
    let context: OpaquePointer
    let stopper: OpaquePointer
    private var eval: OpaquePointer?
    private var source = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 0)
    private var functionNames: [UnsafeMutablePointer<CChar>] = []
    private(set) var ticket: UInt64 = 0
    /// Answers functions that are callbacks: given the function's index and its arguments.
    var onCall: (UInt32, String) -> lwb_answer = { _, _ in lwb_answer(kind: LWB_ANSWER_NONE, value: nil) }

    struct Limits {
        var memory = 0
        var output = 0
        var depth: Int32 = 128
        var cpuNanoseconds: Int64 = 0
    }

    private let limits: Limits

    /// - Parameters:
    ///   - functions: answered by parking
    ///   - callbacks: answered by `onCall`; their indexes follow those of `functions`
    init(
        counting: Bool = false, limits: Limits = Limits(), functions: [String] = [], callbacks: [String] = []
    ) {
        self.limits = limits
        precondition(lwb_stop_signal_install(0) > 0)
        stopper = lwb_stopper_new(counting)!
        functionNames = (functions + callbacks).map { strdup($0) }
        let declarations = functionNames.enumerated().map { index, name in
            lwb_function(name: name, index: UInt32(index), is_callback: index >= functions.count)
        }
        var options = lwb_options(
            is_shared: false, memory_limit: limits.memory, output_limit: limits.output,
            coroutine_limit: 0, source_limit: 0, libraries: 0, max_depth: limits.depth, hash_seed: 0,
            print: LWB_PRINT_NONE)
        context = lwb_context_new(&options, declarations, declarations.count, nil)!
        lwb_stopper_bind(stopper)
    }

    deinit {
        lwb_stopper_unbind(stopper)
        lwb_context_free(context)
        lwb_stopper_free(stopper)
        for name in functionNames { free(name) }
        source.deallocate()
    }

    /// - Parameter args: an array; its reference is taken over.
    func prepare(_ script: String, args: UnsafeMutablePointer<json_t>? = nil, parks: Bool = true) -> lwb_event {
        // Kept: the bridge reads it when it first resumes the eval.
        source.deallocate()
        source = .allocate(capacity: script.utf8.count)
        _ = source.initialize(from: script.utf8)
        return "test".withCString { name in
            var setup = lwb_setup()
            setup.script = UnsafeRawPointer(source.baseAddress)?.assumingMemoryBound(to: CChar.self)
            setup.script_length = source.count
            setup.chunk_name = name
            setup.args = args
            setup.cpu_limit_ns = limits.cpuNanoseconds
            setup.parks = parks
            setup.callback = { owner, index, args, length in
                let run = Unmanaged<BridgeRun>.fromOpaque(owner!).takeUnretainedValue()
                let text = UnsafeRawBufferPointer(start: args, count: length)
                return run.onCall(index, String(decoding: text, as: UTF8.self))
            }
            setup.owner = Unmanaged.passUnretained(self).toOpaque()
            return lwb_eval_prepare(context, &setup, &eval)
        }
    }

    /// Names the next run.
    func announce() {
        ticket += 1
        lwb_stopper_announce(stopper, ticket)
    }

    @discardableResult
    func order(_ order: lwb_order) -> Bool {
        lwb_stopper_order(stopper, ticket, order)
    }

    /// Resumes the run that has been announced.
    func resume(_ kind: lwb_answer_kind = LWB_ANSWER_NONE, _ json: String? = nil) -> lwb_event {
        let value = json.flatMap { json_loads($0, Int(JSON_DECODE_ANY), nil) }
        return lwb_eval_resume(eval, stopper, lwb_answer(kind: kind, value: value))
    }

    /// Prepares and resumes once.
    func run(_ script: String, args: UnsafeMutablePointer<json_t>? = nil) -> lwb_event {
        let event = prepare(script, args: args)
        guard event == LWB_READY else { return event }
        announce()
        return resume()
    }

    /// The JSON of a script's value; nil if it did not finish.
    func value(_ script: String, args: UnsafeMutablePointer<json_t>? = nil) -> String? {
        run(script, args: args) == LWB_FINISHED ? takeOutput() : nil
    }

    func takeOutput() -> String? {
        var length = 0
        guard let bytes = lwb_context_take_output(context, &length) else { return nil }
        defer { free(bytes) }
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
    }

    var function: UInt32 { lwb_eval_function(eval) }
    var hasExceededCPU: Bool { lwb_eval_cpu_exceeded(eval) }
    var cpuLeft: Int64 { lwb_eval_cpu_left(eval) }

    var failureType: lwb_failure_type { lwb_context_failure(context).type }
    var failureLine: Int32 { lwb_context_failure(context).line }
    var failureMessage: String? { text(lwb_context_failure(context).message) }
    var failureChunk: String? { text(lwb_context_failure(context).chunk) }

    private func text(_ text: lwb_text) -> String? {
        text.bytes.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: text.length), as: UTF8.self) }
    }
}
