import Testing

@testable import LuawaitRuntime

struct InstantTests {
    private let now = Instant(nanoseconds: 5_000_000_000)

    @Test func milliseconds_and_nanoseconds_are_added() {
        #expect(now.advanced(milliseconds: 3).nanoseconds == 5_003_000_000)
        #expect(now.advanced(nanoseconds: 3).nanoseconds == 5_000_000_003)
        #expect(now.advanced(milliseconds: 0) == now)
    }

    @Test(arguments: [Int64.max, Int64.max / 1_000_000, Int64.max / 1_000_000 + 1])
    func a_timeout_too_long_for_the_clock_never_comes(milliseconds: Int64) {
        #expect(now.advanced(milliseconds: milliseconds) == .distantFuture)
    }

    @Test func the_distant_future_can_be_advanced() {
        #expect(Instant.distantFuture.advanced(milliseconds: 1) == .distantFuture)
        #expect(Instant.distantFuture.advanced(nanoseconds: .max) == .distantFuture)
        #expect(Instant.distantFuture.advanced(nanoseconds: 0) == .distantFuture)
    }

    @Test func instants_are_ordered() {
        #expect(now < now.advanced(nanoseconds: 1))
        #expect(now < .distantFuture)
        #expect(!(now < now))
    }

    @Test func the_clock_does_not_go_back() {
        var last = Instant.now()
        for _ in 0..<1000 {
            let now = Instant.now()
            #expect(now >= last)
            last = now
        }
        #expect(last < .distantFuture)
    }
}
