/// Which of the host's threads may take something.
package enum ThreadAffinity: Sendable {
    case anyThread
    /// The one that called `luawait_bind_main_thread`.
    case mainThread
}

/// How many things there are for the host to take, and when to tell it.
///
/// The descriptor shows a level: readable while there is something. The notifier is called on an edge: once for
/// everything that becomes available after the host last found nothing. "Found nothing" is more than "all is taken": a
/// host that polls its evals one by one and finds eval 3 in progress must hear of eval 3's end, even if eval 7 ended
/// long ago and is next in its loop. So each look that finds nothing arms the notifier again.
///
/// As states, by their names in docs/model/notifier.pml: IDLE (armed, nothing available); TOLD (not armed, so something
/// is available: `added` has decided on a call since the last look that found nothing); ARMED (armed, though something
/// is available: a look for something else has found nothing).
///
///     IDLE ── added, notify ─► TOLD ── foundNothing ─► ARMED ── added, notify ─► TOLD
///     TOLD, ARMED ── the last is removed ─► IDLE
package struct EventGate: Equatable {
    /// All there is.
    package private(set) var available = 0
    /// How much of it is for the main thread alone.
    package private(set) var availableOnMainThreadOnly = 0
    private var isArmed = true

    package init() {}

    /// - Returns: whether to notify.
    package mutating func added(for affinity: ThreadAffinity = .anyThread) -> Bool {
        available += 1
        if affinity == .mainThread { availableOnMainThreadOnly += 1 }
        defer { isArmed = false }
        return isArmed
    }

    /// Something was taken, or is not to be had any more.
    package mutating func removed(for affinity: ThreadAffinity = .anyThread) {
        available -= 1
        if affinity == .mainThread { availableOnMainThreadOnly -= 1 }
        if available == 0 { isArmed = true }
    }

    package mutating func foundNothing() {
        isArmed = true
    }

    /// A notifier has been set: IDLE if there is nothing, else TOLD.
    ///
    /// - Parameter isTold: by a call that has told the host of all there is, and is running yet: the state stays
    /// - Returns: whether to notify at once.
    package mutating func notifierSet(isTold: Bool = false) -> Bool {
        if available > 0, isTold { return false }
        isArmed = available == 0
        return available > 0
    }

    var isOpenToAny: Bool { available(to: .anyThread) > 0 }
    var isOpenToMainOnly: Bool { availableOnMainThreadOnly > 0 }

    /// What a thread can take.
    package func available(to affinity: ThreadAffinity) -> Int {
        affinity == .mainThread ? available : available - availableOnMainThreadOnly
    }
}
