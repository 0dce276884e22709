@testable import LuawaitRuntime

/// What the host of an engine may see, told in the simplest way: lists that are searched from end to end. Of the
/// scripts it knows what they do (`SimulatedScript`), but not how far a slice gets them: that it is told.
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
        /// The named one it runs in.
        let context: Int?
        /// Those that existed when it was started, or when its context was made.
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
        /// The pool would not run it: nobody knows it.
        var isRefused = false

        var isLive: Bool { ending == nil && !isRefused }
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

    /// What a life can bring. Enough of them together should have met with everything.
    enum Occurrence: CaseIterable {
        case answer, malformedAnswer, lateAnswer, answerBeforeTaking
        case sliced, timedOut, callTimedOut, refusedStart, refusedCall, refusedLine
        case callback, runInsideCallback, shutDown, sleepUntilDeadline
        case condemnedInQueue, condemnedParked, condemnedRunning, condemnedAgain, requestTimeOutEvent, withdrawnEvent
        case wokenWaker, replacedWaker, lateWaker, notified, notifiedAgain, notifierSetLate
        case takenElsewhere, hiddenFromOthers, blockedCall
        case contextFreed, contextFreedAroundACallback, startInFreedContext, turnsInContext, worldTooSmall, sharedGlobal
        case shutDownInTime, shutDownTimedOut
        case task, taskRunAgain, refusedByPool, noPool, retried, poolReplaced, tasksSideBySide
    }

    /// Who is the host's main thread.
    enum MainThread {
        case none, here, elsewhere
    }

    let limits: QueueLimits
    let executor: EngineConfig.Executor
    var met: Set<Occurrence> = []
    // An id is an index + 1.
    var evals: [ModelEval] = []
    var requests: [ModelRequest] = []
    var contexts: [ModelContext] = []
    /// Whose turn it is. Those that do not wait any more are skipped.
    var queue = RunQueue<Turn>()
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
    private(set) var mainThread = MainThread.none
    private var isArmed = true
    var notifier: Int?
    var notifiers: [Tally] = []
    var wakers: [Tally] = []

    /// Whether there is a pool (executor "custom").
    var hasPool = false

    init(limits: QueueLimits, executor: EngineConfig.Executor) {
        self.limits = limits
        self.executor = executor
    }

    subscript(id: Int) -> ModelEval {
        get { evals[id - 1] }
        set { evals[id - 1] = newValue }
    }

    func isKnown(_ id: Int) -> Bool {
        id > 0 && id <= evals.count && self[id].standing != .forgotten && !self[id].isDirect
    }

    var live: [Int] { evals.indices.map { $0 + 1 }.filter { self[$0].isLive } }
    var queuedCount: Int { evals.count { $0.standing == .waiting && !$0.isDirect } }
    var openRequests: [Int] { requests.indices.filter { requests[$0].isOpen }.map { $0 + 1 } }
    /// How much of it all is for the main thread alone.
    var mainOnly: Int {
        events.count { isThere($0) && isForMain($0) } + (workIsPosted && mainThread != .none ? 1 : 0)
    }
    /// What this thread can take.
    var visible: Int { available - (mainThread == .here ? 0 : mainOnly) }
    var unreadLines: Int { events.count { if case .output = $0 { true } else { false } } }

    // MARK: - What there is to take

    private mutating func add() {
        available += 1
        if isArmed, let notifier {
            met.insert(notifiers[notifier].calls > 0 ? .notifiedAgain : .notified)
            notifiers[notifier].calls += 1
        }
        isArmed = false
    }

    mutating func remove() {
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
        guard executor == .host, !workIsPosted else { return }
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

    /// From here on it is the main thread that runs the scripts.
    mutating func bind(_ thread: MainThread) {
        let isFirst = mainThread == .none
        mainThread = thread
        guard isFirst, workIsPosted else { return }
        // It is another thing to take now.
        remove()
        add()
    }

    mutating func setNotifier(_ new: Int?) {
        if let notifier { notifiers[notifier].drops += 1 }
        notifier = new
        isArmed = available == 0
        if let new, available > 0 {
            met.insert(.notifierSetLate)
            notifiers[new].calls += 1
        }
    }
}
