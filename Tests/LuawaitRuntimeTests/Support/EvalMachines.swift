@testable import LuawaitRuntime

/// Machines in each phase, for suites that ask what comes next.
protocol EvalMachines {}

extension EvalMachines {
    var ticket: Ticket { Ticket(7) }
    var request: RequestID { RequestID(3) }

    func running() -> EvalMachine {
        var machine = EvalMachine()
        _ = machine.take(ticket)
        return machine
    }

    func parked() -> EvalMachine {
        var machine = running()
        _ = machine.park(request)
        return machine
    }

    func ended() -> EvalMachine {
        var machine = running()
        _ = machine.finish()
        return machine
    }
}
