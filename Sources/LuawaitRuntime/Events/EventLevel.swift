import Synchronization

/// A descriptor that shows whether there is something to take.
///
/// docs/model/host_signal.pml steps through it line by line: `level` and `raised` are the two words here, `readable` is
/// the descriptor, and UPDATE, RAISE and LOWER say in which of the methods a thread is.
final class EventLevel: Sendable {
    /// What the descriptor should show. Written under the core's lock, so that the last writer is right.
    private let level = Atomic<Bool>(false)
    /// What is raised and lowered, once it is there: -1 before.
    private let descriptor = Atomic<Int32>(-1)
    /// Whether the descriptor has been written to since it was last read, or is about to be.
    private let isRaised = Atomic<Bool>(false)

    /// Called with the core's lock held: what is to be seen once it is released.
    func publish(_ isReadable: Bool) {
        level.store(isReadable, ordering: .sequentiallyConsistent)
    }

    /// From here on this is what shows the level.
    func show(on descriptor: Int32) {
        self.descriptor.store(descriptor, ordering: .releasing)
        update()
    }

    /// Makes the descriptor show the level. After the core's lock has been released, by whoever has changed the level.
    ///
    /// No lock is held while it is written: the write wakes the host, who would run into that lock at once. Instead,
    /// each side looks at the level again after its system call, and makes good what the other side's change has
    /// undone. So whatever order the calls come in, the last of them leaves the descriptor as the level says.
    func update() {
        let descriptor = descriptor.load(ordering: .acquiring)
        guard descriptor >= 0 else { return }
        if !level.load(ordering: .sequentiallyConsistent) {
            lower(descriptor)
        } else if !isRaised.exchange(true, ordering: .sequentiallyConsistent) {
            raise(descriptor)
        }
    }

    private func raise(_ descriptor: Int32) {
        isRaised.store(true, ordering: .sequentiallyConsistent)
        EventFD.raise(descriptor)
        // Taken already, before the write: nobody else will come to lower it.
        if !level.load(ordering: .sequentiallyConsistent) { lower(descriptor) }
    }

    private func lower(_ descriptor: Int32) {
        EventFD.lower(descriptor)
        // In this order: set before the read, a flag raised by a third party in between would stand for a write that
        // the read has swallowed, and keep the next one from being made (docs/model/host_signal.pml).
        isRaised.store(false, ordering: .sequentiallyConsistent)
        // The read may have swallowed somebody's write, so it is not enough that `isRaised` is set.
        if level.load(ordering: .sequentiallyConsistent) { raise(descriptor) }
    }
}
