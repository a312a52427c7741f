internal import LinuxIO

/// The time limit for the first answer of a VM's agent, from the time at which the VM's address is known.
///
/// It can change while the supervisor runs. Waits that have begun keep theirs.
public final class ProxyTimeout: Sendable {
    private let duration: Lock<Duration>

    /// A time limit that is `duration` until it is changed.
    public init(_ duration: Duration) { self.duration = Lock(duration) }

    /// The limit for the waits that begin now.
    var current: Duration { duration.withLock { $0 } }

    /// Sets the limit for the waits that begin from now on.
    public func change(to duration: Duration) { self.duration.withLock { $0 = duration } }
}
