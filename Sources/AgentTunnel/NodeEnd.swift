public import LinuxIO
public import Telemetry

/// The node's end of one sandbox's tunnel.
///
/// Each connection to the agent socket becomes, with its first byte, one connection to the VM's
/// forwarder, and the two share their fate. The tunnel does not read what it carries, so it cannot answer
/// calls in flight when the way to the VM breaks: it closes the shim's connection, which
/// ttrpc's clients turn into an error for each of those calls. The next connection dials anew.
public struct NodeEnd: Sendable {
    /// What one sandbox may use.
    public struct Limits: Sendable {
        /// Connections at once; what comes beyond is closed. Idle ones cost little: the VM has not heard of them.
        public var connections = 2048
        /// How long a later connection may take to reach the forwarder.
        public var dialling = Duration.seconds(30)

        /// The usual ones.
        public init() {}
    }

    private let listener: Listener
    private let dialler: Dialler
    private let spare: SpareConnection
    private let limits: Limits
    private let loop: EpollLoop
    private let log: QuietLog

    /// Serves the agent socket `listener`, which the tunnel then owns.
    ///
    /// `spare` is a connection to the forwarder on which nothing was sent yet: the first to
    /// connect gets it, unless it has died by then.
    public init(
        _ listener: Listener, to dialler: Dialler, spare: (any ByteStream)? = nil, limits: Limits = Limits(),
        on loop: EpollLoop, logger: Logger = .silent
    ) {
        self.listener = listener
        self.dialler = dialler
        self.spare = SpareConnection(spare)
        self.limits = limits
        self.loop = loop
        log = QuietLog(logger)
    }

    /// Serves until cancelled; then, everything is closed.
    ///
    /// - Throws: `CancellationError`, or `SystemCallError` when the socket can no longer be served.
    public func run() async throws {
        defer {
            listener.close()
            spare.take()?.close()
        }
        let places = Places(limits.connections)
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let near = try await listener.accept()
                guard places.take() else {
                    log.warning("too many connections to the agent socket")
                    near.close()
                    continue
                }
                group.addTask {
                    defer { places.free() }
                    await carry(near)
                }
            }
        }
    }

    private func carry(_ near: Stream) async {
        do {
            // An agent only answers. Whoever says nothing must not cost a handshake, nor, in a crowd, crowd out
            // the handshakes of those who do.
            try await near.wait(for: .reading)
            let far: any ByteStream
            if let waiting = spare.take(), waiting.isQuiet() {
                far = waiting
            } else {
                far = try await dialler.connect(deadline: .now.advanced(by: limits.dialling))
            }
            try await relay(near, far)
        } catch is CancellationError {
            near.close()
        } catch {
            near.close()
            log.warning("tunnel connection ended: \(error)")
        }
    }
}

/// One connection that waits to be used, once.
private final class SpareConnection: Sendable {
    private let stream: Lock<(any ByteStream)?>

    init(_ stream: (any ByteStream)?) { self.stream = Lock(stream) }

    func take() -> (any ByteStream)? { stream.withLock { stream in stream.take() } }
}

extension ByteStream {
    /// Whether nothing has come, no end either; a stream that fails this is closed.
    fileprivate func isQuiet() -> Bool {
        var byte: UInt8 = 0
        do {
            if try unsafe withUnsafeMutableBytes(of: &byte, { unsafe try tryRead(into: $0) }) == nil { return true }
        } catch {}
        close()
        return false
    }
}
