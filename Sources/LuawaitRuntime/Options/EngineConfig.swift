import Glibc

/// What `luawait_engine_new` takes. `Include/luawait.h` documents the keys.
package struct EngineConfig: Sendable {
    package enum Nulls: String, CaseIterable, Sendable {
        case drop, keep
    }

    package enum Print: String, CaseIterable, Sendable {
        case stdout, event, none
    }

    package enum Preemption: String, CaseIterable, Sendable {
        case signal, count
    }

    package enum Executor: String, CaseIterable, Sendable {
        case threads, host, custom
    }

    package var executor = Executor.threads
    package var workers = min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), 4)
    package var limits = Limits()
    package var outputBytes = 16 << 20
    package var scriptBytes = 1 << 20
    package var maxDepth = 128
    package var sliceNanoseconds: Int64 = 10_000_000
    package var warmContexts = 8
    package var print = Print.stdout
    package var preemption = Preemption.signal
    package var signal: Int32 = 0
    /// 0: another one each time.
    package var seed: Int64 = 0
    /// Whether there is a thread that keeps the deadlines and ends the slices.
    package var hasWatchdog = true
    package var queueLimits = QueueLimits()
    /// Whether a Lua with known memory faults is warned of.
    package var warnsOfLua = true

    package init() {}

    static let keys =
        Limits.keys + [
            "executor", "workers", "output_bytes", "max_depth", "slice_us", "warm_contexts", "print", "preemption",
            "signal", "seed", "watchdog", "max_evals", "max_queued", "max_requests", "max_unread", "max_blocked",
            "max_script_bytes", "lua_warning",
        ]

    /// - Parameter text: JSON, or nil for the defaults.
    package init(json text: UnsafeBufferPointer<UInt8>?) throws(CallError) {
        let options = try OptionObject(text, what: "config", known: Self.keys, maxDepth: maxDepth)
        executor = try options.choice("executor", Executor.self) ?? executor
        workers = try options.integer("workers", in: 1...256).map(Int.init) ?? workers
        limits = try Limits(options, defaults: limits)
        outputBytes = try options.integer("output_bytes", in: 0...Int64.max).map(Int.init) ?? outputBytes
        scriptBytes = try options.integer("max_script_bytes", in: 0...Int64.max).map(Int.init) ?? scriptBytes
        maxDepth = try options.integer("max_depth", in: 1...1000).map(Int.init) ?? maxDepth
        sliceNanoseconds = try options.integer("slice_us", in: 100...1_000_000).map { $0 * 1000 } ?? sliceNanoseconds
        warmContexts = try options.integer("warm_contexts", in: 0...4096).map(Int.init) ?? warmContexts
        print = try options.choice("print", Print.self) ?? print
        preemption = try options.choice("preemption", Preemption.self) ?? preemption
        seed = try options.integer("seed", in: Int64.min...Int64.max) ?? seed
        signal = try options.integer("signal", in: 0...Int64(Int32.max)).map(Int32.init) ?? signal
        queueLimits.evals = try options.integer("max_evals", in: 0...Int64.max).map(Int.init) ?? queueLimits.evals
        queueLimits.queued = try options.integer("max_queued", in: 0...Int64.max).map(Int.init) ?? queueLimits.queued
        queueLimits.requests =
            try options.integer("max_requests", in: 0...Int64.max).map(Int.init) ?? queueLimits.requests
        queueLimits.unread = try options.integer("max_unread", in: 0...Int64.max).map(Int.init) ?? queueLimits.unread
        queueLimits.blocked = try options.integer("max_blocked", in: 0...256).map(Int.init) ?? queueLimits.blocked
        hasWatchdog = try options.bool("watchdog") ?? hasWatchdog
        warnsOfLua = try options.bool("lua_warning") ?? warnsOfLua
        if !hasWatchdog {
            guard executor == .host else {
                throw CallError(.option, "config.watchdog: executor \"\(executor.rawValue)\" cannot do without")
            }
            preemption = .count  // nobody would send the signal
        }
    }

    /// - Throws: `.limit` for a script that is too long.
    package func checkSize(ofScript bytes: Int) throws(CallError) {
        guard scriptBytes > 0, bytes > scriptBytes else { return }
        throw CallError(.limit, "a script of \(bytes) bytes, at most \(scriptBytes) are allowed (max_script_bytes)")
    }
}

/// What both an engine and one of its evals can say. 0 means none.
package struct Limits: Sendable {
    package var timeoutMilliseconds: Int64 = 0
    package var cpuMilliseconds: Int64 = 5000
    package var callTimeoutMilliseconds: Int64 = 30_000
    package var memoryBytes = 64 << 20
    /// About as many as the processor time allows by default: what the host does for each is not counted there.
    package var hostCalls: Int64 = 1_000_000
    /// How many that the script has made may be alive.
    package var coroutines = 10_000
    package var libraries: Libraries = []
    package var nulls = EngineConfig.Nulls.drop

    /// What belongs to a Lua world: in a named context not the eval's to choose.
    static let worldKeys = ["memory_bytes", "max_coroutines", "libraries"]
    static let keys = ["timeout_ms", "cpu_ms", "call_timeout_ms", "max_host_calls", "nulls"] + worldKeys

    /// Milliseconds above this are refused: a year is a mistake, and nothing has to fear overflow.
    private static let longest: Int64 = 366 * 24 * 3600 * 1000

    package init() {}

    init(_ options: OptionObject, defaults: Limits) throws(CallError) {
        self = defaults
        timeoutMilliseconds = try options.integer("timeout_ms", in: 0...Self.longest) ?? timeoutMilliseconds
        cpuMilliseconds = try options.integer("cpu_ms", in: 0...Self.longest) ?? cpuMilliseconds
        callTimeoutMilliseconds =
            try options.integer("call_timeout_ms", in: 0...Self.longest) ?? callTimeoutMilliseconds
        memoryBytes = try options.integer("memory_bytes", in: 0...Int64.max).map(Int.init) ?? memoryBytes
        hostCalls = try options.integer("max_host_calls", in: 0...Int64.max) ?? hostCalls
        coroutines = try options.integer("max_coroutines", in: 0...Int64.max).map(Int.init) ?? coroutines
        libraries = try Libraries(options) ?? libraries
        nulls = try options.choice("nulls", EngineConfig.Nulls.self) ?? nulls
    }
}
