import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

/// An engine with its threads, and the host that the tests are.
final class EngineHost: Sendable {
    let engine: Engine
    private let descriptor: Int32

    init(_ config: String = #"{"workers": 2, "print": "none"}"#) throws {
        engine = try Engine(config: engineConfig(config))
        descriptor = try engine.eventDescriptor()
    }

    // Stops the engine itself, so that a test that fails halfway leaves no threads.
    deinit {
        engine.stop()
    }

    func start(_ script: String, _ options: String = "{}") throws -> EvalID {
        try engine.start(.copying(script)!, options: try evalOptions(options, defaults: engine.config.limits))
    }

    func evaluate(_ script: String, _ options: String = "{}") throws -> Outcome {
        try engine.evaluate(.copying(script)!, options: evalOptions(options, defaults: engine.config.limits))
    }

    /// The outcome, which must come within half a minute.
    func wait(_ id: EvalID) throws -> Outcome {
        let deadline = Instant.now().advanced(milliseconds: 30_000)
        return try #require(try engine.wait(id, until: deadline).outcome, "the eval does not end")
    }

    func run(_ script: String, _ options: String = "{}") throws -> Outcome {
        try wait(start(script, options))
    }

    // MARK: - Requests

    /// Blocks until the descriptor is readable.
    ///
    /// - Returns: false after half a minute.
    func sleepOnDescriptor() -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 30_000) == 1
    }

    var isReadable: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    func takeRequest() throws -> EngineCore.Handover? {
        try engine.takeRequest { handover throws(CallError) in handover }
    }

    /// The next request, which must come within half a minute. Only while no outcome is unread.
    func nextRequest() throws -> EngineCore.Handover {
        while true {
            if let request = try takeRequest() { return request }
            try #require(sleepOnDescriptor(), "no request comes")
        }
    }

    func answer(_ id: RequestID, _ json: String = "true") throws {
        try engine.answer(id) { () throws(CallError) in try result(json) }
    }

    // MARK: - Functions

    func register(_ name: String, _ options: String = "{}") throws {
        try engine.register(
            HostFunction(
                name: name, timeoutMilliseconds: functionOptions(options).timeoutMilliseconds, callback: nil))
    }

    func register(_ name: String, drop: @escaping () -> Void = {}, callback: @escaping HostCallback.Invoke) throws {
        try engine.register(
            HostFunction(name: name, timeoutMilliseconds: nil, callback: HostCallback(invoke: callback, drop: drop)))
    }

    /// Registers `hold()`: a script that calls it occupies its thread until `go` opens.
    func registerHold() throws -> (inside: Gate, go: Gate) {
        let (inside, go) = (Gate(), Gate())
        try register("hold") { _, _, _ in
            inside.open()
            go.pass()
            return nil
        }
        return (inside, go)
    }

    var counts: EngineCore.Counts { engine.stats.counts }
}
