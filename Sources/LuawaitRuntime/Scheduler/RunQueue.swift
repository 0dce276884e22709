import DequeModule

/// Who is next to run: those with little to do before those with much.
///
/// What has used up its time slice waits in a line of its own, and most turns go to the others: scripts that are new,
/// or have just been answered, and will mostly park or end within a fraction of a slice. So a short script waits for
/// the slices that run, and not for one slice of each of a hundred endless loops. No line is ever left to starve: every
/// fifth turn is the long ones', if there are any.
package struct RunQueue<Element> {
    private var short = Deque<Element>()
    private var long = Deque<Element>()
    /// Turns of short ones since a long one waits, or has had its turn.
    private var passedBy = 0

    private static var mostPassedBy: Int { 4 }

    package init() {}

    package var isEmpty: Bool { short.isEmpty && long.isEmpty }
    package var count: Int { short.count + long.count }

    /// - Parameter afterSlice: whether it has just used up its slice.
    package mutating func append(_ element: Element, afterSlice: Bool = false) {
        if afterSlice {
            long.append(element)
        } else {
            short.append(element)
        }
    }

    package mutating func popFirst() -> Element? {
        guard !long.isEmpty else {
            passedBy = 0
            return short.popFirst()
        }
        if short.isEmpty || passedBy >= Self.mostPassedBy {
            passedBy = 0
            return long.popFirst()
        }
        passedBy += 1
        return short.popFirst()
    }

    /// Takes out the one that came last of those that `isWanted`, before it has had a turn.
    package mutating func removeLast(where isWanted: (Element) -> Bool) {
        if let place = short.lastIndex(where: isWanted) { short.remove(at: place) }
    }

    /// The same order of other things. For tests.
    package func map<Other>(_ transform: (Element) -> Other) -> RunQueue<Other> {
        var mapped = RunQueue<Other>()
        mapped.short = Deque(short.map(transform))
        mapped.long = Deque(long.map(transform))
        mapped.passedBy = passedBy
        return mapped
    }

    /// Both lines, the short ones first. For tests.
    package var elements: [Element] { Array(short) + Array(long) }
}

extension RunQueue: Sendable where Element: Sendable {}
