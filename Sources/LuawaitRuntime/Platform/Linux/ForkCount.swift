import CPlatform
import Synchronization

/// How many forks lie between this process and the one that loaded the library.
///
/// A child of fork(2) has its parent's memory, but none of its threads: locks that they held stay locked, and nobody
/// would ever run a script. So an engine remembers its count, and refuses calls where the count is another.
package enum ForkCount {
    private static let count = Atomic<UInt64>(0)

    /// Runs once.
    private static let handler: Void = {
        lwp_at_fork(
            { TaskTable.lockForFork() },
            { TaskTable.unlockAfterFork() },
            {
                TaskTable.unlockAfterFork()
                ForkCount.count.wrappingAdd(1, ordering: .relaxed)
            })
    }()

    /// The count of this process, which is kept from the first call on.
    package static var current: UInt64 {
        _ = handler
        return count.load(ordering: .relaxed)
    }
}
