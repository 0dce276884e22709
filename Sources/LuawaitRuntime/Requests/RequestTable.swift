import DequeModule

/// The requests that can be answered, and the order in which they are handed out.
///
/// A request is pending until the host takes it, and open until it is answered or withdrawn; taking and answering are
/// independent, because a host may answer by id what it has not taken.
package struct RequestTable {
    package struct Request {
        package let id: RequestID
        package let eval: EvalID
        package let function: HostFunction
        /// Nil once it has been handed out.
        package var args: OwnedText?
        package var isPending: Bool
        /// Handed out as an event: its withdrawal is one, too. A host that takes requests one by one is not told.
        package var isEvent = false
        package let hasTimer: Bool
    }

    private var open: [RequestID: Request] = [:]
    /// May name requests that are not pending any more; they are skipped.
    private var order = Deque<RequestID>()
    /// Of those that the main thread alone may take.
    private var mainOrder = Deque<RequestID>()
    private var lastID: UInt64 = 0
    package private(set) var pendingCount = 0

    package init() {}

    package var openCount: Int { open.count }
    package var postedCount: UInt64 { lastID }

    package subscript(id: RequestID) -> Request? { open[id] }

    /// The id that the next `post` will use.
    package var nextID: RequestID { RequestID(lastID + 1) }

    package mutating func post(eval: EvalID, function: HostFunction, args: OwnedText?, hasTimer: Bool) -> RequestID {
        lastID += 1
        let id = RequestID(lastID)
        open[id] = Request(
            id: id, eval: eval, function: function, args: args, isPending: true, hasTimer: hasTimer)
        if function.affinity == .mainThread {
            mainOrder.append(id)
        } else {
            order.append(id)
        }
        pendingCount += 1
        return id
    }

    /// The oldest pending one that such a thread may take; it stays where it is.
    package mutating func firstPending(for affinity: ThreadAffinity = .anyThread) -> Request? {
        let first = firstPending(in: \.order)
        guard affinity == .mainThread, let main = firstPending(in: \.mainOrder) else { return first }
        // Ids grow: the smaller one is the older one.
        guard let first, first.id.value < main.id.value else { return main }
        return first
    }

    private mutating func firstPending(in order: WritableKeyPath<Self, Deque<RequestID>>) -> Request? {
        while let id = self[keyPath: order].first {
            if let request = open[id], request.isPending { return request }
            self[keyPath: order].removeFirst()
        }
        return nil
    }

    /// Hands out the one that `firstPending` showed.
    package mutating func takeFirst(_ request: Request) {
        if order.first == request.id { order.removeFirst() }
        if mainOrder.first == request.id { mainOrder.removeFirst() }
        _ = handOut(request.id)
    }

    /// Hands out a pending one as an event.
    package mutating func takeAsEvent(_ id: RequestID) -> Request? {
        guard let request = handOut(id) else { return nil }
        open[id]!.isEvent = true
        return request
    }

    private mutating func handOut(_ id: RequestID) -> Request? {
        guard let request = open[id], request.isPending else { return nil }
        open[id]!.isPending = false
        open[id]!.args = nil
        pendingCount -= 1
        return request
    }

    /// Answers or withdraws.
    ///
    /// - Returns: the request; nil if it is not open.
    package mutating func close(_ id: RequestID) -> Request? {
        guard let request = open.removeValue(forKey: id) else { return nil }
        if request.isPending { pendingCount -= 1 }
        // Many withdrawn ones behind a pending one that nobody takes must not pile up, nor those handed out as events.
        let storedCount = order.count + mainOrder.count
        if storedCount > 64, storedCount > 4 * (pendingCount + 1) {
            order.removeAll { open[$0]?.isPending != true }
            mainOrder.removeAll { open[$0]?.isPending != true }
        }
        return request
    }
}
