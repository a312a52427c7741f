internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// Serves the metadata service that a VM has in its own network, if it has one; once for each VM.
    func serveGuest(_ machine: FakeVirtualMachine) {
        if core.withLock({ $0.guestServers[machine.id] != nil }) { return }
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
            core.withLock { $0.guestServers[machine.id] = child }
        } catch {
            logger.warning("VM \(machine.id.name) has no metadata service", [LogField("error", error)])
        }
    }

    /// Ends a VM's metadata service, so that nothing of ours is in its network any more.
    func endGuestServer(_ id: FakeResourceID) async {
        guard let server = core.withLock({ $0.guestServers.removeValue(forKey: id) }) else { return }
        server.cancel()
        await server.finished()
    }

    /// Answers what a VM asks at 169.254.169.254: it is known by where it asks.
    private func handleGuest(_ request: HTTPRequest, token: String) async -> HTTPResponse {
        let exchange = Exchange(request, endpoint: "http://\(HostBridge.metadata)", at: .now)
        let segments = exchange.segments
        guard segments.first?.lowercased() == "metadata" else { return .json(["error": "Not found"], status: 404) }
        return await answerMachineMetadata(exchange, token: token, Array(segments.dropFirst()))
    }
}
