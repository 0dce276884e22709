import HeapModule

/// Deadlines, soonest first. O(log n) to add and to take.
///
/// A deadline that has become void (its request was answered) stays in the heap until it is due or until such entries
/// outnumber the others: taking it out of the middle of a heap would cost a search. So every host call leaves one entry
/// behind, and the queue sweeps them out in bulk, at a cost of O(1) for each.
package struct TimerQueue<Target: Sendable>: Sendable {
    private struct Entry: Comparable, Sendable {
        var deadline: Instant
        /// Of two with the same deadline the older one goes first, so that a replayed run is the same run.
        var sequence: UInt64
        var target: Target

        static func < (left: Entry, right: Entry) -> Bool {
            (left.deadline, left.sequence) < (right.deadline, right.sequence)
        }

        static func == (left: Entry, right: Entry) -> Bool {
            left.sequence == right.sequence
        }
    }

    private var heap = Heap<Entry>()
    private var sequence: UInt64 = 0
    private var void = 0

    package init() {}

    /// How many deadlines are not void.
    package var count: Int { heap.count - void }

    /// How many entries there are, void ones included. For tests.
    package var storedCount: Int { heap.count }

    /// The soonest deadline; a void one counts, too.
    package var next: Instant? { heap.min?.deadline }

    package mutating func add(_ target: Target, deadline: Instant) {
        sequence += 1
        heap.insert(Entry(deadline: deadline, sequence: sequence, target: target))
    }

    /// One deadline has become void: `isLive` says no to its target from now on.
    package mutating func voidOne(isLive: (Target) -> Bool) {
        void += 1
        guard void > 64, void > heap.count / 2 else { return }
        heap = Heap(heap.unordered.filter { isLive($0.target) })
        void = 0
    }

    /// The soonest deadline that is not void.
    package mutating func nextLive(isLive: (Target) -> Bool) -> Instant? {
        while let entry = heap.min {
            if isLive(entry.target) { return entry.deadline }
            heap.removeMin()
            void -= 1
        }
        return nil
    }

    /// Takes the soonest deadline that has come and is not void.
    package mutating func takeDue(now: Instant, isLive: (Target) -> Bool) -> Target? {
        while let entry = heap.min, entry.deadline <= now {
            heap.removeMin()
            if isLive(entry.target) { return entry.target }
            void -= 1
        }
        return nil
    }
}
