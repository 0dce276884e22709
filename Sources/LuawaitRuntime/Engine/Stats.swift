import CJansson

/// An engine's stats at one moment.
package struct Stats: Sendable {
    package var counts: EngineCore.Counts
    package var queued = 0
    package var running = 0
    package var parked = 0
    package var finishedUnread = 0
    package var posted: UInt64
    package var pending: Int
    package var open: Int
    package var workers: Int
    package var workersRefused: UInt64
    package var liveContexts: Int
    package var warmContexts: Int
    package var namedContexts: Int
    package var timers: Int
    package var lua = LuaIdentity.current
    /// Of the named contexts, the oldest first.
    package var contextMemory: [ContextMemory]

    package struct ContextMemory: Equatable, Sendable {
        package var context: ContextID
        package var used: Int
        package var limit: Int
    }

    init(_ core: EngineCore, workers: Int, liveContexts: Int) {
        counts = core.counts
        posted = core.mailbox.requests.postedCount
        pending = core.mailbox.requests.pendingCount
        open = core.mailbox.requests.openCount
        self.workers = workers
        workersRefused = core.crew.standIns.refusals
        self.liveContexts = liveContexts
        warmContexts = core.warm.count
        namedContexts = core.contexts.count
        contextMemory = core.contexts.map { id, record in
            ContextMemory(context: id, used: record.memoryUsed, limit: record.named.context.memoryLimit)
        }
        contextMemory.sort { $0.context.value < $1.context.value }
        // The next try of what was refused is nobody's deadline.
        timers = core.timers.count - (core.tasks.isRetryPlanned ? 1 : 0) - (core.crew.standIns.isRetryPlanned ? 1 : 0)
        for record in core.evals.values {
            switch record.machine.phase {
            case .waiting: queued += 1
            case .running: running += 1
            case .parked, .blocked: parked += 1
            case .ended: finishedUnread += 1
            }
        }
    }

    /// Nil when out of memory.
    package func json() -> OwnedText? {
        guard let all = JSONValue.object(), let evals = JSONValue.object(), let requests = JSONValue.object(),
            let contexts = JSONValue.object(), let memory = JSONValue.array()
        else { return nil }
        evals.set("started", Int(counts.started - counts.refused))
        evals.set("queued", queued)
        evals.set("running", running)
        evals.set("parked", parked)
        evals.set("finished_unread", finishedUnread)
        evals.set("succeeded", Int(counts.succeeded))
        evals.set("failed", Int(counts.failed))
        evals.set("cancelled", Int(counts.cancelled))
        requests.set("posted", Int(posted))
        requests.set("pending", pending)
        requests.set("open", open)
        requests.set("answered", Int(counts.answered))
        requests.set("withdrawn", Int(counts.withdrawn))
        contexts.set("live", liveContexts)
        contexts.set("warm", warmContexts)
        contexts.set("named", namedContexts)
        for entry in contextMemory {
            let one = JSONValue.object()
            one?.set("context", Int(entry.context.value))
            one?.set("used", entry.used)
            one?.set("limit", entry.limit)
            memory.append(one)
        }
        guard !memory.isIncomplete else { return nil }
        contexts.set("memory", taking: memory.retained())
        all.set("evals", taking: evals.retained())
        all.set("requests", taking: requests.retained())
        all.set("workers", workers)
        all.set("workers_refused", Int(workersRefused))
        all.set("contexts", taking: contexts.retained())
        all.set("timers", timers)
        all.set("lua", taking: lua.json())
        return all.dump()
    }
}

extension LuaIdentity {
    /// Nil when out of memory.
    fileprivate func json() -> UnsafeMutablePointer<json_t>? {
        guard let object = JSONValue.object(), let probes = json_array() else { return nil }
        object.set("version", version)
        object.set("build", isBundled ? "bundled" : "system")
        object.set("probed", taking: isProbed ? json_true() : json_false())
        for name in failedProbes { json_array_append_new(probes, JSONValue.text(name).retained()) }
        object.set("failed_probes", taking: probes)
        return object.isIncomplete ? nil : object.retained()
    }
}
