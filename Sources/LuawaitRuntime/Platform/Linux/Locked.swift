import Glibc

/// A value that one thread at a time may touch.
///
/// Not `Synchronization.Mutex`: that one remembers each thread's id for the kernel's sake, and the main thread of a
/// forked child goes on with its parent's, so that the first contended lock in the child is never released. Nor do
/// sanitizers see it.
struct Locked<Value: Sendable>: ~Copyable, @unchecked Sendable {
    // Unchecked: the value is only reached with the mutex held. Both are allocated, because a mutex must not move.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let value: UnsafeMutablePointer<Value>

    init(_ initial: Value) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        value = .allocate(capacity: 1)
        value.initialize(to: initial)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// For what cannot be a closure: fork(2).
    borrowing func lock() { pthread_mutex_lock(mutex) }
    borrowing func unlock() { pthread_mutex_unlock(mutex) }

    borrowing func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value.pointee)
    }
}
