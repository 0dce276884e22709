/// What there is for the host to take, and whom to tell of it: requests that wait for their answers, the order of
/// events, how much of it is for whom, and which threads wait for something.
///
/// It does not know evals: whether an outcome is still there, its owner says.
package struct Mailbox: Sendable {
    package internal(set) var requests = RequestTable()
    package private(set) var events = EventQueue()
    /// How much there is, and whether the notifier is armed.
    package internal(set) var gate = EventGate()
    /// Threads that wait for something to take.
    private(set) var waiters: [Parker] = []
    /// Executor "host": that there is something to run has been made known, as one of the things to take.
    private(set) var workIsPosted = false
    /// Whom that is for. With a main thread it is the main thread's: others that wait for requests need not hear of it.
    private var workAffinity = ThreadAffinity.anyThread
    /// How often a notifier has been set.
    private(set) var notifierGeneration: UInt64 = 0
    /// How often a call of the notifier has been decided on.
    private(set) var lastTelling: UInt64 = 0

    /// The call of the notifier that was decided on last.
    var telling: Telling { Telling(generation: notifierGeneration, number: lastTelling) }

    // MARK: - Something comes

    /// Something has become available.
    ///
    /// - Parameter isKept: whether an eval's outcome is still to be taken
    mutating func post(_ entry: EventQueue.Entry, _ actions: inout Actions, isKept: (EvalID) -> Bool) {
        let affinity = affinity(of: entry)
        added(for: affinity, &actions)
        let requests = requests
        events.append(entry, for: affinity, live: gate.available) { entry in
            switch entry {
            case .request(let id): requests[id]?.isPending == true
            case .finished(let id): isKept(id)
            case .withdrawn, .output: true
            }
        }
    }

    /// There is something to run on the host's thread.
    ///
    /// - Returns: whether that is news.
    mutating func postWork(_ actions: inout Actions) -> Bool {
        guard !workIsPosted else { return false }
        workIsPosted = true
        added(for: workAffinity, &actions)
        return true
    }

    /// There is nothing to run any more.
    mutating func withdrawWork() {
        guard workIsPosted else { return }
        workIsPosted = false
        gate.removed(for: workAffinity)
    }

    /// From here on that there is something to run is told to the main thread alone.
    mutating func bindMainThread(_ actions: inout Actions) {
        guard workAffinity == .anyThread else { return }
        workAffinity = .mainThread
        guard workIsPosted else { return }
        gate.removed(for: .anyThread)
        if gate.added(for: .mainThread) { actions.notify = true }
    }

    private mutating func added(for affinity: ThreadAffinity, _ actions: inout Actions) {
        if gate.added(for: affinity) { actions.notify = true }
        actions.wakeWaiters += waiters
        waiters = []
    }

    // MARK: - Something is taken

    /// The oldest entry that such a thread may take, and whose it is. It may be stale: taken another way.
    mutating func popFirst(for affinity: ThreadAffinity) -> (EventQueue.Entry, ThreadAffinity)? {
        events.popFirst(for: affinity).map { ($0, self.affinity(of: $0)) }
    }

    /// The host has the oldest pending request.
    mutating func take(_ request: RequestTable.Request) {
        requests.takeFirst(request)
        removed(for: request.function.affinity)
    }

    /// Something was taken.
    mutating func removed(for affinity: ThreadAffinity = .anyThread) {
        gate.removed(for: affinity)
    }

    /// Somebody looked for something, and it was not there.
    mutating func foundNothing() {
        gate.foundNothing()
    }

    /// The request is answered, or will not be.
    mutating func close(_ id: RequestID) -> RequestTable.Request? {
        guard let request = requests.close(id) else { return nil }
        if request.isPending { gate.removed(for: request.function.affinity) }
        return request
    }

    /// Who may take it: what is about a request goes where the request goes.
    private func affinity(of entry: EventQueue.Entry) -> ThreadAffinity {
        switch entry {
        case .request(let id): requests[id]?.function.affinity ?? .anyThread
        case .withdrawn(_, _, let function): function.affinity
        case .finished, .output: .anyThread
        }
    }

    // MARK: - Those who wait

    /// - Returns: false if there is something to take; else `parker` is unparked when there is.
    mutating func wait(_ parker: Parker, for affinity: ThreadAffinity) -> Bool {
        stopWaiting(parker)
        guard gate.available(to: affinity) == 0 else { return false }
        gate.foundNothing()
        waiters.append(parker)
        return true
    }

    mutating func stopWaiting(_ parker: Parker) {
        waiters.removeAll { $0 === parker }
    }

    // MARK: - The notifier

    /// A notifier is being set.
    mutating func notifierChanges() {
        notifierGeneration += 1
    }

    /// A notifier has been set.
    ///
    /// - Parameter running: the number of the call that is running on this thread, if one is
    /// - Returns: whether to notify at once.
    mutating func notifierSet(whileCalling running: UInt64?) -> Bool {
        let isDue = gate.notifierSet(isTold: running == lastTelling)
        if isDue { lastTelling += 1 }
        return isDue
    }

    /// It has been decided to call the notifier.
    mutating func decidedToNotify() {
        lastTelling += 1
    }
}
