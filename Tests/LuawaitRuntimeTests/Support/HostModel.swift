@testable import LuawaitRuntime

/// What the host of an engine may see, told in the simplest way: lists that are searched from end to end. Of the scripts it
/// knows what they do (`SimulatedScript`), but not how far a slice gets them: that it is told.
struct HostModel {
    enum Standing: Equatable {
        case waiting, running
        case parked(request: Int)
        case ended
        /// Its outcome has been taken, or it was detached, or nobody but its caller knew it.
        case forgotten
    }

    struct Ending: Equatable {
        var state: Outcome.State
        /// The JSON of a value, or the type of an error.
        var text: String
    }

    enum Reply: Equatable {
        case value(Int)
        case error(String)
    }

    struct ModelEval {
        let script: SimulatedScript
        let callTimeout: Int64
        let isDetached: Bool
        let isDirect: Bool
        /// Those that existed when it was started.
        let functions: Set<SimulatedFunction>
        /// The callback that answers its `mark`.
        let callback: Int?
        var standing = Standing.waiting
        var condemnation: EvalMachine.Condemnation?
        /// The act that comes next.
        var position = 0
        var results = ["0"]
        var reply: Reply?
        var deadline: Instant?
        var waker: Int?
        var ending: Ending?
        var ends = 0
    }

    struct ModelRequest: Equatable {
        let eval: Int
        let act: Int
        let function: SimulatedFunction
        let hasDeadline: Bool
        var isOpen = true
        var isPending = true
        var isEvent = false
        var closings = 0
    }

    enum Event: Equatable {
        case request(Int)
        case withdrawn(Int)
        case finished(Int)
        /// Eval 0: of one that nobody but its caller knows.
        case output(eval: Int, line: String)
    }

    enum Target: Equatable {
        case eval(Int)
        case request(Int)
    }

    /// What has happened to something of the host's.
    struct Tally: Equatable {
        var calls = 0
        var drops = 0
    }

    let limits: QueueLimits
    // An id is an index + 1.
    var evals: [ModelEval] = []
    var requests: [ModelRequest] = []
    /// Whose turn it is. Those that do not wait any more are skipped.
    var queue: [Int] = []
    var events: [Event] = []
    /// In the order they were set.
    var timers: [(deadline: Instant, target: Target)] = []
    var functions: [SimulatedFunction] = []
    var callback: Int?
    var counts = EngineCore.Counts()
    /// What evals have left that ended without a thread.
    var garbage = 0
    var isShutDown = false
    var workIsPosted = false
    private(set) var available = 0
    private var isArmed = true
    var notifier: Int?
    var notifiers: [Tally] = []
    var wakers: [Tally] = []

    init(limits: QueueLimits) {
        self.limits = limits
    }

    subscript(id: Int) -> ModelEval {
        get { evals[id - 1] }
        set { evals[id - 1] = newValue }
    }

    func isKnown(_ id: Int) -> Bool {
        id > 0 && id <= evals.count && self[id].standing != .forgotten && !self[id].isDirect
    }

    var live: [Int] { evals.indices.map { $0 + 1 }.filter { self[$0].ending == nil } }
    var waiting: [Int] { queue.filter { self[$0].standing == .waiting } }
    var openRequests: [Int] { requests.indices.filter { requests[$0].isOpen }.map { $0 + 1 } }
    var unread: Int { available - (workIsPosted ? 1 : 0) }

    // MARK: - What there is to take

    private mutating func add() {
        available += 1
        if isArmed, let notifier { notifiers[notifier].calls += 1 }
        isArmed = false
    }

    private mutating func remove() {
        available -= 1
        if available == 0 { isArmed = true }
    }

    mutating func foundNothing() {
        isArmed = true
    }

    mutating func post(_ event: Event) {
        events.append(event)
        add()
    }

    mutating func postWork() {
        guard !workIsPosted else { return }
        workIsPosted = true
        add()
    }

    mutating func endRun() -> Bool {
        let hasWork = !queue.isEmpty || garbage > 0
        if !hasWork, workIsPosted {
            workIsPosted = false
            remove()
        }
        return hasWork
    }

    mutating func setNotifier(_ new: Int?) {
        if let notifier { notifiers[notifier].drops += 1 }
        notifier = new
        isArmed = available == 0
        if let new, available > 0 { notifiers[new].calls += 1 }
    }

    // MARK: - Taking

    private func isThere(_ event: Event) -> Bool {
        switch event {
        case .request(let id): requests[id - 1].isPending
        case .finished(let id): self[id].standing == .ended
        case .withdrawn, .output: true
        }
    }

    mutating func nextEvents(atMost most: Int) -> [Event] {
        var taken: [Event] = []
        while taken.count < most {
            guard let first = events.firstIndex(where: isThere) else {
                events = []
                foundNothing()
                break
            }
            let event = events[first]
            events.removeSubrange(...first)
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

    /// - Parameter accepting: whether the host has the memory for it.
    mutating func takeRequest(accepting: Bool) -> Int? {
        guard let index = requests.firstIndex(where: { $0.isPending }) else {
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
        if requests[id - 1].isEvent { post(.withdrawn(id)) }
    }

    mutating func deliver(_ reply: Reply, to eval: Int) {
        self[eval].reply = reply
        enqueue(eval)
    }

    mutating func enqueue(_ eval: Int) {
        self[eval].standing = .waiting
        queue.append(eval)
        postWork()
    }
}
