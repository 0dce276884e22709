/// The workers that stand in for those that wait inside scripts: how many there are, and when to ask the system again
/// for one that it has refused.
package struct StandIns: Equatable, Sendable {
    /// Those that have been started, or are about to be. None ends before its engine.
    package private(set) var count = 0
    /// How often the system has refused a thread.
    package private(set) var refusals: UInt64 = 0
    package private(set) var isRetryPlanned = false

    private static let retryMilliseconds: Int64 = 20

    package init() {}

    package mutating func oneIsStarted() {
        count += 1
    }

    /// - Returns: in how many milliseconds to try again; nil if somebody will anyway.
    package mutating func oneWasRefused() -> Int64? {
        count -= 1
        refusals += 1
        guard !isRetryPlanned else { return nil }
        isRetryPlanned = true
        return Self.retryMilliseconds
    }

    /// - Returns: how many to start: none where a worker has come free meanwhile.
    package mutating func retryIsDue(blocked: Int, hasIdle: Bool) -> Int {
        isRetryPlanned = false
        return hasIdle ? 0 : max(0, blocked - count)
    }
}
