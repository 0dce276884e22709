import DequeModule

/// What ended evals have left, Lua states above all, whose memory is to be reclaimed.
///
/// To free a state of tens of megabytes takes tens of milliseconds. So whoever runs scripts takes one large state at a
/// time, or some small ones, and looks for scripts that are ready in between. As long as little is retired, they go
/// first. Beyond that every second turn reclaims: a script waits for one batch at most, and states cannot pile up,
/// because each of them was made in the turn of a script.
package struct ReclaimQueue: Sendable {
    private var retired = Deque<Eval.Remains>()
    /// Of all that is retired.
    package private(set) var bytes = 0
    private var hasJustReclaimed = false
    /// How much may be retired while scripts are ready.
    private let most: (count: Int, bytes: Int)
    /// A fraction of a millisecond's work, unless a single state takes longer.
    private static let mostInBatch = (count: 16, bytes: 1 << 20)

    /// - Parameters:
    ///   - count: how many evals' remains, and `bytes` of them, may be retired while scripts are ready
    package init(mostRetired count: Int = 1000, mostBytes bytes: Int = 256 << 20) {
        most = (count, bytes)
    }

    package var isEmpty: Bool { retired.isEmpty }
    package var count: Int { retired.count }

    /// Whether reclaiming comes before scripts that are ready.
    package var isDue: Bool {
        !hasJustReclaimed && (retired.count > most.count || bytes > most.bytes)
    }

    mutating func retire(_ remains: Eval.Remains) {
        retired.append(remains)
        bytes += remains.bytes
    }

    /// The oldest, at least one if there is any: whoever gets them lets go of them, outside the core's lock.
    mutating func takeBatch() -> [Eval.Remains] {
        var batch: [Eval.Remains] = []
        var batchBytes = 0
        while batch.count < Self.mostInBatch.count, let next = retired.first {
            batchBytes += next.bytes
            if !batch.isEmpty, batchBytes > Self.mostInBatch.bytes { break }
            bytes -= next.bytes
            batch.append(retired.removeFirst())
        }
        hasJustReclaimed = true
        return batch
    }

    /// It is the turn of a script.
    mutating func scriptHasTurn() {
        hasJustReclaimed = false
    }
}
