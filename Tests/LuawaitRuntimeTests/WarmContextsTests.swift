import CLuaBridge
import Testing

@testable import LuawaitRuntime

struct WarmContextsTests {
    private let count = Context.LiveCount()

    private var live: Int { count.value.load(ordering: .relaxed) }

    private func context(_ functions: FunctionSet = .empty) throws -> Context {
        try #require(Context(config: EngineConfig(), limits: Limits(), functions: functions, count: count, hashSeed: 1))
    }

    private func functions(_ name: String) throws -> FunctionSet {
        try FunctionSet.empty.adding(HostFunction(name: name, timeoutMilliseconds: nil, callback: nil))
    }

    @Test func it_wants_as_many_as_it_was_told() throws {
        var warm = WarmContexts(wanted: 2)
        for expected in [true, true, false] {
            #expect(warm.wantsMore == expected)
            let isKept = warm.add(try context(), current: .empty)
            #expect(isKept == expected)
        }
        #expect(warm.count == 2)
        #expect(live == 2)
    }

    @Test func none_wanted_is_none_kept() throws {
        var warm = WarmContexts(wanted: 0)
        #expect(!warm.wantsMore)
        let isKept = warm.add(try context(), current: .empty)
        #expect(!isKept)
        #expect(warm.take(functions: .empty) == nil)
        #expect(live == 0)
    }

    @Test func a_context_is_taken_once() throws {
        var warm = WarmContexts(wanted: 1)
        let made = try context()
        _ = warm.add(made, current: .empty)
        let taken = warm.take(functions: .empty)
        #expect(taken === made)
        #expect(warm.take(functions: .empty) == nil)
        #expect(warm.wantsMore)
    }

    @Test func a_context_that_knows_other_functions_is_neither_kept_nor_taken() throws {
        var warm = WarmContexts(wanted: 4)
        let (old, new) = (try functions("a"), try functions("a"))
        let isKept = warm.add(try context(old), current: new)
        #expect(!isKept)
        _ = warm.add(try context(new), current: new)
        #expect(warm.take(functions: old) == nil)
        #expect(warm.take(functions: new) != nil)
    }

    @Test func when_functions_change_all_are_given_up() throws {
        var warm = WarmContexts(wanted: 3)
        for _ in 0..<3 { _ = warm.add(try context(), current: .empty) }
        var stale: [Context]? = warm.removeAll()
        #expect(stale?.count == 3)
        #expect(warm.count == 0)
        #expect(live == 3)
        stale = nil
        #expect(live == 0)
        #expect(stale == nil)
    }

    // MARK: - What ended evals leave

    @Test func a_worker_lets_go_of_what_a_condemned_eval_has_left() throws {
        let steps = try SteppedCore()
        let eval = try steps.start()
        #expect(steps.take() === eval)
        _ = eval.prepare(in: try context())
        steps.park(eval)
        #expect(live == 1)
        try steps.cancel(eval)
        #expect(eval.context == nil)
        #expect(live == 1)
        guard case .reclaim(let remains) = steps.anyWork() else {
            Issue.record("nobody frees the world of the cancelled eval")
            return
        }
        #expect(remains.count == 1)
        #expect(steps.core.retired.isEmpty)
    }

    @Test func leaving_something_behind_wakes_an_idle_worker() throws {
        let steps = try SteppedCore()
        let (eval, _) = try steps.startParked()
        #expect(steps.take(1) == nil)
        try steps.cancel(eval)
        #expect(steps.actions.wakeWorkers.count == 1)
        #expect(steps.actions.wakeWorkers.first === steps.workers[1])
    }

    @Test func an_ended_eval_whose_outcome_nobody_takes_keeps_no_function_alive() throws {
        let drops = Counter()
        let steps = try SteppedCore()
        var functions: FunctionSet?
        do {
            let callback = HostCallback(invoke: { _, _, _ in nil }, drop: { drops.add() })
            callback.takeOwnership()
            functions = try FunctionSet.empty.adding(
                HostFunction(name: "log", timeoutMilliseconds: nil, callback: callback))
        }
        var actions = Actions()
        let eval = Eval(
            id: steps.core.nextEvalID(), script: nil, options: try evalOptions(), functions: functions!, delivery: .kept
        )
        functions = nil
        steps.core.start(eval, now: steps.now, &actions)
        try steps.cancel(eval)
        #expect(drops.value == 0)
        _ = steps.work()
        #expect(drops.value == 1)
        #expect(try steps.outcome(eval)?.state == .cancelled)
    }
}
