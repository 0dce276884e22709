import CLuaBridge
import Synchronization

/// What a thread needs to run scripts: its place in the stop protocol, and the time by which the watchdog is to look
/// after it.
package final class RunSlot: @unchecked Sendable {
    // Unchecked: the stopper is made for being used from any thread; the counter belongs to the bound thread.

    private let stopper: OpaquePointer
    private var lastTicket: UInt64 = 0
    private let currentTicket = Atomic<UInt64>(0)
    /// Nanoseconds of the monotonic clock; 0 while nothing runs.
    private let nextStop = Atomic<Int64>(0)
    private let sliceNanoseconds: Int64
    private let clock: any Clock

    /// An eval whose processor time is nearly used up gets at least this much at once: not a signal for each
    /// instruction.
    private static let shortestSlice: Int64 = 100_000

    /// - Throws: `.memory`.
    package init(config: EngineConfig, clock: any Clock) throws(CallError) {
        guard let stopper = lwb_stopper_new(config.preemption == .count) else { throw .outOfMemory }
        self.stopper = stopper
        sliceNanoseconds = config.sliceNanoseconds
        self.clock = clock
    }

    deinit {
        lwb_stopper_free(stopper)
    }

    // MARK: - On the thread that runs

    /// From here until `unbind` the calling thread can be stopped through this slot.
    func bind() {
        lwb_stopper_bind(stopper)
    }

    func unbind() {
        lwb_stopper_unbind(stopper)
    }

    /// Names the run that comes next. Before the core hears of it: a stop that comes while the run is still being
    /// prepared is kept until it begins.
    package func announce() -> Ticket {
        lastTicket += 1
        currentTicket.store(lastTicket, ordering: .relaxed)
        lwb_stopper_announce(stopper, lastTicket)
        return Ticket(lastTicket)
    }

    /// Runs a prepared eval until it ends, parks, or its slice is over.
    ///
    /// - Parameter end: when its slice is over at the latest: the host's budget.
    func resume(_ eval: Eval, until end: Instant, watchdog: Watchdog?) -> lwb_event {
        var answer = lwb_answer(kind: LWB_ANSWER_NONE, value: nil)
        if let given = eval.answer {
            answer = given.forBridge()
            eval.answer = nil
        }
        let slice = min(sliceNanoseconds, max(Self.shortestSlice, lwb_eval_cpu_left(eval.raw)))
        let sliceEnd = min(clock.now().advanced(nanoseconds: slice), end)
        nextStop.store(sliceEnd.nanoseconds, ordering: .sequentiallyConsistent)
        lwb_stopper_set_slice_end(stopper, sliceEnd.nanoseconds)
        // The bridge knows the system's time alone.
        let keepsDeadline = watchdog == nil && clock.instructionsPerSlice == nil
        lwb_stopper_set_deadline(stopper, keepsDeadline ? eval.deadline?.nanoseconds ?? 0 : 0)
        if let instructions = clock.instructionsPerSlice { lwb_stopper_set_slice_instructions(stopper, instructions) }
        watchdog?.runHasBegun(until: sliceEnd)
        let event = lwb_eval_resume(eval.raw, stopper, answer)
        nextStop.store(0, ordering: .relaxed)
        return event
    }

    /// The script waits on this thread for an answer: no slice passes.
    func pauseSlice() {
        nextStop.store(0, ordering: .sequentiallyConsistent)
    }

    func resumeSlice(_ watchdog: Watchdog?) {
        let sliceEnd = clock.now().advanced(nanoseconds: sliceNanoseconds)
        nextStop.store(sliceEnd.nanoseconds, ordering: .sequentiallyConsistent)
        lwb_stopper_set_slice_end(stopper, sliceEnd.nanoseconds)
        watchdog?.runHasBegun(until: sliceEnd)
    }

    /// What the thread did since the last run is charged to nobody.
    func markProcessorTime() {
        lwb_stopper_mark_cpu(stopper)
    }

    // MARK: - On any thread

    /// Tells the run to unwind. Nothing happens if it has ended.
    func condemn(_ ticket: Ticket) {
        _ = lwb_stopper_order(stopper, ticket.value, LWB_ORDER_CONDEMN)
    }

    /// When the slice that is running ends; nil if nothing runs.
    var sliceEnd: Instant? {
        let due = nextStop.load(ordering: .sequentiallyConsistent)
        return due == 0 ? nil : Instant(nanoseconds: due)
    }

    /// Ends the slice if it is over.
    ///
    /// - Returns: when to look again; nil if nothing runs.
    func endSliceIfOver(now: Instant) -> Instant? {
        let due = nextStop.load(ordering: .sequentiallyConsistent)
        guard due != 0 else { return nil }
        guard due <= now.nanoseconds else { return Instant(nanoseconds: due) }
        // The ticket may be that of the next run by now; then that one's slice is short, and no harm is done.
        _ = lwb_stopper_order(stopper, currentTicket.load(ordering: .relaxed), LWB_ORDER_SLICE)
        let next = now.advanced(nanoseconds: sliceNanoseconds)
        _ = nextStop.compareExchange(expected: due, desired: next.nanoseconds, ordering: .relaxed)
        return next
    }
}
