import DequeModule

/// The order in which things became available to the host, oldest first.
///
/// The queue holds names, not the things: a request also taken with `luawait_get_pending_request`, or an outcome also
/// taken by a poll, is gone when its turn comes, and is skipped. So each thing is handed out once, whichever way the
/// host asks, and neither way pays for a search through the other's order.
package struct EventQueue: Sendable {
    package enum Entry: Sendable {
        case request(RequestID)
        case finished(EvalID)
        /// A request that was handed out as an event will not need its answer.
        case withdrawn(RequestID, EvalID, HostFunction)
        /// What the script printed.
        case output(EvalID, OwnedText)
    }

    private typealias Line = Deque<(number: UInt64, entry: Entry)>

    /// What any thread may take, and what the main thread alone: apart, or those that may not take the main thread's
    /// would have to search.
    private var common = Line()
    private var mainOnly = Line()
    private var lastNumber: UInt64 = 0
    /// How many lines that scripts have printed are still to be handed out. A long one counts once for each KiB of it,
    /// so that a bound on the lines is one on the memory.
    package private(set) var unreadLines = 0

    package init() {}

    /// Stale entries included. For tests.
    package var storedCount: Int { common.count + mainOnly.count }

    /// - Parameters:
    ///   - live: how many entries are still to be handed out, this one included
    ///   - isLive: whether one is
    package mutating func append(
        _ entry: Entry, for affinity: ThreadAffinity = .anyThread, live: Int, isLive: (Entry) -> Bool
    ) {
        lastNumber += 1
        unreadLines += Self.lines(entry)
        if affinity == .mainThread {
            mainOnly.append((lastNumber, entry))
        } else {
            common.append((lastNumber, entry))
        }
        // A host that never asks for events must not pay for their order for ever.
        guard storedCount > 64, storedCount > 4 * live else { return }
        common.removeAll { !isLive($0.entry) }
        mainOnly.removeAll { !isLive($0.entry) }
    }

    package mutating func popFirst(for affinity: ThreadAffinity = .anyThread) -> Entry? {
        let entry = removeFirst(for: affinity)
        if let entry { unreadLines -= Self.lines(entry) }
        return entry
    }

    private static func lines(_ entry: Entry) -> Int {
        if case .output(_, let text) = entry { 1 + text.length / 1024 } else { 0 }
    }

    private mutating func removeFirst(for affinity: ThreadAffinity) -> Entry? {
        guard affinity == .mainThread, let main = mainOnly.first else { return common.popFirst()?.entry }
        if let first = common.first, first.number < main.number { return common.popFirst()?.entry }
        return mainOnly.popFirst()?.entry
    }
}
