import Glibc
import Testing

@testable import LuawaitRuntime

/// Random lives of a whole engine, against a model of what its host may see. `LUAWAIT_SCHEDULES` says how many,
/// `LUAWAIT_FIRST_SEED` from which on, and `LUAWAIT_SEED=17` replays one; `make simulate` runs a hundred thousand.
@Suite(.serialized) struct EngineSimulationTests {
    @Test func any_life_of_an_engine_agrees_with_the_model() throws {
        let seeds = seeds(number("LUAWAIT_SCHEDULES") ?? 3000, from: UInt64(number("LUAWAIT_FIRST_SEED") ?? 1))
        var (evals, requests) = (0, 0)
        var met: Set<HostModel.Occurrence> = []
        defer { LastSeed.clear() }
        for seed in seeds {
            LastSeed.note(replay(seed))
            do {
                let schedule = try EngineSchedule(seed: seed)
                try schedule.run()
                evals += schedule.model.evals.count
                requests += schedule.model.requests.count
                met.formUnion(schedule.model.met)
            } catch {
                report(seed, "\(error)")
                return
            }
        }
        print("\(seeds.count) schedules from seed \(seeds[0]) on: \(evals) evals, \(requests) requests")
        if seeds.count >= 1000 { #expect(HostModel.Occurrence.allCases.filter { !met.contains($0) } == []) }
    }

    private func number(_ variable: String) -> Int? {
        getenv(variable).flatMap { Int(String(cString: $0)) }
    }

    private func replay(_ seed: UInt64) -> String {
        "LUAWAIT_SEED=\(seed) scripts/test-swift.sh --filter EngineSimulationTests"
    }

    /// The same once more, with a trace.
    private func report(_ seed: UInt64, _ message: String) {
        var trace: [String] = []
        if let schedule = try? EngineSchedule(seed: seed, isTraced: true) {
            try? schedule.run()
            trace = schedule.trace
        }
        Issue.record(
            """
            \(replay(seed))
            \(trace.joined(separator: "\n"))
            \(message)
            """)
    }

    @Test func the_same_seed_is_the_same_life() throws {
        let lives = try (1...2).map { _ in
            let schedule = try EngineSchedule(seed: 99, isTraced: true)
            try schedule.run()
            return schedule.trace
        }
        #expect(lives[0] == lives[1])
        #expect(lives[0].count > 20)
    }
}
