import AgentTunnel
import FakePodVM
import LinuxIO
import PodVMBoot
import TLS
import Telemetry

/// A tunnel between two processes on this machine: the forwarder's program, and a process that serves the node's end as the
/// adaptor does.
struct TunnelRig {
    let directory: String
    private let manager: ForwarderManager?
    let address: SocketAddress
    let agentSocket: String
    let tunnelSocket: String
    let agent: ChildProcess
    let forwarder: ChildProcess
    let node: ChildProcess

    var children: [ChildProcess] { [node, forwarder, agent] }

    static let vmName = "podvm-benchmark"

    private init(
        directory: String, manager: ForwarderManager?, address: SocketAddress, agentSocket: String,
        tunnelSocket: String, agent: ChildProcess, forwarder: ChildProcess, node: ChildProcess
    ) {
        (self.directory, self.manager, self.address) = (directory, manager, address)
        (self.agentSocket, self.tunnelSocket) = (agentSocket, tunnelSocket)
        (self.agent, self.forwarder, self.node) = (agent, forwarder, node)
    }

    /// With `keepsSessions`, the forwarder has a service manager, so that it writes the journals of sessions.
    static func start(
        _ tools: Tools, in directory: String, keepsSessions: Bool = false
    ) async throws -> TunnelRig {
        let loop = tools.loop
        let agentSocket = "\(directory)/agent.sock"
        let agent = try await tools.peer.agent(on: agentSocket)

        let identity = try SandboxIdentity.make(vmName: vmName)
        var document = BootDocument(podName: "benchmark", podNamespace: "default")
        document.serverKey = identity.server.key
        document.serverCertificate = identity.server.certificate
        document.clientCA = identity.client.certificate
        try DurableFile.write(document.encoded, to: "\(directory)/apf.json")
        for (name, text) in [
            ("ca.pem", identity.authority), ("client.pem", identity.client.certificate),
            ("client.key", identity.client.key.reveal()),
        ] { try DurableFile.write(Array(text.utf8), to: "\(directory)/\(name)") }

        let address = try freeAddress(on: loop)
        let manager = keepsSessions ? try ForwarderManager(at: "\(directory)/notify", on: loop) : nil
        var options = ChildProcess.Options(
            executable: tools.program("agent-protocol-forwarder"),
            arguments: [
                "-config", "\(directory)/apf.json", "-listen", "\(address)", "-kata-agent-socket", agentSocket,
            ])
        options.error = .file(path: "\(directory)/forwarder.log")
        if let manager { options.environment = Environment.all.merging(manager.environment) { $1 } }
        let forwarder = try ChildProcess.start(options, on: loop)
        try await answers(address, on: loop)

        let tunnelSocket = "\(directory)/agent.ttrpc"
        let node = try await startNode(tools, in: directory, to: address, on: tunnelSocket, hasSessions: true)
        return TunnelRig(
            directory: directory, manager: manager, address: address, agentSocket: agentSocket,
            tunnelSocket: tunnelSocket,
            agent: agent,
            forwarder: forwarder, node: node)
    }

    /// Starts another node end of the same VM, which listens on `socket`.
    func startNode(_ tools: Tools, on socket: String, hasSessions: Bool) async throws -> ChildProcess {
        try await Self.startNode(tools, in: directory, to: address, on: socket, hasSessions: hasSessions)
    }

    private static func startNode(
        _ tools: Tools, in directory: String, to address: SocketAddress, on socket: String, hasSessions: Bool
    ) async throws -> ChildProcess {
        var options = ChildProcess.Options(
            executable: SystemInfo.executablePath,
            arguments: ["node-end", directory, "\(address)", socket, hasSessions ? "sessions" : "plain"])
        options.error = .file(path: "\(socket).log")
        let node = try ChildProcess.start(options, on: tools.loop)
        try await answers(.unix(path: socket), on: tools.loop)
        return node
    }

    private static func freeAddress(on loop: EpollLoop) throws -> SocketAddress {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        defer { listener.close() }
        return listener.address
    }
}

/// The node's end. It is a separate process, so that its CPU time can be measured.
enum NodeEndProcess {
    static func run(directory: String, forwarder: String, socket: String, hasSessions: Bool) throws {
        func text(_ name: String) throws -> String {
            String(decoding: try DurableFile.read("\(directory)/\(name)", limit: 65536), as: UTF8.self)
        }
        let key = CertifiedKey(certificate: try text("client.pem"), key: Secret(try text("client.key")))
        let context = try TLSContext.client(trusting: try text("ca.pem"), identity: key)
        let address = try SocketAddress(parsing: forwarder)
        SystemInfo.raiseDescriptorLimit()
        try EpollLoop.run { loop in
            let listener = try Listener.listen(on: .unix(path: socket), loop: loop)
            let security = ClientSecurity(context: context, serverName: TunnelRig.vmName)
            let dialer = Dialer(to: address, security: security, on: loop)
            var limits = NodeTunnel.Limits()
            if !hasSessions { limits.sessions = 0 }
            ProcessMemory.forgetStartUp()
            try await NodeTunnel(listener, to: dialer, limits: limits, on: loop).run()
        }
    }
}

/// The service manager of the forwarder: it keeps the sessions' descriptors, as systemd does in a pod VM.
private final class ForwarderManager: Sendable {
    /// What the forwarder finds in its environment.
    let environment: [String: String]
    private let reader: Task<Void, Never>

    init(at path: String, on loop: EpollLoop) throws {
        let store = FakeDescriptorStore(try ServiceManager.listen(at: path, on: loop))
        environment = store.environment.merging(["NOTIFY_SOCKET": path]) { $1 }
        reader = Task { while (try? store.readMessages()) != nil, (try? await store.wait()) != nil {} }
    }

    deinit { reader.cancel() }
}
