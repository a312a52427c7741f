internal import CLinux
internal import Glibc

/// Signals that arrive as events and do not interrupt the program.
public final class Signals: Sendable {
    private let stream: Stream

    /// The request of a user or a service manager to stop.
    public static let terminate = SIGTERM
    /// The request of Ctrl-C to stop.
    public static let interrupt = SIGINT
    /// The request to read the configuration again.
    public static let hangUp = SIGHUP
    /// Ends a process. The process cannot prevent this.
    public static let kill = SIGKILL
    /// Suspends a process until it is continued or killed. The process cannot prevent this.
    public static let stop = SIGSTOP
    /// Continues a suspended process.
    public static let resume = SIGCONT
    /// A child has ended.
    public static let childEnded = SIGCHLD

    /// Blocks `numbers` on this thread and receives these signals as events.
    ///
    /// Call this before any other thread exists, because each thread inherits the blocked signals.
    public init(_ numbers: [CInt], on loop: EpollLoop) throws(SystemCallError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let fd = OwnedFD(owning: try systemCall("signalfd") { unsafe clinux_signalfd(&set) })
        stream = try Stream(nonBlocking: fd, on: loop)
    }

    /// Waits for the next signal.
    public func next() async throws -> CInt {
        while true {
            let info = try await stream.read(upTo: Int(clinux_signal_size))
            // The signal's number is the structure's first field.
            if info.count >= 4 {
                return info[..<4].reversed().reduce(0) { $0 << 8 | CInt($1) }
            }
        }
    }

    /// Makes a write to a pipe without readers fail. Otherwise the write ends the process.
    public static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
}
