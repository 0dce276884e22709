import Testing

@testable import LuawaitRuntime

struct EngineConfigTests {
    private func mistake(_ json: String) throws -> CallError {
        try errorOf { _ = try engineConfig(json) }
    }

    @Test func nothing_given_is_the_defaults_of_the_header() throws {
        for config in [try engineConfig(), try EngineConfig(json: nil), EngineConfig()] {
            #expect((1...4).contains(config.workers))
            #expect(config.executor == .threads)
            #expect(config.limits.timeoutMilliseconds == 0)
            #expect(config.limits.cpuMilliseconds == 5000)
            #expect(config.limits.callTimeoutMilliseconds == 30_000)
            #expect(config.limits.memoryBytes == 67_108_864)
            #expect(config.limits.hostCalls == 1_000_000)
            #expect(config.limits.coroutines == 10_000)
            #expect(config.limits.libraries == [])
            #expect(config.limits.nulls == .drop)
            #expect(config.scriptBytes == 1_048_576)
            #expect(config.outputBytes == 16_777_216)
            #expect(config.maxDepth == 128)
            #expect(config.sliceNanoseconds == 10_000_000)
            #expect(config.warmContexts == 8)
            #expect(config.print == .stdout)
            #expect(config.preemption == .signal)
            #expect(config.signal == 0)
            #expect(config.seed == 0)
            #expect(config.hasWatchdog)
            #expect(config.queueLimits.evals == 0)
            #expect(config.queueLimits.queued == 0)
            #expect(config.queueLimits.requests == 0)
            #expect(config.queueLimits.unread == 100_000)
        }
    }

    @Test func every_key_is_read() throws {
        let config = try engineConfig(
            #"{"executor": "threads", "workers": 3, "timeout_ms": 1, "cpu_ms": 2, "call_timeout_ms": 4, "#
                + #""memory_bytes": 5, "output_bytes": 6, "max_depth": 7, "slice_us": 800, "warm_contexts": 9, "#
                + #""nulls": "keep", "print": "none", "preemption": "count", "signal": 40, "seed": -5, "#
                + #""max_evals": 11, "max_queued": 12, "max_requests": 13, "max_unread": 14, "watchdog": true, "#
                + #""max_host_calls": 15, "max_coroutines": 16, "max_script_bytes": 17, "libraries": ["os", "io"]}"#)
        #expect(config.limits.hostCalls == 15)
        #expect(config.limits.coroutines == 16)
        #expect(config.scriptBytes == 17)
        #expect(config.limits.libraries.rawValue == 3)
        #expect(config.workers == 3)
        #expect(config.limits.timeoutMilliseconds == 1)
        #expect(config.limits.cpuMilliseconds == 2)
        #expect(config.limits.callTimeoutMilliseconds == 4)
        #expect(config.limits.memoryBytes == 5)
        #expect(config.outputBytes == 6)
        #expect(config.maxDepth == 7)
        #expect(config.sliceNanoseconds == 800_000)
        #expect(config.warmContexts == 9)
        #expect(config.limits.nulls == .keep)
        #expect(config.print == .none)
        #expect(config.preemption == .count)
        #expect(config.signal == 40)
        #expect(config.seed == -5)
        #expect(config.queueLimits.evals == 11)
        #expect(config.queueLimits.queued == 12)
        #expect(config.queueLimits.requests == 13)
        #expect(config.queueLimits.unread == 14)
    }

    @Test func only_a_host_that_runs_scripts_itself_can_do_without_the_watchdog() throws {
        let config = try engineConfig(#"{"executor": "host", "watchdog": false}"#)
        #expect(!config.hasWatchdog)
        #expect(config.preemption == .count)
        #expect(
            try mistake(#"{"watchdog": false}"#)
                == CallError(.option, "config.watchdog: executor \"threads\" cannot do without"))
    }

    @Test(arguments: [
        ("workers", 1, 256), ("max_depth", 1, 1000), ("slice_us", 100, 1_000_000), ("warm_contexts", 0, 4096),
        ("timeout_ms", 0, 31_622_400_000), ("cpu_ms", 0, 31_622_400_000), ("call_timeout_ms", 0, 31_622_400_000),
        ("signal", 0, 2_147_483_647),
    ])
    func a_number_has_a_range(key: String, least: Int, most: Int) throws {
        _ = try engineConfig("{\"\(key)\": \(least)}")
        _ = try engineConfig("{\"\(key)\": \(most)}")
        for value in [least - 1, most + 1, Int.min, Int.max] {
            let error = try mistake("{\"\(key)\": \(value)}")
            #expect(error == CallError(.option, "config.\(key): expected \(least) to \(most), got \(value)"))
        }
    }

    @Test(arguments: [
        "memory_bytes", "output_bytes", "max_evals", "max_queued", "max_requests", "max_unread", "max_host_calls",
        "max_coroutines", "max_script_bytes",
    ])
    func a_size_may_be_as_large_as_a_number(key: String) throws {
        _ = try engineConfig("{\"\(key)\": 0}")
        _ = try engineConfig("{\"\(key)\": \(Int64.max)}")
        #expect(
            try mistake("{\"\(key)\": -1}") == CallError(.option, "config.\(key): expected at least 0, got -1"))
    }

    @Test(arguments: [
        ("executor", #""threads" or "host" or "custom""#), ("nulls", #""drop" or "keep""#),
        ("print", #""stdout" or "event" or "none""#),
        ("preemption", #""signal" or "count""#),
    ])
    func a_choice_names_what_there_is(key: String, choices: String) throws {
        for value in [#""other""#, "1", "null", #""""#] {
            let error = try mistake("{\"\(key)\": \(value)}")
            #expect(error == CallError(.option, "config.\(key): expected \(choices), got \(value)"))
        }
    }

    @Test(arguments: [
        ("worker", "workers"), ("maxdepth", "max_depth"), ("slice", "slice_us"), ("warm_context", "warm_contexts"),
        ("preempt", "preemption"), ("output_byte", "output_bytes"), ("excecutor", "executor"),
    ])
    func an_unknown_key_is_refused_with_the_nearest_known_one(key: String, nearest: String) throws {
        let error = try mistake("{\"\(key)\": 1}")
        #expect(error == CallError(.option, "config.\(key): unknown key; did you mean \"\(nearest)\"?"))
    }

    @Test func keys_of_an_evals_options_are_not_the_engines() throws {
        for key in ["name", "globals", "args", "detached"] {
            #expect(try mistake("{\"\(key)\": 1}").kind == .option)
        }
    }

    @Test func malformed_json_is_refused_with_its_place() throws {
        let error = try mistake("{\n  \"workers\": 2,\n  oops\n}")
        #expect(error.kind == .json)
        #expect(error.line == 3)
        #expect(error.column > 0)
        #expect(error.message.hasPrefix("config: "))
    }
}
