import CLuawaitHeader
import CPlatform
import LuawaitRuntime

/// What a process does with the library only once.
///
/// Swift makes a global, or the description of a generic type, when it is first needed, and whoever needs it meanwhile
/// waits. A child of fork(2) that was made in that moment would wait for ever, since the thread that was at it is not
/// in the child; and in any child two threads that need the same at once may do so, because the main thread of a child
/// waits under its parent's number. So before the first engine there is a rehearsal, for which forks and other threads
/// wait: a short life of an engine that touches what any engine will. It starts no thread and takes no signal.
enum FirstUse {
    /// Comes first in the call that is a process's first. Costs a look at a flag when it is not.
    static func prepare() {
        lwp_once_between_forks {
            Globals.make()
            FirstUse.rehearse()
        }
    }

    /// What fails here, for a lack of memory say, is left to the one whose engine needs it.
    private static func rehearse() {
        let config = """
            {"executor": "host", "watchdog": false, "preemption": "count", "lua_warning": false, "print": "event",
             "workers": 1, "timeout_ms": 10000}
            """
        var engine: OpaquePointer?
        let made = newEngine(config, -1, &engine, nil)
        assert(made != LUAWAIT_ERR_OPTION && made != LUAWAIT_ERR_JSON, "a config that is refused rehearses nothing")
        guard let engine else { return }
        defer { luawait_engine_free(engine) }
        _ = luawait_register(engine, "rehearsal.call", -1, "{\"timeout_ms\": 10000}", -1, nil)
        _ = luawait_register(engine, "rehearsal.end", -1, nil, 0, nil)  // refused: a reserved word
        var eval: UInt64 = 0
        let options = "{\"name\": \"rehearsal\", \"globals\": {\"x\": [1]}, \"args\": [], \"cpu_ms\": 1000}"
        _ = luawait_start(engine, "print(x) return rehearsal.call(x)", -1, options, -1, &eval, nil)
        _ = luawait_start(engine, "error('rehearsal')", -1, nil, 0, &eval, nil)
        _ = luawait_start(engine, "(", -1, nil, 0, &eval, nil)
        run(engine)
        answerRequest(engine)
        run(engine)
        takeEvents(engine)
        _ = luawait_start(engine, "return 1", -1, nil, 0, &eval, nil)
        _ = luawait_cancel(engine, eval)
        var state: Int32 = 0
        _ = luawait_poll(engine, eval, &state, nil, nil)
        var stats: UnsafeMutablePointer<CChar>?
        _ = luawait_stats(engine, &stats, nil)
        luawait_free(stats)
    }

    private static func run(_ engine: OpaquePointer) {
        var more: Int32 = 0
        _ = luawait_run(engine, 1_000_000, &more)
    }

    private static func answerRequest(_ engine: OpaquePointer) {
        var request: UInt64 = 0
        var eval: UInt64 = 0
        var name: UnsafeMutablePointer<CChar>?
        var arguments: UnsafeMutablePointer<CChar>?
        _ = luawait_get_pending_request(engine, &request, &eval, &name, &arguments, nil)
        luawait_free(name)
        luawait_free(arguments)
        _ = luawait_provide_error(engine, request, "{", -1, nil)  // refused: no JSON
        _ = luawait_provide_result(engine, request, "null", -1, nil)
    }

    private static func takeEvents(_ engine: OpaquePointer) {
        var event = luawait_event()
        event.struct_size = UInt32(MemoryLayout<luawait_event>.size)
        var count = 0
        while luawait_next_events(engine, &event, 1, &count) == LUAWAIT_OK, count == 1 {
            luawait_release_events(&event, 1)
        }
    }
}
