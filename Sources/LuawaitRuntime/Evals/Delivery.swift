/// Whose an eval's outcome is.
package enum Delivery: Sendable {
    /// The host's, which is told of it and takes it by its id.
    case kept
    /// Nobody's: it is counted and dropped.
    case detached
    /// The caller's of `luawait_eval`. The script runs on the caller's thread alone, where nobody could answer a
    /// request: it cannot park, and nobody else knows its id.
    case direct
}

extension EvalOptions {
    /// That of an eval which `luawait_start` starts.
    package var delivery: Delivery { isDetached ? .detached : .kept }
}
