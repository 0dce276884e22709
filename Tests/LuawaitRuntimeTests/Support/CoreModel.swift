@testable import LuawaitRuntime

/// What an engine's core should do, told in the simplest way: lists that are searched from end to end.
struct CoreModel {
    enum Standing: Equatable {
        case waiting
        case running(condemned: EvalMachine.Condemnation?)
        case parked(request: Int)
        /// Like parked, but its worker waits.
        case blocked(request: Int, worker: Int)
        /// Its thread knows that it is condemned, and has not handed in the outcome yet.
        case leaving
        /// With the error's type; nil for a success.
        case ended(type: String?)
        /// Its outcome has been taken, or it was detached.
        case forgotten
    }

    struct ModelEval {
        var standing = Standing.waiting
        var deadline: Instant?
        let callTimeout: Int64
        let isDetached: Bool
        var ends = 0
        /// The number of the waker that is set.
        var waker: Int?
    }

    struct ModelRequest {
        let eval: Int
        let deadline: Instant?
        let affinity: ThreadAffinity
        var isOpen = true
        var isHandedOut = false
        /// Handed out as an event.
        var isEvent = false
    }

    enum Target: Equatable {
        case eval(Int)
        case request(Int)
    }

    // An id is an index + 1.
    var evals: [ModelEval] = []
    var requests: [ModelRequest] = []
    /// Oldest first; those that do not wait any more are skipped.
    var queue = RunQueue<Int>()
    /// In the order they were set.
    var timers: [(deadline: Instant, target: Target)] = []
    /// What there is to take, oldest first.
    var events: [ModelEvent] = []
    var isArmed = true
    /// What each thread that blocks is waiting for.
    var waits: [Wait?] = []
    var limits = QueueLimits()
    var isShutDown = false

    // What the current step should make necessary.
    var notifies = false
    var stops: [Int] = []
    /// Evals to be run, and what ended ones have left: each wakes a worker.
    var newWork = 0
    /// Wakers, by their numbers.
    var wakes: [Int] = []
    /// Threads that have waited.
    var wokenThreads: [Int] = []
    /// Workers that have waited inside a script.
    var wokenWorkers: [Int] = []

    mutating func beginStep() {
        (notifies, stops, newWork, wakes, wokenThreads, wokenWorkers) = (false, [], 0, [], [], [])
    }

    // MARK: - Evals

    mutating func start(timeout: Int64, callTimeout: Int64, isDetached: Bool, now: Instant) {
        let deadline = timeout > 0 ? now.advanced(milliseconds: timeout) : nil
        evals.append(ModelEval(deadline: deadline, callTimeout: callTimeout, isDetached: isDetached))
        if let deadline { timers.append((deadline, .eval(evals.count - 1))) }
        enqueue(evals.count - 1)
    }

    mutating func enqueue(_ eval: Int, afterSlice: Bool = false) {
        evals[eval].standing = .waiting
        queue.append(eval, afterSlice: afterSlice)
        newWork += 1
    }

    var waiting: [Int] { queue.elements.filter { evals[$0].standing == .waiting } }

    mutating func take() -> Int? {
        while let eval = queue.popFirst() {
            guard evals[eval].standing == .waiting else { continue }
            evals[eval].standing = .running(condemned: nil)
            return eval
        }
        return nil
    }

    /// - Parameter worker: which waits for the answer; nil: none has to.
    mutating func park(_ eval: Int, for affinity: ThreadAffinity, on worker: Int? = nil, now: Instant) {
        let timeout = evals[eval].callTimeout
        let deadline = timeout > 0 ? now.advanced(milliseconds: timeout) : nil
        requests.append(ModelRequest(eval: eval, deadline: deadline, affinity: affinity))
        if let deadline { timers.append((deadline, .request(requests.count - 1))) }
        let request = requests.count - 1
        evals[eval].standing = worker.map { .blocked(request: request, worker: $0) } ?? .parked(request: request)
        add(.request(requests.count - 1))
    }

    mutating func end(_ eval: Int, type: String?) {
        evals[eval].ends += 1
        evals[eval].deadline = nil
        if let waker = evals[eval].waker { wakes.append(waker) }
        evals[eval].waker = nil
        wake { $0 == .eval(eval) }
        if liveCount == 0 { wake { $0 == .quiet } }
        if evals[eval].isDetached {
            evals[eval].standing = .forgotten
        } else {
            evals[eval].standing = .ended(type: type)
            add(.finished(eval))
        }
    }

    mutating func condemn(_ eval: Int, _ reason: EvalMachine.Condemnation) {
        let type = reason == .timedOut ? "timeout" : "cancelled"
        switch evals[eval].standing {
        case .waiting:
            newWork += 1
            end(eval, type: type)
        case .parked(let request):
            newWork += 1
            withdraw(request)
            end(eval, type: type)
        case .blocked(let request, let worker):
            withdraw(request)
            evals[eval].standing = .running(condemned: reason)
            wokenWorkers.append(worker)
            stops.append(eval)
        case .running(condemned: nil):
            evals[eval].standing = .running(condemned: reason)
            stops.append(eval)
        case .running, .leaving, .ended, .forgotten:
            break
        }
    }

    mutating func forget(_ eval: Int) {
        evals[eval].standing = .forgotten
        remove(.finished(eval))
    }

    // MARK: - Requests

    func firstPending(for affinity: ThreadAffinity) -> Int? {
        requests.firstIndex { $0.isOpen && !$0.isHandedOut && (affinity == .mainThread || $0.affinity == .anyThread) }
    }

    mutating func handOut(_ request: Int) {
        requests[request].isHandedOut = true
        remove(.request(request))
    }

    private mutating func close(_ request: Int) {
        requests[request].isOpen = false
        if !requests[request].isHandedOut { remove(.request(request)) }
    }

    private mutating func withdraw(_ request: Int) {
        close(request)
        if requests[request].isEvent { add(.withdrawn(request)) }
    }

    mutating func answer(_ request: Int) {
        close(request)
        goOn(requests[request].eval)
    }

    /// There is an answer.
    private mutating func goOn(_ eval: Int) {
        guard case .blocked(_, let worker) = evals[eval].standing else { return enqueue(eval) }
        evals[eval].standing = .running(condemned: nil)
        wokenWorkers.append(worker)
    }

    // MARK: - Timers

    private func isLive(_ target: Target) -> Bool {
        switch target {
        case .eval(let eval): evals[eval].deadline != nil
        case .request(let request): requests[request].isOpen
        }
    }

    var soonest: Instant {
        var soonest = Instant.distantFuture
        for timer in timers where timer.deadline < soonest && isLive(timer.target) { soonest = timer.deadline }
        return soonest
    }

    mutating func fireTimers(now: Instant) {
        while true {
            timers = timers.filter { isLive($0.target) }
            guard let soonest = timers.map(\.deadline).min(), soonest <= now else { return }
            switch timers.remove(at: timers.firstIndex { $0.deadline == soonest }!).target {
            case .request(let request):
                withdraw(request)
                goOn(requests[request].eval)
            case .eval(let eval):
                evals[eval].deadline = nil
                condemn(eval, .timedOut)
            }
        }
    }
}
