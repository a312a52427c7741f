internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeMetadataService {
    /// Starts a server in the network of a VM, if the VM has a network of its own and no server yet.
    func serveGuest(_ machine: FakeVirtualMachine) {
        if guestServers.withLock({ $0[machine.id] != nil }) { return }
        do {
            guard let listener = try machines.metadataListener(of: machine.machineName) else { return }
            var limits = HTTPServer.Limits()
            limits.connections = 32
            let token = machine.metadataToken
            let server = try HTTPServer(on: listener, loop: loop, limits: limits, logger: logger) {
                await self.handleGuest($0, token: token)
            }
            let child = work.start {
                do { try await server.run() } catch is CancellationError {} catch is LoopStopped {} catch {
                    self.logger.warning(
                        "The metadata service of VM \(machine.id.name) has ended", [LogField("error", error)])
                }
            }
            guestServers.withLock { $0[machine.id] = child }
        } catch {
            logger.warning("VM \(machine.id.name) has no metadata service", [LogField("error", error)])
        }
    }

    /// Ends the server in the network of a VM, which would otherwise keep that network alive.
    func endGuestServer(_ id: FakeResourceID) async {
        guard let server = guestServers.withLock({ $0.removeValue(forKey: id) }) else { return }
        server.cancel()
        await server.finished()
    }

    /// Answers a VM at 169.254.169.254; the listener on which the request came identifies the VM.
    private func handleGuest(_ request: HTTPRequest, token: String) async -> HTTPResponse {
        let exchange = Exchange(request, endpoint: "http://\(HostBridge.metadata)", at: .now)
        let segments = exchange.segments
        guard segments.first?.lowercased() == "metadata" else { return .json(["error": "Not found"], status: 404) }
        return await answerMachine(exchange, token: token, Array(segments.dropFirst()))
    }
}
