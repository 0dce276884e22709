import Testing

@testable import LuawaitRuntime

@Suite struct CrewTests {
    private let workers: [Worker]

    init() throws {
        workers = try (0..<3).map { _ in try Worker(config: EngineConfig(), clock: SystemClock()) }
    }

    private func crew(mostBusy: Int = 2, mostPinned: Int = 2, asleep: Int = 0) -> Crew {
        var crew = Crew(mostBusy: mostBusy, mostPinned: mostPinned)
        for worker in workers.prefix(asleep) { crew.fellAsleep(worker) }
        return crew
    }

    @Test func the_worker_that_fell_asleep_last_is_woken_first() {
        var crew = crew(asleep: 2)
        #expect(crew.workCame() === workers[1])
        #expect(crew.workCame() === workers[0])
        #expect(crew.workCame() == nil)
    }

    @Test func nobody_is_woken_while_as_many_run_as_may() {
        var crew = crew(mostBusy: 1, asleep: 1)
        crew.began(workers[1])
        #expect(!crew.hasRoom)
        #expect(crew.workCame() == nil)
        crew.reported(workers[1])
        #expect(crew.workCame() === workers[0])
    }

    @Test func a_worker_that_had_no_script_changes_nothing_when_it_reports() {
        var crew = crew()
        crew.reported(workers[0])
        #expect(crew.busyCount == 0)
    }

    @Test func a_pinned_worker_leaves_room_for_another() {
        var crew = crew(mostBusy: 1, asleep: 1)
        crew.began(workers[1])
        #expect(crew.pinned() == 0)
        #expect(crew.hasRoom)
        #expect(crew.workCame() === workers[0])
    }

    @Test func where_nobody_is_idle_a_stand_in_is_started() {
        var crew = crew(mostBusy: 1)
        crew.began(workers[0])
        #expect(crew.pinned() == 1)
        #expect(crew.standIns.count == 1)
    }

    @Test func no_more_are_pinned_than_may_be() {
        var crew = crew(mostPinned: 1)
        crew.began(workers[0])
        #expect(crew.mayPin)
        _ = crew.pinned()
        #expect(!crew.mayPin)
        crew.unpinned()
        #expect(crew.mayPin)
    }

    @Test func an_unpinned_worker_counts_as_busy_beyond_the_limit() {
        var crew = crew(mostBusy: 1)
        crew.began(workers[0])
        _ = crew.pinned()
        crew.began(workers[1])
        crew.unpinned()
        #expect(crew.busyCount == 2)
        #expect(!crew.hasRoom)
        crew.reported(workers[0])
        #expect(!crew.hasRoom)
        crew.reported(workers[1])
        #expect(crew.hasRoom)
    }

    @Test func a_refused_stand_in_is_started_again_only_while_one_is_missing() {
        var crew = crew(mostBusy: 1)
        crew.began(workers[0])
        _ = crew.pinned()
        #expect(crew.standInRefused() != nil)
        #expect(crew.retryIsDue() == 1)
        #expect(crew.standInRefused() != nil)
        crew.fellAsleep(workers[1])
        #expect(crew.retryIsDue() == 0)
    }

    @Test func all_who_sleep_are_woken_when_the_engine_stops() {
        var crew = crew(asleep: 3)
        #expect(crew.dismissed().count == 3)
        #expect(crew.idle.isEmpty)
    }
}
