@testable import LuawaitRuntime

/// Host calls from where Lua cannot yield: the worker waits inside the script.
extension CoreSchedule {
    mutating func block(_ eval: Eval, _ worker: Int) throws {
        let index = Int(eval.id.value) - 1
        let affinity = anyAffinity()
        try perform("block \(eval.id.value) on \(worker)") { schedule in
            let isRefused =
                !schedule.model.hasRoomForRequest || schedule.model.blockedCount >= schedule.model.limits.blocked
            let isCondemned = schedule.model.evals[index].standing != .running(condemned: nil)
            let isAlone = !schedule.places.contains { if case .asleep = $0 { true } else { false } }
            if !isRefused, !isCondemned {
                schedule.met.insert("a blocked call")
                schedule.model.park(index, for: affinity, on: worker, now: schedule.core.now)
                // Another worker is to do what is ready.
                if schedule.core.core.hasWork { schedule.model.newWork += 1 }
                schedule.places[worker] = .blocked(eval)
            }
            switch schedule.core.block(eval, for: affinity, schedule.blockers[worker]) {
            case .wait:
                try schedule.expect(!isRefused && !isCondemned, "it waits")
                let new = schedule.core.actions.newWorkers
                try schedule.expect(new == (isAlone ? 1 : 0), "\(new) new workers")
            case .answer(.refused):
                schedule.met.insert("max_blocked")
                try schedule.expect(isRefused, "it is refused")
            case .answer: try schedule.expect(false, "it has an answer already")
            case .goOn: try schedule.expect(!isRefused && isCondemned, "it goes on")
            }
        }
    }

    /// The worker looks whether it still has to wait.
    mutating func lookForAnswer(_ eval: Eval, _ worker: Int) throws {
        try perform("look for the answer to \(eval.id.value)") { schedule in
            let standing = schedule.model.evals[Int(eval.id.value) - 1].standing
            var isWaiting = false
            if case .blocked = standing { isWaiting = true }
            let isBlocked = schedule.core.step { core, _ in core.isBlocked(eval) }
            try schedule.expect(isBlocked == isWaiting, "waiting: \(!isWaiting)")
            guard !isWaiting else { return }
            // One that was condemned while it waited has none.
            let isAnswered = eval.answer != nil
            if standing == .running(condemned: nil) { try schedule.expect(isAnswered, "no answer") }
            eval.answer = nil
            schedule.places[worker] = .running(eval)
        }
    }
}
