/// Everything that is there for the host to take, in one order.
extension EngineCore {
    /// Something that has been taken out of the queue, and is the host's now.
    package enum Event: Sendable {
        case request(Handover)
        case withdrawn(RequestID, EvalID, HostFunction)
        case finished(EvalID, Outcome)
        case output(EvalID, OwnedText)
    }

    /// Something has become available.
    mutating func post(_ entry: EventQueue.Entry, _ actions: inout Actions) {
        let audience = audience(of: entry)
        if gate.added(for: audience) { actions.notify = true }
        actions.wakeWaiters += eventWaiters
        eventWaiters = []
        let live = gate.available
        let requests = requests
        let evals = evals
        events.append(entry, for: audience, live: live) { entry in
            switch entry {
            case .request(let id): requests[id]?.isPending == true
            case .finished(let id): evals[id]?.outcome != nil
            case .withdrawn, .output: true
            }
        }
    }

    /// Who may take it: what is about a request goes where the request goes.
    private func audience(of entry: EventQueue.Entry) -> Audience {
        switch entry {
        case .request(let id): requests[id]?.function.audience ?? .anyThread
        case .withdrawn(_, _, let function): function.audience
        case .finished, .output: .anyThread
        }
    }

    /// The oldest event. Nil when there is none for this audience.
    package mutating func nextEvent(for audience: Audience = .anyThread) -> Event? {
        while let entry = events.popFirst(for: audience) {
            let itsAudience = self.audience(of: entry)
            guard let event = claim(entry) else { continue }
            gate.removed(for: itsAudience)
            return event
        }
        gate.foundNothing()
        return nil
    }

    /// Nil if it was taken another way.
    private mutating func claim(_ entry: EventQueue.Entry) -> Event? {
        switch entry {
        case .request(let id):
            return requests.takeAsEvent(id).map { request in
                .request(
                    Handover(request: id, eval: request.eval, function: request.function, args: request.args))
            }
        case .finished(let id):
            guard let outcome = evals[id]?.outcome else { return nil }
            evals[id] = nil
            return .finished(id, outcome)
        case .withdrawn(let request, let eval, let function):
            return .withdrawn(request, eval, function)
        case .output(let eval, let text):
            return .output(eval, text)
        }
    }
}
