@testable import LuawaitRuntime

/// What the host sees of the model: events, what it is woken for, and what it is refused.
extension CoreModel {
    enum ModelEvent: Equatable {
        case request(Int)
        case withdrawn(Int)
        case finished(Int)
        case output(Int, line: Int)
    }

    /// What a thread that blocks is waiting for.
    enum Wait: Equatable {
        case eval(Int)
        case event(ThreadAffinity)
        /// That no eval is in progress.
        case quiet
    }

    // MARK: - Events and the gate

    var available: Int { events.count }

    mutating func add(_ event: ModelEvent) {
        events.append(event)
        if isArmed { notifies = true }
        isArmed = false
        // Whoever it is for: the others look, and wait again.
        wake { if case .event = $0 { true } else { false } }
    }

    mutating func remove(_ event: ModelEvent) {
        events.remove(at: events.firstIndex(of: event)!)
        if events.isEmpty { isArmed = true }
    }

    mutating func foundNothing() {
        isArmed = true
    }

    /// What such a thread may take.
    func events(for affinity: ThreadAffinity) -> [ModelEvent] {
        events.filter { event in
            switch event {
            case .request(let request), .withdrawn(let request):
                affinity == .mainThread || requests[request].affinity == .anyThread
            case .finished, .output: true
            }
        }
    }

    /// Takes the oldest event, and says it in the same words as `EngineCore.Event`.
    mutating func nextEvent(for affinity: ThreadAffinity) -> String? {
        guard let event = events(for: affinity).first else {
            foundNothing()
            return nil
        }
        switch event {
        case .request(let request):
            requests[request].isEvent = true
            handOut(request)
            return "request \(request + 1) of \(requests[request].eval + 1)"
        case .withdrawn(let request):
            remove(event)
            return "withdrawn \(request + 1) of \(requests[request].eval + 1)"
        case .finished(let eval):
            guard case .ended(let type) = evals[eval].standing else { return "an end that has not come" }
            forget(eval)
            let states = [nil: "succeeded", "timeout": "failed", "cancelled": "cancelled"]
            return "finished \(eval + 1): \(states[type] ?? "in an unknown way")"
        case .output(let eval, let line):
            remove(event)
            return "output \(eval + 1): \(line)"
        }
    }

    // MARK: - Limits

    var liveCount: Int { evals.count { $0.ends == 0 } }
    var openCount: Int { requests.count { $0.isOpen } }

    /// Why no eval may start now: a part of the message.
    var refusal: String? {
        if isShutDown { return "shut down" }
        if limits.evals > 0, liveCount >= limits.evals { return "max_evals" }
        return limits.queued > 0 && waiting.count >= limits.queued ? "max_queued" : nil
    }

    var blockedCount: Int { evals.count { if case .blocked = $0.standing { true } else { false } } }
    var hasRoomForRequest: Bool { limits.requests == 0 || openCount < limits.requests }
    var hasRoomForOutput: Bool { limits.unread == 0 || unreadLines < limits.unread }
    var unreadLines: Int { events.count { if case .output = $0 { true } else { false } } }

    /// What the current step should lead to for those who are woken.
    var met: [String] {
        (wakes.isEmpty ? [] : ["a waker"]) + (wokenThreads.isEmpty ? [] : ["a waiting thread"])
    }

    // MARK: - Those who block

    mutating func wake(_ isConcerned: (Wait) -> Bool) {
        for thread in waits.indices {
            guard let wait = waits[thread], isConcerned(wait) else { continue }
            wokenThreads.append(thread)
            waits[thread] = nil
        }
    }
}
