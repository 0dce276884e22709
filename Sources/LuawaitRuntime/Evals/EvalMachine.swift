/// Where an eval stands, and what each thing that can happen to it leads to.
///
///                 ┌──────────── slice over ───────────┐
///                 ▼                                   │
///     start ─► waiting ── a thread takes it ─► running(ticket) ── host call ─► parked(request)
///                 │  ▲                                │                             │
///                 │  └───────────────────────────── answer ────────────────────────┤
///                 └──────── condemned ─► ended ◄── finished, failed, stopped ───────┘
///
/// Where Lua cannot yield, a host call leaves the eval blocked(request, ticket) instead, with its thread; the answer
/// makes it running again.
///
/// Condemned means that it will end, whatever the script does: cancelled by the host, or out of time. A waiting or
/// parked eval then ends on the spot; a running one is told to stop and ends when its thread has left Lua. So an eval
/// ends exactly once, and what it was condemned for decides how, even when the script finished in that same moment: a
/// host that was told "cancelled" finds "cancelled".
///
/// docs/model/eval.pml has the same machine: `phase` and `condemnation` there are the two words here, with the names
/// given at each case, and `condemn`, `worker` and `host` are the methods below in the places where the core calls
/// them.
package struct EvalMachine: Equatable {
    package enum Phase: Equatable {
        /// In the run queue, or about to be. Model: WAITING; UNBORN and REFUSED come before there is a machine.
        case waiting
        /// Model: RUNNING.
        case running(Ticket)
        /// Model: PARKED, at `current`.
        case parked(RequestID)
        /// Like parked, but inside a function that cannot yield: its thread waits for the answer. Model: BLOCKED.
        case blocked(RequestID, Ticket)
        /// Model: ENDED.
        case ended
    }

    /// None is the model's NOBODY.
    package enum Condemnation: Equatable, Sendable {
        /// Model: CANCELLED.
        case cancelled
        /// Model: TIMED_OUT.
        case timedOut
        /// Model: SHUT_DOWN.
        case shutDown
        case contextFreed
        /// This function's callback gave no answer where one is required.
        case unanswered(function: String)
    }

    package private(set) var phase = Phase.waiting
    package private(set) var condemnation: Condemnation?

    package init() {}

    // MARK: - Condemning

    package enum CondemnAction: Equatable {
        /// It has ended, or it has been condemned before.
        case nothing
        /// It ends now. The request, if there is one, is withdrawn.
        case end(withdrawing: RequestID?)
        /// Tell the thread that runs it. The request it waits for, if it does, is withdrawn. Model: `stop_ordered`.
        case stop(Ticket, withdrawing: RequestID?)
    }

    package mutating func condemn(_ reason: Condemnation) -> CondemnAction {
        guard phase != .ended, condemnation == nil else { return .nothing }
        condemnation = reason
        switch phase {
        case .waiting:
            phase = .ended
            return .end(withdrawing: nil)
        case .parked(let request):
            phase = .ended
            return .end(withdrawing: request)
        case .running(let ticket):
            return .stop(ticket, withdrawing: nil)
        case .blocked(let request, let ticket):
            // The thread is woken and goes on, to where the order meets it.
            phase = .running(ticket)
            return .stop(ticket, withdrawing: request)
        case .ended:
            return .nothing
        }
    }

    // MARK: - On the thread that runs it

    /// - Returns: false if there is nothing to run: it ended while it was in the queue.
    package mutating func take(_ ticket: Ticket) -> Bool {
        guard phase == .waiting else { return false }
        phase = .running(ticket)
        return true
    }

    package enum LeaveAction: Equatable {
        /// As the script wanted: park it, or put it back into the queue.
        case proceed
        /// It has been condemned meanwhile.
        case end(Condemnation)
    }

    /// The script called a host function.
    package mutating func park(_ request: RequestID) -> LeaveAction {
        leave(to: .parked(request))
    }

    /// The script's time slice is over.
    package mutating func slice() -> LeaveAction {
        leave(to: .waiting)
    }

    /// The script has ended by itself, or was stopped.
    package mutating func finish() -> LeaveAction {
        leave(to: .ended)
    }

    private mutating func leave(to next: Phase) -> LeaveAction {
        guard case .running = phase else { preconditionFailure("only a running eval can be left, not \(phase)") }
        if let condemnation {
            phase = .ended
            return .end(condemnation)
        }
        phase = next
        return .proceed
    }

    /// The script called a host function where it cannot yield.
    package mutating func block(_ request: RequestID) -> LeaveAction {
        guard case .running(let ticket) = phase else {
            preconditionFailure("only a running eval can be blocked, not \(phase)")
        }
        if let condemnation { return .end(condemnation) }
        phase = .blocked(request, ticket)
        return .proceed
    }

    // MARK: - Answering

    package enum AnswerAction: Equatable {
        /// It does not wait for this request (any more).
        case nothing
        /// Put it into the queue.
        case enqueue
        /// Wake its thread.
        case unblock
    }

    package mutating func answer(_ request: RequestID) -> AnswerAction {
        switch phase {
        case .parked(request):
            phase = .waiting
            return .enqueue
        case .blocked(request, let ticket):
            phase = .running(ticket)
            return .unblock
        default:
            return .nothing
        }
    }
}
