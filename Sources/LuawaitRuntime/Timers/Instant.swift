/// A point on a monotonic clock. Arithmetic saturates: adding any timeout to any instant is safe.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package func advanced(milliseconds: Int64) -> Instant {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .distantFuture : advanced(nanoseconds: nanoseconds)
    }

    package func advanced(nanoseconds more: Int64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(more)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }
}
