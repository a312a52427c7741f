import AgentTunnel
import ForwarderRig
import LinuxIO
import PodVMBoot
import TLS
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import AgentProtocolForwarder

@Suite("From the node to the agent")
struct ForwarderTests {
    private let guest: Guest
    private let identity: SandboxIdentity

    init() throws {
        guest = try Guest()
        identity = try SandboxIdentity.make(vmName: Guest.vmName)
        try guest.write(identity)
    }

    /// Runs `body` with a forwarder and an agent, and a way to connect as the holder of an identity does.
    private func serve(
        _ options: ForwarderOptions? = nil,
        _ body:
            @escaping @Sendable (EchoAgent, @Sendable (SandboxIdentity?) async throws -> any ByteStream) async throws ->
            Void
    ) async throws {
        let (guest, authority, options) = (guest, identity.authority, options ?? guest.options)
        let setup = try ForwarderSetup(options)
        try await onLoop { loop in
            let agent = try EchoAgent(guest, on: loop)
            let forwarder = try Forwarder(setup, options, on: loop, logger: .silent)
            try await alongside([agent.run, forwarder.run]) {
                try await body(agent) { identity in
                    let stream = try await Stream.connect(to: forwarder.address, on: loop)
                    guard let identity else { return stream }
                    let context = try TLSContext.client(trusting: authority, identity: identity.client)
                    return try await TLSStream.connect(over: stream, context: context, serverName: Guest.vmName)
                }
            }
        }
    }

    /// What the agent answers to `frames`, in order.
    private static func answers(_ stream: any ByteStream, to frames: [[UInt8]]) async throws -> [[UInt8]] {
        var reader = FrameStream(stream)
        var answers: [[UInt8]] = []
        for frame in frames {
            try await stream.write(frame)
            guard let answer = try await reader.next() else { break }
            answers.append(try ResponseEnvelope(parsing: answer.payload).payload)
        }
        return answers
    }

    @Test("a call that the image does not permit never reaches the agent's method, and the connection continues")
    func refused() async throws {
        let identity = identity
        var options = guest.options
        options.agentCalls = .strict
        try await serve(options) { agent, connect in
            let node = try await connect(identity)
            let frames = [
                Requests.frame("StartContainer", [1]), Requests.frame("SetPolicy", [2], stream: 3),
                Requests.frame("WaitProcess", [4], stream: 5),
            ]
            #expect(try await Self.answers(node, to: frames) == [[1], [], [4]])
            #expect(agent.requests.map(\.method) == ["StartContainer", "WaitProcess"])
            try await node.write(Requests.frame("SetGuestDateTime", [2], stream: 7))
            var reader = FrameStream(node)
            let answer = try #require(try await reader.next())
            #expect(answer.stream.rawValue == 7)
            let status = try #require(try ResponseEnvelope(parsing: answer.payload).status)
            #expect(status.code == .permissionDenied)
            #expect(status.message.contains("grpc.AgentService/SetGuestDateTime"))
            node.close()
        }
    }

    @Test("a container gets the pod's network, a sandbox keeps the VM's resolver, and nothing else changes")
    func calls() async throws {
        let identity = identity
        try await serve { agent, connect in
            let stream = try await connect(identity)
            let big = [UInt8](repeating: 0x61, count: 1 << 20)
            let answers = try await Self.answers(
                stream,
                to: [
                    Requests.frame("Check", [], service: "grpc.Health"),
                    Requests.frame("CreateSandbox", Requests.createSandbox(dns: ["nameserver 1.1.1.1"]), stream: 3),
                    Requests.frame("CreateContainer", Requests.createContainer(namespaces: []), stream: 5),
                    Requests.frame("WriteStdin", big, stream: 7),
                ])
            #expect(
                answers == [
                    [], Requests.createSandbox(dns: []),
                    Requests.createContainer(namespaces: [], last: Requests.appended), big,
                ])
            #expect(agent.requests.map(\.method) == ["Check", "CreateSandbox", "CreateContainer", "WriteStdin"])
            #expect(agent.requests.allSatisfy { $0.timeoutNanoseconds == 60_000_000_000 })
            #expect(agent.requests.allSatisfy { $0.metadata == ["containerd-namespace-ttrpc": "k8s.io"] })
            stream.close()
        }
    }

    @Test("a client without a certificate of the boot document's authority does not reach the agent; other clients do")
    func strangers() async throws {
        let (identity, stranger) = (identity, try SandboxIdentity.make(vmName: Guest.vmName))
        try await serve { agent, connect in
            let call = Requests.frame("Check", [])
            for identity in [nil, stranger] {
                let outcome: [[UInt8]]?
                do {
                    outcome = try await Self.answers(connect(identity), to: [call])
                } catch {
                    outcome = []
                }
                #expect(outcome == [])
            }
            #expect(agent.requests.isEmpty)
            let answers = try await Self.answers(connect(identity), to: [call])
            #expect(answers == [[]])
        }
    }

    @Test("serves every client without TLS when a flag says so")
    func plain() async throws {
        var options = guest.options
        options.tls.isDisabled = true
        try await serve(options) { agent, connect in
            let frame = Requests.frame("CreateContainer", Requests.createContainer(namespaces: []))
            let answers = try await Self.answers(connect(nil), to: [frame])
            #expect(answers == [Requests.createContainer(namespaces: [], last: Requests.appended)])
        }
    }
}
