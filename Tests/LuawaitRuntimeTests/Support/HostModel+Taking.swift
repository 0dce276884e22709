@testable import LuawaitRuntime

/// What the host takes, and what it answers.
extension HostModel {
    func isThere(_ event: Event) -> Bool {
        switch event {
        case .request(let id): requests[id - 1].isPending
        case .finished(let id): self[id].standing == .ended
        case .withdrawn, .output: true
        }
    }

    func isForMain(_ event: Event) -> Bool {
        switch event {
        case .request(let id), .withdrawn(let id): requests[id - 1].function == .screen
        case .finished, .output: false
        }
    }

    /// - Parameter isMain: whether the main thread asks.
    mutating func nextEvents(atMost most: Int, isMain: Bool) -> [Event] {
        var taken: [Event] = []
        while taken.count < most {
            guard let first = events.firstIndex(where: { isThere($0) && (isMain || !isForMain($0)) }) else {
                if !isMain, events.contains(where: isThere) { met.insert(.hiddenFromOthers) }
                foundNothing()
                break
            }
            let event = events.remove(at: first)
            switch event {
            case .request(let id):
                requests[id - 1].isPending = false
                requests[id - 1].isEvent = true
            case .finished(let id): self[id].standing = .forgotten
            case .withdrawn, .output: break
            }
            remove()
            taken.append(event)
        }
        return taken
    }

    /// - Parameters:
    ///   - accepting: whether the host has the memory for it
    ///   - isMain: whether the main thread asks
    mutating func takeRequest(accepting: Bool, isMain: Bool) -> Int? {
        guard let index = requests.firstIndex(where: { $0.isPending && (isMain || $0.function != .screen) }) else {
            foundNothing()
            return nil
        }
        if accepting {
            requests[index].isPending = false
            remove()
        }
        return index + 1
    }

    /// - Returns: how it ended; nil while it is in progress.
    mutating func poll(_ id: Int) -> Ending? {
        guard self[id].standing == .ended else {
            foundNothing()
            return nil
        }
        self[id].standing = .forgotten
        remove()
        return self[id].ending
    }

    // MARK: - Requests

    mutating func close(_ id: Int) {
        requests[id - 1].isOpen = false
        requests[id - 1].closings += 1
        if requests[id - 1].isPending {
            requests[id - 1].isPending = false
            remove()
        }
    }

    mutating func answer(_ id: Int, _ reply: Reply) {
        close(id)
        counts.answered += 1
        deliver(reply, to: requests[id - 1].eval)
    }

    mutating func withdraw(_ id: Int) {
        close(id)
        counts.withdrawn += 1
        if requests[id - 1].isEvent {
            met.insert(.withdrawnEvent)
            post(.withdrawn(id))
        }
    }

    mutating func deliver(_ reply: Reply, to eval: Int) {
        self[eval].reply = reply
        enqueue(eval)
    }

    mutating func enqueue(_ eval: Int, afterSlice: Bool = false) {
        self[eval].standing = .waiting
        guard let context = self[eval].context else {
            queue.append(.eval(eval), afterSlice: afterSlice)
            return postWork()
        }
        contexts[context - 1].queue.append(eval)
        queueTurn(of: context)
        if afterSlice { contexts[context - 1].hasUsedUpSlice = true }
    }
}
