import Testing

@testable import LuawaitRuntime

@Suite struct PoolTasksTests {
    private func opened(most: Int = 2) -> PoolTasks {
        var tasks = PoolTasks(most: most)
        expect(tasks.opened(readyCount: 0) == 0)
        return tasks
    }

    // The macro takes no mutating call.
    private func expect(_ holds: Bool, _ location: SourceLocation = #_sourceLocation) {
        #expect(holds, sourceLocation: location)
    }

    private func expectRetry(in expected: Int64?, _ delay: Int64?, _ location: SourceLocation = #_sourceLocation) {
        #expect(delay == expected, sourceLocation: location)
    }

    @Test func nothing_is_handed_in_without_a_pool() {
        var tasks = PoolTasks(most: 2)
        expect(!tasks.workCame())
        #expect(tasks.outstanding == 0)
    }

    @Test func a_new_pool_gets_a_task_for_each_that_waits_up_to_the_most() {
        var tasks = PoolTasks(most: 3)
        expect(tasks.opened(readyCount: 2) == 2)
        expect(tasks.opened(readyCount: 9) == 1)
        #expect(tasks.outstanding == 3)
    }

    @Test func no_more_than_the_most_are_outstanding() {
        var tasks = opened()
        expect(tasks.workCame())
        expect(tasks.workCame())
        expect(!tasks.workCame())
    }

    @Test func a_task_that_leaves_work_is_followed_by_another() {
        var tasks = opened()
        expect(tasks.workCame())
        expect(tasks.ended(leavingWork: true))
        #expect(tasks.outstanding == 1)
        expect(!tasks.ended(leavingWork: false))
        #expect(tasks.outstanding == 0)
    }

    @Test func a_task_that_leaves_work_is_the_last_once_the_pool_is_gone() {
        var tasks = opened()
        expect(tasks.workCame())
        tasks.closed()
        expect(!tasks.ended(leavingWork: true))
        #expect(tasks.outstanding == 0)
    }

    @Test func refused_work_is_tried_again_after_growing_delays() {
        var tasks = opened()
        var delays: [Int64] = []
        for _ in 0..<12 {
            expect(tasks.workCame())
            delays.append(tasks.refused(-1, leavingWork: true) ?? -1)
            #expect(tasks.isRetryPlanned)
            expect(tasks.retryIsDue(hasWork: true))
            _ = tasks.refused(-1, leavingWork: false)
        }
        #expect(delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000])
    }

    @Test func a_pool_that_runs_something_is_tried_soon_again() {
        var tasks = opened()
        for _ in 0..<3 {
            expect(tasks.workCame())
            _ = tasks.refused(-1, leavingWork: true)
            expect(!tasks.retryIsDue(hasWork: false))
        }
        #expect(tasks.refusal == -1)
        expect(tasks.workCame())
        tasks.begun()
        #expect(tasks.refusal == nil)
        _ = tasks.ended(leavingWork: false)
        expect(tasks.workCame())
        expectRetry(in: 1, tasks.refused(-1, leavingWork: true))
    }

    @Test func nothing_is_planned_while_another_task_will_look() {
        var tasks = opened()
        expect(tasks.workCame())
        expect(tasks.workCame())
        expectRetry(in: nil, tasks.refused(-1, leavingWork: true))
        expectRetry(in: 1, tasks.refused(-1, leavingWork: true))
        #expect(tasks.refusal == -1)
    }

    @Test func one_retry_is_planned_at_a_time() {
        var tasks = opened()
        expect(tasks.workCame())
        expectRetry(in: 1, tasks.refused(-1, leavingWork: true))
        expect(tasks.workCame())
        expectRetry(in: nil, tasks.refused(-1, leavingWork: true))
        expect(tasks.retryIsDue(hasWork: true))
        #expect(tasks.outstanding == 1)
    }

    @Test func a_retry_that_comes_when_somebody_is_at_work_does_nothing() {
        var tasks = opened()
        expect(tasks.workCame())
        expectRetry(in: 1, tasks.refused(-1, leavingWork: true))
        expect(tasks.workCame())
        expect(!tasks.retryIsDue(hasWork: true))
        #expect(!tasks.isRetryPlanned)
    }
}
