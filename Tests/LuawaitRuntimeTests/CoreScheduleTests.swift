import Testing

@testable import LuawaitRuntime

/// Random orders of everything that host, workers and watchdog can do, against a model. `LUAWAIT_SEED=17` replays one.
struct CoreScheduleTests {
    @Test(arguments: [1, 3]) func any_order_of_events_agrees_with_the_model(workers: Int) throws {
        var ends = 0
        var met: Set<String> = []
        for seed in seeds(1000) {
            do {
                var schedule = try CoreSchedule(seed: seed, workers: workers)
                try schedule.run(steps: 200)
                ends += schedule.model.evals.count
                met.formUnion(schedule.met)
            } catch let error as Discrepancy {
                Issue.record("LUAWAIT_SEED=\(seed) replays it: \(error.message)")
                return
            }
        }
        #expect(ends > 0)
        guard seeds(2).count > 1 else { return }
        #expect(
            met == [
                "request", "withdrawn", "finished", "output", "no event", "a waker", "a waiting thread", "shut down",
                "max_evals", "max_queued", "max_requests", "a line too many", "a blocked call",
                "max_blocked",
            ])
    }

    @Test func the_same_seed_is_the_same_run() throws {
        var one = try CoreSchedule(seed: 99, workers: 2)
        var other = try CoreSchedule(seed: 99, workers: 2)
        try one.run(steps: 400)
        try other.run(steps: 400)
        #expect(one.trace == other.trace)
        #expect(one.trace.count > 300)
    }
}
