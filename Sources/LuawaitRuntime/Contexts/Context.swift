import CLuaBridge
import Synchronization

/// A Lua world, owned. Freed with the last reference, on whatever thread drops it.
package final class Context: @unchecked Sendable {
    // Unchecked: used by one thread at a time, the one that runs its eval, or in a named context one of its evals.

    let raw: OpaquePointer
    /// The functions that were defined in it; kept, because the script can call them as long as the world exists.
    let functions: FunctionSet
    /// Bytes it may have; 0: any number. In a private context the eval's own limit may be another.
    let memoryLimit: Int
    private let count: LiveCount

    /// How many there are; shared by all contexts of an engine.
    final class LiveCount: Sendable {
        let value = Atomic<Int>(0)
    }

    /// Nil when out of memory.
    ///
    /// - Parameters:
    ///   - isShared: for many evals, each with globals of its own
    ///   - globals: what all of them see; an object
    ///   - hashSeed: of its hashes of strings, where Lua is the bundled one
    init?(
        config: EngineConfig, limits: Limits, functions: FunctionSet, count: LiveCount, isShared: Bool = false,
        globals: JSONValue? = nil, hashSeed: UInt32
    ) {
        var options = lwb_options(config: config, limits: limits, isShared: isShared)
        options.hash_seed = hashSeed
        let declarations = functions.declarations
        let made = lwb_context_new(&options, declarations.baseAddress, declarations.count, globals?.raw)
        guard let raw = made else { return nil }
        self.raw = raw
        self.functions = functions
        memoryLimit = limits.memoryBytes
        self.count = count
        count.value.wrappingAdd(1, ordering: .relaxed)
    }

    deinit {
        lwb_context_free(raw)
        count.value.wrappingSubtract(1, ordering: .relaxed)
    }

    func apply(config: EngineConfig, limits: Limits) {
        var options = lwb_options(config: config, limits: limits, isShared: false)
        lwb_context_set_options(raw, &options)
    }

    /// Bytes, garbage included. Only for the thread that has it.
    var memoryUsed: Int { lwb_context_memory_used(raw) }

    var failure: lwb_failure { lwb_context_failure(raw) }

    func takeOutput() -> OwnedText? {
        var length = 0
        guard let bytes = lwb_context_take_output(raw, &length) else { return nil }
        return OwnedText(taking: bytes, length: length)
    }
}

extension EngineConfig.Print {
    fileprivate var bridged: lwb_print {
        switch self {
        case .none: LWB_PRINT_NONE
        case .stdout: LWB_PRINT_STDOUT
        case .event: LWB_PRINT_HOST
        }
    }
}

extension lwb_options {
    fileprivate init(config: EngineConfig, limits: Limits, isShared: Bool) {
        self.init(
            is_shared: isShared, memory_limit: limits.memoryBytes, output_limit: config.outputBytes,
            coroutine_limit: limits.coroutines, source_limit: config.scriptBytes, libraries: limits.libraries.rawValue,
            max_depth: Int32(config.maxDepth), hash_seed: 0, print: config.print.bridged)
    }
}
