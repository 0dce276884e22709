/// Host calls: posted by workers, taken and answered by the host, withdrawn when their eval ends first.
extension EngineCore {
    /// The eval that `slot` runs has called a host function.
    ///
    /// - Returns: what to do with it; `.end` when it has been condemned meanwhile, and no request is posted.
    package mutating func park(
        _ eval: Eval, at function: HostFunction, args: OwnedText?, now: Instant, _ actions: inout Actions
    ) -> EvalMachine.LeaveAction {
        guard hasRoomForRequest else {
            // It has an answer already, and goes on as one that was answered.
            eval.answer = tooManyRequests(function)
            return requeue(eval, afterSlice: false, &actions)
        }
        evals[eval.id]?.slot = nil
        guard let action = evals[eval.id]?.machine.park(mailbox.requests.nextID) else { return .end(.shutDown) }
        if case .end = action { return action }
        postRequest(eval, function, args, now, &actions)
        return action
    }

    mutating func postRequest(
        _ eval: Eval, _ function: HostFunction, _ args: OwnedText?, _ now: Instant, _ actions: inout Actions
    ) {
        let timeout = function.timeoutMilliseconds ?? eval.options.limits.callTimeoutMilliseconds
        let id = mailbox.requests.post(eval: eval.id, function: function, args: args, hasTimer: timeout > 0)
        if timeout > 0 { addTimer(.call(id), deadline: now.advanced(milliseconds: timeout), &actions) }
        post(.request(id), &actions)
    }

    /// The script is told, and may catch it.
    func tooManyRequests(_ function: HostFunction) -> Answer {
        .refused(
            .text("\(function.name): \(mailbox.requests.openCount) requests wait for their answers (max_requests)"))
    }

    /// What the host is handed.
    package struct Handover: Sendable {
        package let request: RequestID
        package let eval: EvalID
        package let function: HostFunction
        package let args: OwnedText?
    }

    /// Takes the oldest pending request.
    ///
    /// - Parameters:
    ///   - affinity: of the thread that asks
    ///   - accept: copies what the host wants of it; when that fails (no memory), the request stays pending
    /// - Returns: whether there was one, and it was accepted.
    package mutating func takeRequest<Taken>(
        for affinity: ThreadAffinity = .anyThread, accept: (Handover) throws(CallError) -> Taken
    ) throws(CallError) -> Taken? {
        guard let request = mailbox.requests.firstPending(for: affinity) else {
            mailbox.foundNothing()
            return nil
        }
        let handover = Handover(
            request: request.id, eval: request.eval, function: request.function, args: request.args)
        let taken = try accept(handover)
        mailbox.take(request)
        return taken
    }

    /// - Throws: `.notFound` if the request is not open.
    package mutating func answer(
        _ id: RequestID, with answer: Answer, _ actions: inout Actions
    ) throws(CallError) {
        guard let request = close(id) else { throw notOpen(id) }
        counts.answered += 1
        deliver(answer, to: request, &actions)
    }

    /// Whether an answer would be accepted. It may not be any more a moment later.
    ///
    /// - Throws: `.notFound`.
    package func checkOpen(_ id: RequestID) throws(CallError) {
        if mailbox.requests[id] == nil { throw notOpen(id) }
    }

    private func notOpen(_ id: RequestID) -> CallError {
        CallError(.notFound, "request \(id.value): not open (answered, withdrawn, or never posted)")
    }

    /// The host took too long: the script is told, and may catch it.
    mutating func timeOutCall(_ id: RequestID, _ actions: inout Actions) {
        // Its timer is the one that fired, and has left the queue.
        guard let request = mailbox.close(id) else { return }
        noteWithdrawn(request, &actions)
        let limits = evals[request.eval]?.eval.options.limits
        let timeout = request.function.timeoutMilliseconds ?? limits?.callTimeoutMilliseconds ?? 0
        let message = "host function '\(request.function.name)' did not answer within \(timeout) ms"
        deliver(.timeout(.text(message)), to: request, &actions)
    }

    /// The eval will not need the answer.
    mutating func withdraw(_ id: RequestID, _ actions: inout Actions) -> RequestTable.Request? {
        guard let request = close(id) else { return nil }
        noteWithdrawn(request, &actions)
        return request
    }

    private mutating func noteWithdrawn(_ request: RequestTable.Request, _ actions: inout Actions) {
        counts.withdrawn += 1
        if request.isEvent { post(.withdrawn(request.id, request.eval, request.function), &actions) }
    }

    private mutating func close(_ id: RequestID) -> RequestTable.Request? {
        guard let request = mailbox.close(id) else { return nil }
        if request.hasTimer { voidTimer() }
        return request
    }

    private mutating func deliver(_ answer: Answer, to request: RequestTable.Request, _ actions: inout Actions) {
        guard let eval = evals[request.eval]?.eval else { return }
        switch evals[request.eval]!.machine.answer(request.id) {
        case .nothing:
            break
        case .enqueue:
            eval.answer = answer
            enqueue(eval, &actions)
        case .unblock:
            eval.answer = answer
            unblock(eval.id, &actions)
        }
    }
}
