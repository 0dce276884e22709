/// What a change of the core makes necessary. Collected under the core's lock, carried out after it has been released:
/// everything here is a system call, takes another lock, or calls the host.
package struct Actions: Sendable {
    /// Workers that were idle and have something to do now.
    package var wakeWorkers: [Worker] = []
    /// Workers to be started, because others wait inside scripts.
    package var newWorkers = 0
    /// How many tasks the host's pool is to be given.
    package var tasks = 0
    /// Runs to be stopped because their evals have been condemned.
    package var stops: [Stop] = []
    /// Threads blocked in a wait for what has come now.
    package var wakeWaiters: [Parker] = []
    /// The host's wakers of evals that have ended.
    package var wakers: [Waker] = []
    /// A deadline sooner than the one that is waited for.
    package var nextDeadline: Instant?
    /// The notifier is to be called.
    package var notify = false

    package struct Stop: Sendable {
        package let slot: RunSlot
        package let ticket: Ticket
    }
}
