/// Executor "custom": the host's pool lends its threads, a task at a time.
extension Engine {
    /// Sets, replaces or (with nil) removes the pool.
    package func setPool(_ pool: HostPool?) {
        let old = hostPool.withLock { current in
            defer { current = pool }
            return current
        }
        withCore { core, actions in core.setHasPool(pool != nil, &actions) }
        // Dropping it calls the host.
        withExtendedLifetime(old) {}
    }

    /// Asks the pool for a turn. With no lock held: this calls the host.
    func submitTask() {
        let id = TaskTable.add(taskGate)
        let pool = hostPool.withLock { $0 }
        let code = pool?.submit(id) ?? 0
        guard pool == nil || code != 0 else { return }
        // A pool that says no and runs it nevertheless comes too late.
        guard TaskTable.take(id) != nil else { return }
        taskWasRefused(code)
    }

    private func taskWasRefused(_ code: Int32) {
        let now = clock.now()
        withCore { core, actions in core.taskRefused(code, now: now, &actions) }
    }

    /// What a pool's thread does with a task.
    package static func runTask(_ id: TaskID) {
        TaskTable.take(id)?.withEngine { $0.runTask() }
    }

    private func runTask() {
        let slot: RunSlot
        do throws(CallError) {
            slot = try borrowRunSlot()
        } catch {
            taskWasRefused(0)
            return
        }
        withCore { core, _ in core.tasks.begun() }
        slot.bind()
        runReady(on: slot, until: clock.now().advanced(nanoseconds: config.sliceNanoseconds))
        slot.unbind()
        giveBack(slot)
        withCore { core, actions in core.taskEnded(&actions) }
    }
}
