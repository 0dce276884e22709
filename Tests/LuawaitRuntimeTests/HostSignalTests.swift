import Glibc
import Synchronization
import Testing

@testable import LuawaitRuntime

struct HostSignalTests {
    private func isReadable(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    // MARK: - The descriptor

    @Test func the_descriptor_follows_the_level() throws {
        let signal = HostSignal()
        let descriptor = try signal.makeDescriptor(withTimer: false)
        #expect(!isReadable(descriptor))
        for _ in 0..<3 {
            signal.common.publish(true)
            signal.common.update()
            #expect(isReadable(descriptor))
            #expect(isReadable(descriptor))
            signal.common.publish(false)
            signal.common.update()
            #expect(!isReadable(descriptor))
        }
    }

    @Test func updating_twice_changes_nothing() throws {
        let signal = HostSignal()
        let descriptor = try signal.makeDescriptor(withTimer: false)
        signal.common.publish(true)
        for _ in 0..<3 { signal.common.update() }
        #expect(isReadable(descriptor))
        signal.common.publish(false)
        signal.common.update()
        #expect(!isReadable(descriptor))
        signal.common.update()
        #expect(!isReadable(descriptor))
    }

    @Test func a_descriptor_made_late_shows_the_level_at_once() throws {
        let signal = HostSignal()
        signal.common.publish(true)
        signal.common.update()
        #expect(isReadable(try signal.makeDescriptor(withTimer: false)))
    }

    @Test func there_is_one_descriptor() throws {
        let signal = HostSignal()
        let first = try signal.makeDescriptor(withTimer: false)
        #expect(try signal.makeDescriptor(withTimer: false) == first)
        let all = Mutex<Set<Int32>>([])
        try onThreads(4) { _ in
            let made = try? signal.makeDescriptor(withTimer: false)
            all.withLock { _ = $0.insert(made ?? -1) }
        }
        #expect(all.withLock { $0 } == [first])
    }

    @Test func the_descriptor_is_closed_on_exec_and_with_its_owner() throws {
        var signal: HostSignal? = HostSignal()
        let descriptor = try #require(try signal?.makeDescriptor(withTimer: false))
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        let isBlocking = fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0
        #expect(!isBlocking)
        signal = nil
        #expect(signal == nil)
    }

    @Test func whatever_order_the_updates_come_in_the_last_leaves_it_right() throws {
        let signal = HostSignal()
        let descriptor = try signal.makeDescriptor(withTimer: false)
        // The level is written under a lock, and updated after it has been released, as the engine does.
        let available = Mutex<Int>(0)
        for round in 0..<40 {
            try onThreads(4) { me in
                var random = SplitMix64(seed: UInt64(round * 4 + me + 1))
                for _ in 0..<200 {
                    let more = random.chance(in: 2)
                    available.withLock { count in
                        count = max(0, count + (more ? 1 : -1))
                        signal.common.publish(count > 0)
                    }
                    signal.common.update()
                }
            }
            let isAvailable = available.withLock { $0 > 0 }
            #expect(isReadable(descriptor) == isAvailable, "round \(round)")
            // The next round begins at the other end.
            available.withLock { count in
                count = isAvailable ? 0 : 1
                signal.common.publish(count > 0)
            }
            signal.common.update()
            #expect(isReadable(descriptor) == !isAvailable, "after round \(round)")
        }
    }

    @Test func a_rise_and_a_fall_at_once_leave_what_came_last() throws {
        let signal = HostSignal()
        let descriptor = try signal.makeDescriptor(withTimer: false)
        let last = Mutex<Bool>(false)
        let begun = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        let wrong = Atomic<Int>(0)
        let rounds = 20_000
        try onThreads(2) { me in
            for round in 1...rounds {
                // Both leave this line as nearly together as two threads can.
                begun.add(1, ordering: .sequentiallyConsistent)
                while begun.load(ordering: .sequentiallyConsistent) < 2 * round { sched_yield() }
                last.withLock { level in
                    level = me == 0
                    signal.common.publish(level)
                }
                signal.common.update()
                done.add(1, ordering: .sequentiallyConsistent)
                while done.load(ordering: .sequentiallyConsistent) < 2 * round { sched_yield() }
                if me == 0, self.isReadable(descriptor) != last.withLock({ $0 }) {
                    wrong.add(1, ordering: .sequentiallyConsistent)
                }
            }
        }
        let mistakes = wrong.load(ordering: .sequentiallyConsistent)
        #expect(mistakes == 0)
    }

    @Test func a_reader_that_sleeps_on_the_descriptor_misses_nothing() throws {
        let signal = HostSignal()
        let descriptor = try signal.makeDescriptor(withTimer: false)
        let rounds = 5_000
        let available = Mutex<Int>(0)
        let isLost = Atomic<Bool>(false)
        try onThreads(3) { me in
            if me > 0 {
                for _ in 0..<rounds {
                    available.withLock { count in
                        count += 1
                        signal.common.publish(true)
                    }
                    signal.common.update()
                }
                return
            }
            var taken = 0
            while taken < 2 * rounds {
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&entry, 1, 30_000) == 1 else {
                    isLost.store(true, ordering: .relaxed)
                    return
                }
                taken += available.withLock { count in
                    defer {
                        count = 0
                        signal.common.publish(false)
                    }
                    return count
                }
                signal.common.update()
            }
        }
        let hasLost = isLost.load(ordering: .relaxed)
        #expect(!hasLost)
        #expect(!isReadable(descriptor))
    }

    // MARK: - The notifier

    @Test func the_notifier_is_called_while_it_is_set() {
        let (first, second) = (Counter(), Counter())
        let signal = HostSignal()
        signal.notify(Telling(generation: 1))
        signal.set(Notifier(notify: { first.add() }, drop: {}), generation: 1)
        signal.notify(Telling(generation: 1))
        signal.notify(Telling(generation: 1))
        signal.set(Notifier(notify: { second.add() }, drop: {}), generation: 1)
        signal.notify(Telling(generation: 1))
        signal.set(nil, generation: 1)
        signal.notify(Telling(generation: 1))
        #expect(first.value == 2)
        #expect(second.value == 1)
    }

    @Test func a_notifier_is_dropped_once_when_it_is_replaced_removed_or_left() {
        let drops = (0..<3).map { _ in Counter() }
        do {
            let signal = HostSignal()
            signal.set(Notifier(notify: {}, drop: { drops[0].add() }), generation: 1)
            #expect(drops[0].value == 0)
            signal.set(Notifier(notify: {}, drop: { drops[1].add() }), generation: 1)
            #expect(drops.map(\.value) == [1, 0, 0])
            signal.set(nil, generation: 1)
            signal.set(nil, generation: 1)
            #expect(drops.map(\.value) == [1, 1, 0])
            signal.set(Notifier(notify: {}, drop: { drops[2].add() }), generation: 1)
        }
        #expect(drops.map(\.value) == [1, 1, 1])
    }

    @Test func a_notifier_replaced_during_its_call_is_dropped_after_it() throws {
        let (inside, replaced) = (Gate(), Gate())
        let drops = Counter()
        let dropsDuringCall = Mutex<Int?>(nil)
        let signal = HostSignal()
        signal.set(
            Notifier(
                notify: {
                    inside.open()
                    replaced.pass()
                    dropsDuringCall.withLock { $0 = drops.value }
                }, drop: { drops.add() }), generation: 1)
        try onThreads(2) { me in
            if me == 0 {
                signal.notify(Telling(generation: 1))
            } else {
                inside.pass()
                signal.set(nil, generation: 1)
                replaced.open()
            }
        }
        #expect(dropsDuringCall.withLock { $0 } == 0)
        #expect(drops.value == 1)
    }

    @Test func a_notifier_may_replace_itself() {
        let (calls, drops) = (Counter(), Counter())
        let signal = HostSignal()
        signal.set(
            Notifier(
                notify: {
                    calls.add()
                    signal.set(nil, generation: 1)
                    signal.notify(Telling(generation: 1))
                }, drop: { drops.add() }), generation: 1)
        signal.notify(Telling(generation: 1))
        #expect(calls.value == 1)
        #expect(drops.value == 1)
    }
}
