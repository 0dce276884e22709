import DequeModule

/// The order in which things became available to the host, oldest first.
///
/// The queue holds names, not the things: a request also taken with `luawait_get_pending_request`, or an outcome also
/// taken by a poll, is gone when its turn comes, and is skipped. So each thing is handed out once, whichever way the host
/// asks, and neither way pays for a search through the other's order.
package struct EventQueue: Sendable {
    package enum Entry: Sendable {
        case request(RequestID)
        case finished(EvalID)
        /// A request that was handed out as an event will not need its answer.
        case withdrawn(RequestID, EvalID, HostFunction)
        /// What the script printed.
        case output(EvalID, OwnedText)
    }

    private var entries = Deque<Entry>()

    package init() {}

    /// Stale entries included. For tests.
    package var storedCount: Int { entries.count }

    /// - Parameters:
    ///   - live: how many entries are still to be handed out, this one included
    ///   - isLive: whether one is
    package mutating func append(_ entry: Entry, live: Int, isLive: (Entry) -> Bool) {
        entries.append(entry)
        // A host that never asks for events must not pay for their order for ever.
        if entries.count > 64, entries.count > 4 * live { entries.removeAll { !isLive($0) } }
    }

    package mutating func popFirst() -> Entry? {
        entries.popFirst()
    }
}
