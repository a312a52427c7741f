internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// Passes this process's listening sockets to a newer gateway process, once.
final class Succession: Sendable {
    /// The socket of the shims.
    let hypervisor: Listener
    /// The shared control socket.
    let control: Listener
    /// Set when a newer process has the sockets.
    let isSuperseded = Event()
    private let isPassing = Lock(false)
    private let slot: AdaptorSlot
    private let loop: EpollLoop
    private let logger: Logger

    init(hypervisor: Listener, control: Listener, slot: AdaptorSlot, on loop: EpollLoop, logger: Logger) {
        self.hypervisor = hypervisor
        self.control = control
        self.slot = slot
        self.loop = loop
        self.logger = logger
    }

    /// Sends the listening sockets to the newer process, and stops to accept connections.
    ///
    /// - Throws: `Status`. Then this process still accepts connections.
    func handOver(to request: HandOverRequest) async throws {
        try GatewayControl.check(request.version, of: "newer gateway", for: "running gateway")
        let isFirst = isPassing.withLock { isPassing in
            defer { isPassing = true }
            return !isPassing
        }
        guard isFirst else {
            throw Status(.failedPrecondition, "the gateway passes, or has passed, its sockets to another process")
        }
        do {
            try await send(to: request.socket)
        } catch {
            isPassing.withLock { $0 = false }
            throw Status(.internal, "the gateway's sockets cannot be passed over \(request.socket): \(error)")
        }
        hypervisor.leave()
        control.leave()
        isSuperseded.set()
        slot.detachCurrent()
        logger.info("A newer gateway accepts all new connections; this one keeps its own until they end")
    }

    private func send(to path: String) async throws {
        let connection = try await Stream.connect(
            to: .unix(path: path), on: loop, deadline: .now.advanced(by: Generations.timeout))
        defer { connection.close() }
        #if DEBUG
            CrashPoint.reach("before the listeners are sent")
        #endif
        try await Listener.send([hypervisor, control], over: connection)
        #if DEBUG
            CrashPoint.reach("after the listeners were sent")
        #endif
    }
}
