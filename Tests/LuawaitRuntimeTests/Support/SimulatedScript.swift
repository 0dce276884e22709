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
        case blockedCall(isCaught: Bool, Obstacle)
        /// More than there is room for in a small world.
        case allocate
        case coroutines
        /// Sets a global, and looks for its context's and for one that another eval has set for all.
        case global(peer: Int?)
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

    /// What Lua calls by a C function that cannot yield.
    enum Obstacle: CaseIterable {
        case text, reader, handler
    }

    enum Ending: Equatable {
        case value, raised, unconvertible, outOfMemory, endless, syntaxError
    }

    var acts: [Act] = []
    var ending = Ending.value
    /// In a named context: whether its globals are the context's.
    var sharesGlobals = false

    // What a small world has no room for.
    static let smallMemory = 1 << 20
    static let largeText = 1_500_000
    static let fewCoroutines = 40
    static let manyCoroutines = 41

    // What is wrong with a call that has to wait where it cannot.
    static let cannotWait = "luawait_eval cannot wait"
    static let cannotWaitHere = "cannot wait here"

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
            switch Int.random(in: 0..<15, using: &random) {
            case 0...5, 14:
                script.acts.append(
                    .call(
                        [.fetch, .fetch, .fetch, .slow, .slow, .screen].randomElement(using: &random)!,
                        isCaught: !random.chance(in: 3),
                        random.chance(in: 2) ? .plain : Place.allCases.randomElement(using: &random)!))
            case 6:
                script.acts.append(
                    .blockedCall(isCaught: !random.chance(in: 3), Obstacle.allCases.randomElement(using: &random)!))
            case 7, 8: script.acts.append(.print)
            case 9, 10: script.acts.append(.callback)
            case 11: script.addGlobal(peer: nil)
            case 12: script.acts.append(random.chance(in: 2) ? .allocate : .coroutines)
            default: script.acts.append(.compute(Int.random(in: 1...400, using: &random)))
            }
        }
        return script
    }

    /// - Parameter peer: an eval that has set its global already.
    mutating func addGlobal(peer: Int?) {
        if ending != .syntaxError { acts.insert(.global(peer: peer), at: 0) }
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
            case .blockedCall(let isCaught, let obstacle):
                lines.append(Self.blockedCall(isCaught: isCaught, obstacle))
            case .allocate:
                lines.append("r[#r + 1] = try(function() return #string.rep('x', \(Self.largeText)) end)")
            case .coroutines:
                // In a message handler no slice ends: others of its context do not see that many.
                lines.append(
                    "xpcall(error, function() r[#r + 1] = try(function() local all = {}"
                        + " for i = 1, \(Self.manyCoroutines) do all[i] = coroutine.create(print) end"
                        + " return #all end) end)")
            case .global(let peer):
                let own = sharesGlobals ? "own\(eval)" : "own"
                lines.append(
                    "\(own) = \(own) or \(eval) r[#r + 1] = \(own) r[#r + 1] = home or 0"
                        + " r[#r + 1] = \(sharesGlobals ? "own or " : "")own\(peer ?? 0) or 0")
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

    /// Caught, its result is the part of the message that the model knows; it is raised again else.
    private static func blockedCall(isCaught: Bool, _ obstacle: Obstacle) -> String {
        let code =
            switch obstacle {
            case .text:
                "string.format('%s', setmetatable({}, {__tostring = function() note() return '' end}))"
            case .reader: "load(note)"
            case .handler: "xpcall(error, note)"
            }
        let kinds = "v.message:match('\(cannotWaitHere)') or v.message:match('\(cannotWait)')"
        return """
            local v
            local function note() local ok ok, v = pcall(fetch) end
            local _ = \(code)
            \(isCaught ? "r[#r + 1] = type(v) == 'table' and v.type == 'runtime' and (\(kinds)) or 'raised'" : "error(v)")
            """
    }
}

extension SimulatedScript: CustomStringConvertible {
    var description: String {
        let names = acts.map { act in
            switch act {
            case .call(let function, let isCaught, let place):
                "\(isCaught ? "try " : "")\(function) \(place)"
            case .blockedCall(let isCaught, let obstacle): "\(isCaught ? "try " : "")blocked call in \(obstacle)"
            case .allocate: "allocate"
            case .coroutines: "coroutines"
            case .global(let peer): "global, peer \(peer ?? 0)"
            case .print: "print"
            case .callback: "mark"
            case .compute(let rounds): "compute \(rounds)"
            }
        }
        return "\(sharesGlobals ? "shared " : "")[\((names + ["\(ending)"]).joined(separator: ", "))]"
    }
}
