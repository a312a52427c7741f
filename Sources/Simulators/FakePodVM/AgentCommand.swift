internal import Configuration
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// What `fake-pod-vm agent` is told.
struct AgentOptions: Sendable {
    var socket = "/run/kata-containers/agent.sock"
    var sharedTree = GuestTree.guestPath
    var parent = 0
    var entersNamespaces = false
    var isUnwell = false
    var isDeaf = false
    var life = Duration.zero
    var calls = 0

    static let command = Command(
        "fake-pod-vm agent", summary: "stand in for kata-agent: serve its protocol and really run processes",
        details: """
            There is no isolation whatever: containers are plain processes of this machine and this user, with its \
            files, network and processes before them. Images, users, limits and policies are ignored. As root, \
            volumes are mounted over the machine's files in a mount namespace of each container; else a warning says \
            where they are. A network namespace is entered only with -network-namespaces.
            """,
        defaults: AgentOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("socket", \Self.socket, .path, "The Unix socket to serve."),
                    Setting(
                        "shared-tree", \Self.sharedTree, .path,
                        "The directory that stands for the guest's \(GuestTree.guestPath): copied files, volumes."),
                    Setting(
                        "network-namespaces", \Self.entersNamespaces, .bool,
                        "Start processes in the network namespace that their container names, if it names one."),
                    Setting(
                        "parent", \Self.parent, .integer(in: 0...Int(Int32.max)),
                        "Ends, with all containers, when the process of this number does; 0: never."),
                ]),
            .init(
                "Faults",
                [
                    Setting("not-serving", \Self.isUnwell, .bool, "Answer health checks with NOT_SERVING."),
                    Setting("deaf", \Self.isDeaf, .bool, "Never listen."),
                    Setting(
                        "die-after", \Self.life, .duration(in: .zero ... .seconds(86400)),
                        "Be killed so long after the start; 0: never."),
                    Setting(
                        "die-after-calls", \Self.calls, .integer(in: 0...Int(Int32.max)),
                        "Be killed by the first call after so many; 0: never."),
                ]),
        ])

    /// What of it is meant to go wrong.
    var faults: AgentFaults { AgentFaults(isUnwell: isUnwell, calls: calls == 0 ? nil : calls) }
}

/// `fake-pod-vm agent`.
enum AgentCommand {
    static func run(_ options: AgentOptions) -> Int32 {
        FakePodVMCommand.run("agent") { loop in try await serve(options, on: loop) }
    }

    private static func serve(_ options: AgentOptions, on loop: EpollLoop) async throws {
        let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
        // Daemons that a container leaves behind come to us, so that they end with us.
        ProcessTree.becomeSubreaper()
        if options.parent != 0 { ProcessTree.dieWithParent(Int32(options.parent), with: Signals.terminate) }
        let logger = Logger(level: .info).with("program", "agent")
        let tree = try GuestTree(at: options.sharedTree)
        let agent = Agent(tree: tree, on: loop, logger: logger)
        let methods = AgentMethods(
            agent: agent, copies: CopyTarget(tree: tree), faults: options.faults,
            entersNamespaces: options.entersNamespaces)
        let server = Server(methods.services, on: loop, logger: logger)
        let listener = options.isDeaf ? nil : try Listener.listen(on: .unix(path: options.socket), loop: loop)
        logger.info("\(AgentMethods.version) serves \(options.isDeaf ? "no socket" : options.socket)")
        defer { listener?.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await agent.run() }
            if let listener { group.addTask { try await server.serve(listener) } }
            if options.life > .zero {
                group.addTask {
                    try await loop.sleep(for: options.life)
                    ProcessTree.signal(ProcessTree.current, Signals.kill)
                }
            }
            group.addTask {
                while try await signals.next() == Signals.childEnded { agent.reapOrphans() }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        await Descendants.end(on: loop)
    }
}
