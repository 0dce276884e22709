import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

// What the tests of several subjects share.

// A test's own guards against hanging go by the system's clock.

extension Instant {
    static func now() -> Instant { SystemClock().now() }
}

extension Parker {
    func park(until deadline: Instant) { park(until: deadline, by: SystemClock()) }
}

extension String {
    /// The text as the library gets it from a host.
    func withBytes<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(CallError) -> Result
    ) throws(CallError) -> Result {
        try Array(utf8).withUnsafeBufferPointer { bytes throws(CallError) in try body(bytes) }
    }
}

func parsed(_ json: String, maxDepth: Int = 128) throws(CallError) -> JSONValue {
    try json.withBytes { bytes throws(CallError) in
        try JSONValue.parse(bytes, maxDepth: maxDepth, what: "result")
    }
}

func evalOptions(_ json: String = "{}", defaults: Limits = Limits()) throws(CallError) -> EvalOptions {
    try json.withBytes { bytes throws(CallError) in
        try EvalOptions(json: bytes, defaults: defaults, maxDepth: 128)
    }
}

func engineConfig(_ json: String = "{}") throws(CallError) -> EngineConfig {
    try json.withBytes { bytes throws(CallError) in try EngineConfig(json: bytes) }
}

func functionOptions(_ json: String, isCallback: Bool = false) throws(CallError) -> FunctionOptions {
    try json.withBytes { bytes throws(CallError) in
        try FunctionOptions(json: bytes, isCallback: isCallback, maxDepth: 128)
    }
}

func result(_ json: String) throws(CallError) -> Answer {
    try json.withBytes { bytes throws(CallError) in try Answer.result(json: bytes, maxDepth: 128) }
}

func failure(_ json: String) throws(CallError) -> Answer {
    try json.withBytes { bytes throws(CallError) in try Answer.error(json: bytes, maxDepth: 128) }
}

/// The error that `body` throws; fails the test if it does not.
func errorOf(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws -> CallError {
    do {
        try body()
    } catch let error as CallError {
        return error
    }
    Issue.record("no error was thrown", sourceLocation: sourceLocation)
    throw NotThrown()
}

struct NotThrown: Error {}

extension Outcome {
    var json: String { text?.string ?? "" }

    /// A member of the error object, as text: numbers too.
    func member(_ name: String) throws -> String? {
        let members = try parsed(json, maxDepth: 2000).members
        guard let value = members.first(where: { $0.key == name })?.value else { return nil }
        return value.string ?? value.dump()?.string
    }
}

extension EngineCore.Progress {
    /// The outcome; nil while in progress.
    var outcome: Outcome? {
        if case .ended(let outcome) = self { return outcome }
        return nil
    }
}

/// Closed until it is opened, once: lets a test say when a thread goes on.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [Parker])>((false, []))

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for parker in waiting { parker.unpark() }
    }

    /// - Returns: false if it stayed closed for half a minute: the test hangs.
    @discardableResult
    func pass() -> Bool {
        let parker = Parker()
        let deadline = Instant.now().advanced(milliseconds: 30_000)
        state.withLock { state in
            if !state.isOpen { state.waiting.append(parker) }
        }
        while Instant.now() < deadline {
            if state.withLock({ $0.isOpen }) { return true }
            parker.park(until: deadline)
        }
        return state.withLock { $0.isOpen }
    }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func add() {
        count.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    var value: Int { count.load(ordering: .sequentiallyConsistent) }
}

/// Runs `body` on `count` threads at once, each with its number, until all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
    let threads = try (0..<count).map { index in
        try Thread(name: "test") { body(index) }
    }
    for thread in threads { thread.join() }
}

/// SplitMix64: the same numbers from the same seed, on any machine.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// One chance in `count`.
    mutating func chance(in count: Int) -> Bool {
        Int.random(in: 0..<count, using: &self) == 0
    }
}

/// `LUAWAIT_SEED` replays one seed; without it, `count` of them from `first` on.
func seeds(_ count: Int, from first: UInt64 = 1) -> [UInt64] {
    if let text = getenv("LUAWAIT_SEED"), let seed = UInt64(String(cString: text)) { return [seed] }
    return Array(first..<first + UInt64(count))
}
