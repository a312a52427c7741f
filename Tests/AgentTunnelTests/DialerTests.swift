import LinuxIO
import TLS
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("Dialing")
struct DialerTests {
    @Test("a forwarder is reached soon after it starts to listen, however long the port refused connections before")
    func lateForwarder() async throws {
        try await onLoop { loop in
            let address = try freeAddress(on: loop)
            let dialer = Dialer(to: address, security: nil, on: loop)
            async let connection = dialer.connect(deadline: .now + .seconds(20))
            try await loop.sleep(for: .milliseconds(300))
            let listener = try Listener.listen(on: address, loop: loop)
            let up = ContinuousClock.now
            _ = try await connection
            #expect(ContinuousClock.now - up < .seconds(2))
            listener.close()
        }
    }

    @Test("dialing a port where no process listens fails, and the error gives the reason and the number of tries")
    func refused() async throws {
        try await onLoop { loop in
            let dialer = Dialer(to: try freeAddress(on: loop), security: nil, on: loop)
            let error = await #expect(throws: DialError.self) {
                try await dialer.connect(deadline: .now + .milliseconds(300))
            }
            #expect(error?.cause == .refused)
            #expect(error.map { $0.attempts > 1 } == true)
            #expect(error?.description.contains("forwarder does not") == true)
        }
    }

    @Test("when packets get no answer, the error names what may drop them")
    func dropped() async throws {
        try await onLoop { loop in
            // A backlog that is full drops SYNs just as a firewall does.
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop, backlog: 0)
            var filling: [Stream] = []
            while filling.count < 8 {
                let deadline = ContinuousClock.now + .milliseconds(100)
                guard let next = try? await Stream.connect(to: listener.address, on: loop, deadline: deadline) else {
                    break
                }
                filling.append(next)
            }
            var timeouts = Dialer.Timeouts()
            timeouts.connect = .milliseconds(20)
            let dialer = Dialer(to: listener.address, security: nil, on: loop, timeouts: timeouts)
            let error = await #expect(throws: DialError.self) {
                try await dialer.connect(deadline: .now + .milliseconds(100))
            }
            #expect(error?.cause == .unanswered)
            #expect(error?.description.contains("security group") == true)
            listener.close()
        }
    }

    @Test("a peer that is not the sandbox's forwarder ends the dialing at once")
    func distrust() async throws {
        try await onLoop { loop in
            let (ours, theirs) = (try SandboxIdentity.make(vmName: "a"), try SandboxIdentity.make(vmName: "a"))
            for (client, server, code) in [
                (ours.authority, theirs, TLSError.Code.untrustedPeer), (theirs.authority, theirs, .refusedByPeer),
            ] {
                let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
                let context = try TLSContext.client(trusting: client, identity: ours.client)
                let security = ClientSecurity(context: context, serverName: "a")
                let dialer = Dialer(to: listener.address, security: security, on: loop)
                async let peer = outcome {
                    try await TLSStream.accept(over: listener.accept(), context: server.serverContext())
                }
                let error = await #expect(throws: DialError.self) {
                    try await dialer.connect(deadline: .now + .seconds(60))
                }
                guard case .distrust(let reason) = error?.cause else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(reason.code == code)
                #expect(error?.attempts == 1)
                _ = await peer
            }
        }
    }

    @Test("a connection that is reset in the handshake is tried again")
    func resetInHandshake() async throws {
        try await onLoop { loop in
            let identity = try SandboxIdentity.make(vmName: "a")
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let security = ClientSecurity(context: try identity.clientContext(), serverName: "a")
            let dialer = Dialer(to: listener.address, security: security, on: loop)
            async let connection = dialer.connect(deadline: .now + .seconds(20))
            for _ in 0..<3 { try await listener.accept().close() }
            let server = try await TLSStream.accept(over: listener.accept(), context: identity.serverContext())
            try await server.write([1])
            #expect(try await connection.readExactly(1) == [1])
        }
    }

    @Test("cancelling ends the dialing at once")
    func cancelling() async throws {
        try await onLoop { loop in
            let dialer = Dialer(to: try freeAddress(on: loop), security: nil, on: loop)
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.now + .milliseconds(20), on: loop) {
                    _ = try await dialer.connect(deadline: .now + .seconds(3600))
                }
            }
        }
    }
}
