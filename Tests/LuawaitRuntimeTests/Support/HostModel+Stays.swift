@testable import LuawaitRuntime

/// Scripts at work: from what is seen of a stay on the thread the model tells what the script has done in it.
extension HostModel {
    enum Leaving: Equatable {
        case sliced
        /// Its call was not made: there are too many requests.
        case refused
        case parked
        case ended
        /// It has not left: it calls the host back.
        case calling(act: Int)
    }

    /// How many things to take a way of leaving brings, besides the lines that the script has printed.
    func arrivals(of id: Int, _ leaving: Leaving) -> Int {
        let work = executor == .host && !workIsPosted && (leavesWork(id, leaving)) ? 1 : 0
        return switch leaving {
        case .sliced, .refused: work
        case .parked: work + 1
        case .ended: work + (self[id].isDetached || self[id].isDirect ? 0 : 1)
        case .calling: 0
        }
    }

    /// Whether there is something to run when it has left: itself, or others of its context.
    private func leavesWork(_ id: Int, _ leaving: Leaving) -> Bool {
        if let context = self[id].context, hasMore(in: context) { return true }
        return (leaving == .sliced || leaving == .refused) && !self[id].isDirect
    }

    /// - Parameters:
    ///   - lines: how many it has printed
    ///   - now: when it parked
    mutating func stay(_ id: Int, lines: Int, _ leaving: Leaving, now: Instant) throws {
        var left = lines
        if self[id].condemnation == nil {
            let ending = try walk(id, lines: &left, leaving, now: now)
            guard left == 0 else { throw Discrepancy(message: "eval \(id) has printed \(left) lines too many") }
            if let ending { end(id, ending) }
        } else {
            guard left == 0, leaving == .ended else {
                throw Discrepancy(message: "eval \(id) was condemned, and goes on: \(leaving), \(left) lines")
            }
            end(id, Self.ending(self[id].condemnation!))
        }
        switch leaving {
        case .sliced:
            met.insert(.sliced)
            enqueue(id, afterSlice: true)
        case .refused:
            met.insert(.refusedCall)
            deliver(.error("limit"), to: id)
        case .parked, .ended: break
        case .calling: return
        }
        if let context = self[id].context { vacate(context) }
    }

    private static func failed(_ type: String) -> Ending { Ending(state: .failed, text: type) }

    private func expect(_ id: Int, _ condition: Bool, _ what: @autoclosure () -> String) throws {
        if !condition { throw Discrepancy(message: "eval \(id), act \(self[id].position): \(what())") }
    }

    /// What an error leads to: nil when the script goes on.
    private mutating func raise(
        _ type: String, in id: Int, isCaught: Bool, _ leaving: Leaving
    ) throws -> Ending? {
        guard isCaught else {
            try expect(id, leaving == .ended, "goes on after an error of type \(type): \(leaving)")
            return Self.failed(type)
        }
        self[id].results.append("\"\(type)\"")
        self[id].position += 1
        return nil
    }

    /// What came of one act.
    private enum Passing {
        case passed, stays
        case ended(Ending)
    }

    /// - Returns: how the eval has ended, if it has.
    private mutating func walk(
        _ id: Int, lines: inout Int, _ leaving: Leaving, now: Instant
    ) throws -> Ending? {
        while self[id].position < self[id].script.acts.count {
            let passing =
                switch self[id].script.acts[self[id].position] {
                case .compute: pass(id)
                case .blockedCall(let isCaught, _): try blockedCall(id, isCaught: isCaught, leaving)
                case .allocate: pass(id, isSmall(id) ? "\"raised\"" : "\(SimulatedScript.largeText)")
                case .coroutines: pass(id, isSmall(id) ? "\"limit\"" : "\(SimulatedScript.manyCoroutines)")
                case .global(let peer): setGlobal(id, peer: peer)
                case .print: try printLine(id, lines: &lines, leaving)
                case .callback: try callBack(id, leaving)
                case .call(let function, let isCaught, _):
                    try call(id, function, isCaught: isCaught, leaving, now: now)
                }
            switch passing {
            case .passed: continue
            case .stays: return nil
            case .ended(let ending): return ending
            }
        }
        return try finish(id, leaving)
    }

    private mutating func pass(_ id: Int, _ results: String...) -> Passing {
        self[id].results += results
        self[id].position += 1
        return .passed
    }

    /// Of the world it runs in.
    private mutating func isSmall(_ id: Int) -> Bool {
        guard let context = self[id].context, contexts[context - 1].isSmall else { return false }
        met.insert(.worldTooSmall)
        return true
    }

    /// What it sets only it sees, but if it shares the context's globals: those all see, as what the host gave the
    /// context.
    private mutating func setGlobal(_ id: Int, peer: Int?) -> Passing {
        if peer != nil { met.insert(.sharedGlobal) }
        return pass(id, "\(id)", "\(self[id].context ?? 0)", "\(peer ?? 0)")
    }

    /// Neither executor has a thread to lend.
    private mutating func blockedCall(_ id: Int, isCaught: Bool, _ leaving: Leaving) throws -> Passing {
        met.insert(.blockedCall)
        let message = self[id].isDirect ? SimulatedScript.cannotWait : SimulatedScript.cannotWaitHere
        let type = self[id].functions.contains(.fetch) ? message : "raised"
        if isCaught { return pass(id, "\"\(type)\"") }
        if leaving == .sliced { return .stays }
        return try passing(raise("runtime", in: id, isCaught: false, leaving))
    }

    private func passing(_ ending: Ending?) -> Passing { ending.map { .ended($0) } ?? .passed }

    private mutating func printLine(_ id: Int, lines: inout Int, _ leaving: Leaving) throws -> Passing {
        let hasRoom = limits.unread == 0 || unreadLines < limits.unread
        guard lines > 0 else {
            if leaving == .sliced { return .stays }
            try expect(id, !hasRoom && leaving == .ended, "a line is missing: \(leaving)")
            met.insert(.refusedLine)
            return .ended(Self.failed("limit"))
        }
        try expect(id, hasRoom, "a line for which there is no room")
        lines -= 1
        post(.output(eval: self[id].isDirect ? 0 : id, line: "\(id):\(self[id].position)"))
        return pass(id)
    }

    private mutating func callBack(_ id: Int, _ leaving: Leaving) throws -> Passing {
        if leaving == .calling(act: self[id].position) {
            self[id].position += 1
            return .stays
        }
        if leaving == .sliced { return .stays }
        try expect(id, !self[id].functions.contains(.mark), "a callback has not been called: \(leaving)")
        return try passing(raise("runtime", in: id, isCaught: false, leaving))
    }

    private mutating func call(
        _ id: Int, _ function: SimulatedFunction, isCaught: Bool, _ leaving: Leaving, now: Instant
    ) throws -> Passing {
        if let reply = self[id].reply {
            self[id].reply = nil
            switch reply {
            case .value(let value):
                self[id].results.append("\(value)")
                return pass(id)
            case .error(let type): return try passing(raise(type, in: id, isCaught: isCaught, leaving))
            }
        }
        if !self[id].functions.contains(function) {
            if leaving == .sliced, !isCaught { return .stays }
            return try passing(raise(isCaught ? "raised" : "runtime", in: id, isCaught: isCaught, leaving))
        }
        if self[id].isDirect { return try passing(raise("runtime", in: id, isCaught: isCaught, leaving)) }
        let isFull = limits.requests > 0 && openRequests.count >= limits.requests
        switch leaving {
        case .sliced: break
        case .refused: try expect(id, isFull, "refused, and there is room for the request")
        case .parked:
            try expect(id, !isFull, "a request too many")
            let timeout = function == .slow ? SimulatedFunction.slowTimeout : self[id].callTimeout
            requests.append(
                ModelRequest(eval: id, act: self[id].position, function: function, hasDeadline: timeout > 0))
            if timeout > 0 { timers.append((now.advanced(milliseconds: timeout), .request(requests.count))) }
            self[id].standing = .parked(request: requests.count)
            post(.request(requests.count))
        case .ended, .calling: try expect(id, false, "it went past its call: \(leaving)")
        }
        return .stays
    }

    private func finish(_ id: Int, _ leaving: Leaving) throws -> Ending? {
        if leaving == .sliced { return nil }
        try expect(id, leaving == .ended, "it should have ended: \(leaving)")
        switch self[id].script.ending {
        case .value: return Ending(state: .succeeded, text: "[\(self[id].results.joined(separator: ","))]")
        case .raised: return Self.failed("runtime")
        case .unconvertible: return Self.failed("conversion")
        case .outOfMemory: return Self.failed("memory")
        case .syntaxError: return Self.failed("syntax")
        case .endless: throw Discrepancy(message: "eval \(id): an endless loop has ended")
        }
    }
}
