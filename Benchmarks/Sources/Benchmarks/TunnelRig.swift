import AgentTunnel
import LinuxIO
import PodVMBoot
import TLS
import Telemetry

/// A tunnel between two processes on this machine: the forwarder's program, and a process that serves the node's end as the
/// adaptor does.
struct TunnelRig {
    let directory: String
    let agentSocket: String
    let tunnelSocket: String
    let agent: ChildProcess
    let forwarder: ChildProcess
    let node: ChildProcess

    var children: [ChildProcess] { [node, forwarder, agent] }

    static let vmName = "podvm-benchmark"

    static func start(_ tools: Tools, in directory: String) async throws -> TunnelRig {
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
        var options = ChildProcess.Options(
            executable: tools.program("agent-protocol-forwarder"),
            arguments: [
                "-config", "\(directory)/apf.json", "-listen", "\(address)", "-kata-agent-socket", agentSocket,
            ])
        options.error = .file(path: "\(directory)/forwarder.log")
        let forwarder = try ChildProcess.start(options, on: loop)
        try await answers(address, on: loop)

        let tunnelSocket = "\(directory)/agent.ttrpc"
        var nodeOptions = ChildProcess.Options(
            executable: SystemInfo.executablePath, arguments: ["node-end", directory, "\(address)", tunnelSocket])
        nodeOptions.error = .file(path: "\(directory)/node.log")
        let node = try ChildProcess.start(nodeOptions, on: loop)
        try await answers(.unix(path: tunnelSocket), on: loop)
        return TunnelRig(
            directory: directory, agentSocket: agentSocket, tunnelSocket: tunnelSocket, agent: agent,
            forwarder: forwarder, node: node)
    }

    private static func freeAddress(on loop: EpollLoop) throws -> SocketAddress {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        defer { listener.close() }
        return listener.address
    }
}

/// The node's end. It is a separate process, so that its CPU time can be measured.
enum NodeEndProcess {
    static func run(directory: String, forwarder: String, socket: String) throws {
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
            ProcessMemory.forgetStartUp()
            try await NodeTunnel(listener, to: dialer, on: loop).run()
        }
    }
}
