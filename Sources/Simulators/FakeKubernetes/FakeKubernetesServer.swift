package import HTTPTransport
package import LinuxIO
package import Telemetry

/// A fake API server that listens.
package struct FakeKubernetesServer: Sendable {
    /// The objects and the faults.
    package let cluster: FakeKubernetes
    private let server: HTTPServer

    /// The address on which it listens.
    package var address: SocketAddress { server.address }

    /// Listens on `address`, with TLS if there is a certificate.
    package init(
        _ cluster: FakeKubernetes, listen address: SocketAddress, tls: HTTPServer.TLS? = nil, on loop: EpollLoop,
        logger: Logger = .silent
    ) throws {
        self.cluster = cluster
        var limits = HTTPServer.Limits()
        // The limit of a real server.
        limits.bodyBytes = 3 << 20
        let listener = try Listener.listen(on: address, loop: loop)
        server = try HTTPServer(on: listener, loop: loop, limits: limits, tls: tls, logger: logger) { request in
            await cluster.answer(request)
        }
    }

    /// Serves until cancelled.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cluster.run() }
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
