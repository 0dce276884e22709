import Glibc

/// The seed that is running: a trap in the library ends the process, and leaves nobody to report it.
enum LastSeed {
    private nonisolated(unsafe) static let line = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 128)
    private nonisolated(unsafe) static var length = 0

    private static let handler: Void = {
        for fatal in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
            signal(fatal) { number in
                // Nothing but system calls.
                write(STDERR_FILENO, LastSeed.line.baseAddress, LastSeed.length)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }()

    /// - Parameter command: replays it.
    static func note(_ command: String) {
        _ = handler
        length = line.update(fromContentsOf: Array("\nThe simulation was at: \(command)\n".utf8.prefix(line.count)))
    }

    static func clear() {
        length = 0
    }
}
