import Testing

@testable import LuawaitRuntime

/// Random orders of everything that host, workers and watchdog can do, against a model. `LUAWAIT_SEED=17` replays one.
struct CoreScheduleTests {
    @Test(arguments: [1, 3]) func any_order_of_events_agrees_with_the_model(workers: Int) throws {
        var ends = 0
        for seed in seeds(1000) {
            do {
                var schedule = try CoreSchedule(seed: seed, workers: workers)
                try schedule.run(steps: 200)
                ends += schedule.model.evals.count
            } catch let error as Discrepancy {
                Issue.record("LUAWAIT_SEED=\(seed) replays it: \(error.message)")
                return
            }
        }
        #expect(ends > 0)
    }

    @Test func the_same_seed_is_the_same_run() throws {
        var one = try CoreSchedule(seed: 99, workers: 2)
        var other = try CoreSchedule(seed: 99, workers: 2)
        try one.run(steps: 300)
        try other.run(steps: 300)
        #expect(one.trace == other.trace)
        #expect(one.trace.count > 300)
    }
}
