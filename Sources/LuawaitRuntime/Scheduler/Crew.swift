/// The workers of an engine: whom to wake when there is something to run, who may run it, and how many to start.
///
/// A worker is idle, busy with a script, or pinned: its script waits for an answer where Lua cannot yield, and keeps
/// the thread. A pinned worker does not count among the busy ones, so that another may run meanwhile.
package struct Crew: Sendable {
    /// Those that wait to be woken. The one that came last goes first: its caches are the warmest.
    package private(set) var idle: [Worker] = []
    package private(set) var busyCount = 0
    package private(set) var pinnedCount = 0
    package private(set) var standIns = StandIns()
    private let mostBusy: Int
    private let mostPinned: Int

    package init(mostBusy: Int, mostPinned: Int) {
        self.mostBusy = mostBusy
        self.mostPinned = mostPinned
    }

    /// Whether one more may run a script.
    package var hasRoom: Bool { busyCount < mostBusy }
    /// Whether one more may be pinned.
    package var mayPin: Bool { pinnedCount < mostPinned }

    /// There is something to run.
    ///
    /// - Returns: whom to wake; nil if nobody is idle, or as many run as may.
    package mutating func workCame() -> Worker? {
        hasRoom ? idle.popLast() : nil
    }

    /// The worker has come for something to do: the script that it ran has left it.
    package mutating func reported(_ worker: Worker) {
        guard worker.isBusy else { return }
        worker.isBusy = false
        busyCount -= 1
    }

    /// The worker has been given a script.
    package mutating func began(_ worker: Worker) {
        worker.isBusy = true
        busyCount += 1
    }

    /// The worker waits to be woken.
    package mutating func fellAsleep(_ worker: Worker) {
        idle.append(worker)
    }

    /// The engine stops.
    ///
    /// - Returns: whom to wake.
    package mutating func dismissed() -> [Worker] {
        defer { idle = [] }
        return idle
    }

    /// The script of a busy worker waits for an answer, and keeps the thread.
    ///
    /// - Returns: how many workers to start: somebody must be there for what is ready, and for what will be.
    package mutating func pinned() -> Int {
        pinnedCount += 1
        busyCount -= 1
        guard idle.isEmpty else { return 0 }
        standIns.oneIsStarted()
        return 1
    }

    /// The answer has come. More than may run do so now, until the next of them is done.
    package mutating func unpinned() {
        pinnedCount -= 1
        busyCount += 1
    }

    /// The system has refused a thread. Those that are there go on.
    ///
    /// - Returns: in how many milliseconds to try again; nil if somebody will anyway.
    package mutating func standInRefused() -> Int64? {
        standIns.oneWasRefused()
    }

    /// - Returns: how many workers to start.
    package mutating func retryIsDue() -> Int {
        let missing = standIns.retryIsDue(blocked: pinnedCount, hasIdle: !idle.isEmpty)
        for _ in 0..<missing { standIns.oneIsStarted() }
        return missing
    }
}
