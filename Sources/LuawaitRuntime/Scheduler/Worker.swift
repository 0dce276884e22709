import CLuaBridge

/// A thread of the library's own that runs scripts.
package final class Worker: @unchecked Sendable {
    // Unchecked: nothing changes but `isBusy`, under the core's lock.

    package let slot: RunSlot
    /// It runs a script. The core's.
    var isBusy = false
    let parker = Parker()

    package init(config: EngineConfig, clock: any Clock) throws(CallError) {
        slot = try RunSlot(config: config, clock: clock)
    }

    /// The thread's whole life.
    func work(for engine: Engine) {
        slot.bind()
        defer { slot.unbind() }
        while true {
            let ticket = slot.announce()
            let work = engine.withCore { core, _ in core.takeWork(for: self, ticket: ticket) }
            switch work {
            case .turn(let taken):
                engine.take(taken, on: slot)
            case .reclaim(let remains):
                reclaim(remains)
            case .warm(let functions):
                engine.warmUp(functions)
            case .sleep:
                parker.park()
            case .exit:
                return
            }
        }
    }

    private func reclaim(_ remains: consuming [Eval.Remains]) {
        remains = []
        slot.markProcessorTime()
    }
}
