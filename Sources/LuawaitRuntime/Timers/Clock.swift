/// Where an engine's time comes from: the system, or a test that steps it.
package protocol Clock: Sendable {
    func now() -> Instant

    /// How many instructions a script runs in a slice, where no time passes by itself. Nil: its slice ends by the
    /// clock, which is then the system's. Only for an engine whose scripts look for orders by counting.
    var instructionsPerSlice: Int32? { get }
}
