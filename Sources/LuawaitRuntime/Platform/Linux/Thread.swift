import CPlatform
import Glibc

/// A thread of the library's own. It must be joined; all signals are blocked on it.
package final class Thread: Sendable {
    private let handle: pthread_t

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Room for Lua's deepest C recursion (200 levels; load in load takes 7 KB each with AddressSanitizer)
    /// and for jansson's. Only what is used of it takes memory.
    private static let stackSize = 2 << 20

    /// - Throws: `CallError` of kind `.system` when the system refuses.
    package init(name: StaticString, _ run: @escaping @Sendable () -> Void) throws(CallError) {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let nameBytes = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        let result = lwp_thread_start(
            &thread, nameBytes, Self.stackSize,
            { argument in
                Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().run()
            }, body.toOpaque())
        guard result == 0 else {
            body.release()
            throw CallError(.system, "no thread could be started: \(String(cString: strerror(result)))")
        }
        handle = thread
    }

    /// Puts the thread ahead of those of its maker's priority, where that is a real-time one: it could not do so itself
    /// while one of them has the only processor.
    package func raisePriority() {
        lwp_thread_raise_priority(handle)
    }

    /// Waits for the thread to end. Exactly once, from another thread.
    package func join() {
        pthread_join(handle, nil)
    }
}
