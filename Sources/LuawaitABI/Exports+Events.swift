public import CLuawaitHeader
import LuawaitRuntime

@_cdecl("luawait_next_events") @implementation
public func luawait_next_events(
    _ engine: OpaquePointer?, _ events: UnsafeMutablePointer<luawait_event>?, _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> luawait_status {
    var isEmpty = false
    let result = status { () throws(CallError) in
        let engine = try LuawaitABI.engine(engine)
        guard let events else { throw missing("events") }
        guard let count else { throw missing("count") }
        guard capacity > 0 else { throw CallError(.argument, "capacity: 0") }
        let stride = Int(events.pointee.struct_size)
        guard stride >= MemoryLayout<luawait_event>.size else {
            throw CallError(.argument, "events[0].struct_size: \(stride), too small")
        }
        let taken = engine.nextEvents(atMost: capacity)
        isEmpty = taken.isEmpty
        for (index, event) in taken.enumerated() {
            let place = UnsafeMutableRawPointer(events).advanced(by: index * stride)
            var filled = luawait_event(event)
            filled.struct_size = UInt32(stride)
            place.storeBytes(of: filled, as: luawait_event.self)
        }
        count.pointee = taken.count
    }
    return isEmpty ? LUAWAIT_NONE : result
}

@_cdecl("luawait_release_events") @implementation
public func luawait_release_events(_ events: UnsafeMutablePointer<luawait_event>?, _ count: Int) {
    guard let events, count > 0 else { return }
    let stride = Int(events.pointee.struct_size)
    for index in 0..<count {
        let place = UnsafeMutableRawPointer(events).advanced(by: index * stride)
        let event = place.assumingMemoryBound(to: luawait_event.self)
        guard let owner = event.pointee.owner else { continue }
        event.pointee.owner = nil
        Unmanaged<EventTexts>.fromOpaque(owner).release()
    }
}

/// What an event's pointers point into. A released event frees it, engine or no engine.
private final class EventTexts {
    let function: HostFunction?
    let text: OwnedText?

    init(function: HostFunction?, text: OwnedText?) {
        self.function = function
        self.text = text
    }
}

extension luawait_event {
    fileprivate init(_ event: EngineCore.Event) {
        self.init()
        switch event {
        case .request(let request):
            kind = LUAWAIT_EVENT_REQUEST
            eval_id = request.eval.value
            request_id = request.request.value
            hold(request.function, request.args)
        case .withdrawn(let request, let eval, let function):
            kind = LUAWAIT_EVENT_WITHDRAWN
            eval_id = eval.value
            request_id = request.value
            hold(function, nil)
        case .finished(let eval, let outcome):
            kind = LUAWAIT_EVENT_FINISHED
            eval_id = eval.value
            state = outcome.state.code
            hold(nil, outcome.text)
        case .output(let eval, let line):
            kind = LUAWAIT_EVENT_OUTPUT
            eval_id = eval.value
            hold(nil, line)
        }
    }

    private mutating func hold(_ function: HostFunction?, _ content: OwnedText?) {
        let texts = EventTexts(function: function, text: content)
        name = function?.cName
        name_length = function?.name.utf8.count ?? 0
        text = content?.pointer
        text_length = content?.length ?? 0
        owner = Unmanaged.passRetained(texts).toOpaque()
    }
}

extension Outcome.State {
    /// As the header numbers them.
    var code: Int32 {
        switch self {
        case .succeeded: LUAWAIT_SUCCEEDED
        case .failed: LUAWAIT_FAILED
        case .cancelled: LUAWAIT_CANCELLED
        }
    }
}
