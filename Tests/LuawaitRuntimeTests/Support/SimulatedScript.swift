/// A host function of the simulation.
enum SimulatedFunction: String, CaseIterable {
    case fetch
    /// With a time-out of its own.
    case slow
    /// For the main thread alone.
    case screen
    /// Answered by a callback.
    case mark

    static let slowTimeout: Int64 = 5
}

/// What a script does, act by act, so that a model can say what its host must see.
struct SimulatedScript {
    enum Act: Equatable {
        /// Waits for the host. Caught: with a pcall around it.
        case call(SimulatedFunction, isCaught: Bool, Place)
        /// Where no script can wait.
        case blockedCall
        case print
        case callback
        case compute(Int)
    }

    enum Place: CaseIterable {
        case plain
        /// In a coroutine of the script's own.
        case coroutine
        /// In what a library function calls.
        case substitution
    }

    enum Ending: Equatable {
        case value, raised, unconvertible, outOfMemory, endless, syntaxError
    }

    var acts: [Act] = []
    var ending = Ending.value

    /// - Parameter canPark: false for one that is run by `luawait_eval`.
    static func random(canPark: Bool, using random: inout SplitMix64) -> SimulatedScript {
        var script = SimulatedScript()
        switch Int.random(in: 0..<16, using: &random) {
        case 0: script.ending = .syntaxError
        case 1: script.ending = .raised
        case 2: script.ending = .unconvertible
        case 3: script.ending = .outOfMemory
        case 4, 5: script.ending = canPark ? .endless : .value
        default: break
        }
        guard script.ending != .syntaxError else { return script }
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...5:
                script.acts.append(
                    .call(
                        [.fetch, .fetch, .fetch, .slow, .slow, .screen].randomElement(using: &random)!,
                        isCaught: !random.chance(in: 3),
                        random.chance(in: 2) ? .plain : Place.allCases.randomElement(using: &random)!))
            case 6: script.acts.append(.blockedCall)
            case 7, 8: script.acts.append(.print)
            case 9, 10: script.acts.append(.callback)
            default: script.acts.append(.compute(Int.random(in: 1...400, using: &random)))
            }
        }
        return script
    }

    /// - Parameter eval: goes into each argument and each line, so that nothing can be taken for another's.
    func source(eval: Int) -> String {
        guard ending != .syntaxError else { return "return (" }
        var lines = [
            "local r = {0}",
            "local function try(f) local ok, v = pcall(f) if ok then return v end"
                + " return type(v) == 'table' and v.type or 'raised' end",
        ]
        for (index, act) in acts.enumerated() {
            switch act {
            case .call(let function, let isCaught, let place):
                var call = "function() return \(function.rawValue)(\(eval), \(index)) end"
                switch place {
                case .plain: break
                case .coroutine: call = "coroutine.wrap(\(call))"
                case .substitution:
                    let body = "local v local f = \(call) string.gsub('a', 'a', function() v = f() end) return v"
                    call = "function() \(body) end"
                }
                lines.append("local f = \(call) r[#r + 1] = \(isCaught ? "try(f)" : "f()")")
            case .blockedCall:
                lines.append(
                    "local t = setmetatable({}, {__tostring = function() fetch() return '' end})"
                        + " r[#r + 1] = try(function() return string.format('%s', t) end)")
            case .print: lines.append("print('\(eval):\(index)')")
            case .callback: lines.append("mark(\(eval), \(index))")
            case .compute(let rounds): lines.append("for i = 1, \(rounds) do end")
            }
        }
        switch ending {
        case .value: lines.append("return r")
        case .raised: lines.append("error('enough')")
        case .unconvertible: lines.append("return print")
        case .outOfMemory: lines.append("return string.rep('x', 1 << 30)")
        case .endless: lines.append("while true do end")
        case .syntaxError: break
        }
        return lines.joined(separator: "\n")
    }
}

extension SimulatedScript: CustomStringConvertible {
    var description: String {
        let names = acts.map { act in
            switch act {
            case .call(let function, let isCaught, let place):
                "\(isCaught ? "try " : "")\(function) \(place)"
            case .blockedCall: "blocked call"
            case .print: "print"
            case .callback: "mark"
            case .compute(let rounds): "compute \(rounds)"
            }
        }
        return "[\((names + ["\(ending)"]).joined(separator: ", "))]"
    }
}
