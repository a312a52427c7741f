import KataProtocol
import LinuxIO
import TTRPC
import Testing

@Suite("Methods")
struct MethodTests {
    @Test("are called with their own message types")
    func call() throws {
        let handlers = [
            Hypervisor.startVM.handled { _, request in
                guard request.id == "s1" else { throw Status(.notFound, "no \(request.id)") }
                return Empty()
            },
            Health.check.handled { _, _ in .with { $0.status = HealthCheckResponse.serving } },
        ]
        try talking(to: handlers) { client in
            let started = try await client.call(Hypervisor.startVM, .with { $0.id = "s1" }, timeout: .seconds(9))
            #expect(started == Empty())
            await #expect(throws: Status(.notFound, "no s2")) {
                try await client.call(Hypervisor.startVM, .with { $0.id = "s2" })
            }
            let health = try await client.call(Health.check, HealthCheckRequest())
            #expect(health.status == HealthCheckResponse.serving)
        }
    }

    @Test("a request that is not a message of its type is the caller's mistake")
    func malformed() throws {
        try talking(to: [Hypervisor.startVM.handled { _, _ in Empty() }]) { client in
            do {
                _ = try await client.call(Hypervisor.service, "StartVM", [0x0A, 1, 0xFF])
                Issue.record("it was taken")
            } catch let status as Status {
                #expect(status.code == .invalidArgument)
                #expect(status.message.contains("hypervisor.Hypervisor/StartVM"))
                #expect(status.message.contains("field 1 is not UTF-8"))
            }
        }
    }

    private func talking(
        to handlers: [MethodHandler], _ body: @escaping @Sendable (Client) async throws -> Void
    ) throws {
        try EpollLoop.run { loop in
            let (near, far) = try Stream.pair(on: loop)
            let server = Server(Service.services(of: handlers), on: loop)
            async let _: Void = server.serve(far)
            try await Client.with(near, on: loop) { client in try await body(client) }
        }
    }
}
