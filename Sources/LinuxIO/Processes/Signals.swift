internal import CLinux
internal import Glibc

/// Signals that arrive as events instead of interrupting.
public final class Signals: Sendable {
    private let stream: Stream

    /// Stop, as a person or a service manager asks for it.
    public static let terminate = SIGTERM
    /// Stop, as Ctrl-C asks for it.
    public static let interrupt = SIGINT
    /// Stop, without being asked.
    public static let kill = SIGKILL
    /// Stand still, without being asked, until continued or killed.
    public static let stop = SIGSTOP
    /// A child has ended.
    public static let childEnded = SIGCHLD

    /// Blocks `numbers` on this thread and receives them from here on.
    ///
    /// To be called before any other thread exists, since each inherits what is blocked.
    public init(_ numbers: [CInt], on loop: EpollLoop) throws(SystemCallError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let fd = OwnedFD(owning: try systemCall("signalfd") { unsafe clinux_signalfd(&set) })
        stream = try Stream(nonBlocking: fd, on: loop)
    }

    /// The next signal to arrive.
    public func next() async throws -> CInt {
        while true {
            let info = try await stream.read(upTo: Int(clinux_signal_size))
            // The signal's number is the structure's first field.
            if info.count >= 4 {
                return info[..<4].reversed().reduce(0) { $0 << 8 | CInt($1) }
            }
        }
    }

    /// Has writes to a pipe without readers fail instead of ending the process.
    public static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
}
