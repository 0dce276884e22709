import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

struct ParkerTests {
    @Test func an_unpark_before_the_park_is_not_lost() {
        let parker = Parker()
        parker.unpark()
        parker.park()
        parker.unpark()
        parker.park(until: Instant.now().advanced(milliseconds: 60_000))
    }

    @Test func several_unparks_before_a_park_are_as_one() {
        let parker = Parker()
        for _ in 0..<10 { parker.unpark() }
        parker.park()
        let deadline = Instant.now().advanced(milliseconds: 20)
        parker.park(until: deadline)
        #expect(Instant.now() >= deadline)
    }

    @Test func a_park_gives_up_at_its_deadline() {
        let deadline = Instant.now().advanced(milliseconds: 20)
        Parker().park(until: deadline)
        #expect(Instant.now() >= deadline)
    }

    @Test func a_deadline_that_has_passed_does_not_wait() {
        let parker = Parker()
        parker.park(until: Instant(nanoseconds: 0))
        parker.park(until: .now())
    }

    @Test func an_unpark_after_a_park_gave_up_is_for_the_next() {
        let parker = Parker()
        for _ in 0..<100 {
            parker.park(until: .now())
            parker.unpark()
            parker.park()
        }
    }

    @Test func two_threads_wake_each_other_many_times() throws {
        let rounds = 20_000
        let parkers = [Parker(), Parker()]
        let turn = Atomic<Int>(0)
        try onThreads(2) { me in
            for round in 0..<rounds {
                while turn.load(ordering: .sequentiallyConsistent) != 2 * round + me { parkers[me].park() }
                turn.store(2 * round + me + 1, ordering: .sequentiallyConsistent)
                parkers[1 - me].unpark()
            }
        }
        #expect(turn.load(ordering: .sequentiallyConsistent) == 2 * rounds)
    }

    @Test func a_wake_up_that_races_with_the_deadline_is_never_lost() throws {
        let rounds = 5_000
        let parker = Parker()
        let sent = Atomic<Int>(0)
        let received = Atomic<Int>(0)
        try onThreads(2) { me in
            for round in 1...rounds {
                if me == 0 {
                    sent.store(round, ordering: .sequentiallyConsistent)
                    parker.unpark()
                    while received.load(ordering: .sequentiallyConsistent) < round { sched_yield() }
                } else {
                    // Alternately at a deadline that is about now, and without one: the latter hangs if a wake-up was
                    // lost.
                    parker.park(until: Instant.now().advanced(nanoseconds: Int64(round % 50) * 1000))
                    while sent.load(ordering: .sequentiallyConsistent) < round { parker.park() }
                    received.store(round, ordering: .sequentiallyConsistent)
                }
            }
        }
        #expect(received.load(ordering: .sequentiallyConsistent) == rounds)
    }
}
