/// The host's function that is called once, when one eval ends: what a foreign future needs.
package final class Waker: @unchecked Sendable {
    // Unchecked: the header demands of the host that both can be called from any thread.
    let wake: () -> Void
    private let drop: () -> Void
    /// False until the waker has been set: on failure the data is still the caller's.
    private var ownsData = false

    package init(wake: @escaping () -> Void, drop: @escaping () -> Void) {
        self.wake = wake
        self.drop = drop
    }

    deinit {
        if ownsData { drop() }
    }

    /// From here on the data is the library's to drop. Before the waker is shared.
    func takeOwnership() {
        ownsData = true
    }
}
