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
        let evals = evals
        mailbox.post(entry, &actions) { evals[$0]?.outcome != nil }
    }

    /// The oldest event. Nil when there is none for such a thread.
    package mutating func nextEvent(for affinity: ThreadAffinity = .anyThread) -> Event? {
        while let (entry, itsAffinity) = mailbox.popFirst(for: affinity) {
            guard let event = claim(entry) else { continue }
            mailbox.removed(for: itsAffinity)
            return event
        }
        mailbox.foundNothing()
        return nil
    }

    /// Nil if it was taken another way.
    private mutating func claim(_ entry: EventQueue.Entry) -> Event? {
        switch entry {
        case .request(let id):
            return mailbox.requests.takeAsEvent(id).map { request in
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
