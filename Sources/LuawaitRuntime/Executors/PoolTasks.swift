/// Executor "custom": how many tasks the host's pool has been given, and when it is to be given another.
///
/// A task is a turn of one of the pool's threads: it runs what is ready for about a time slice. There is one for each
/// eval that is ready, up to `most`; a task that leaves work behind is handed in anew, so that the pool's other work
/// gets its turn, too. So while something is ready, a task is outstanding, or a retry is planned, or there is no pool.
package struct PoolTasks: Equatable, Sendable {
    /// How many may be outstanding: handed in and not ended.
    package let most: Int
    package private(set) var outstanding = 0
    /// Whether there is a pool.
    package private(set) var isOpen = false
    /// What the pool said when it last refused one; nil if it has taken one since.
    package private(set) var refusal: Int32?
    package private(set) var isRetryPlanned = false
    private var retryMilliseconds: Int64 = Self.shortestRetry

    /// A pool that is full is tried again soon; one that has closed must not be asked for ever in vain a thousand times
    /// a second.
    private static let shortestRetry: Int64 = 1
    private static let longestRetry: Int64 = 1000

    package init(most: Int) {
        self.most = most
    }

    /// - Returns: how many tasks to hand in.
    package mutating func opened(readyCount: Int) -> Int {
        isOpen = true
        refusal = nil
        retryMilliseconds = Self.shortestRetry
        let wanted = max(0, min(readyCount, most - outstanding))
        outstanding += wanted
        return wanted
    }

    package mutating func closed() {
        isOpen = false
    }

    /// There is something to run.
    ///
    /// - Returns: whether to hand in a task.
    package mutating func workCame() -> Bool {
        guard isOpen, outstanding < most else { return false }
        outstanding += 1
        return true
    }

    /// The pool runs a task: it is not full, and not closed.
    package mutating func begun() {
        refusal = nil
        retryMilliseconds = Self.shortestRetry
    }

    /// - Returns: whether to hand in another one for what is left.
    package mutating func ended(leavingWork: Bool) -> Bool {
        outstanding -= 1
        return leavingWork && workCame()
    }

    /// - Returns: in how many milliseconds to try again; nil if somebody will anyway, or nobody need.
    package mutating func refused(_ code: Int32, leavingWork: Bool) -> Int64? {
        outstanding -= 1
        refusal = code
        // Each of those outstanding looks at what is left when it ends.
        guard leavingWork, isOpen, outstanding == 0, !isRetryPlanned else { return nil }
        isRetryPlanned = true
        defer { retryMilliseconds = min(retryMilliseconds * 2, Self.longestRetry) }
        return retryMilliseconds
    }

    /// - Returns: whether to hand in a task.
    package mutating func retryIsDue(hasWork: Bool) -> Bool {
        isRetryPlanned = false
        return hasWork && outstanding == 0 && workCame()
    }
}
