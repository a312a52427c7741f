package import Configuration
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// The flags of `fake-pod-vm agent`.
package struct AgentOptions: Sendable {
    var socket = "/run/kata-containers/agent.sock"
    var sharedTree = GuestRunDirectory.guestPath
    var parent = 0
    var entersNamespaces = false
    var isNotServing = false
    var hasNoSocket = false
    var life = Duration.zero
    var calls = 0

    /// The command with these flags.
    package static let command = Command(
        "fake-pod-vm agent", summary: "stand in for kata-agent: serve its protocol and run real processes",
        details: """
            Containers are not isolated: they are processes of this machine and this user, and can use its files, \
            network and processes. Images, users, limits and policies are ignored. As root, volumes are mounted over \
            the machine's files in a mount namespace of each container; otherwise a warning says where they are. \
            Processes enter a network namespace only with -network-namespaces.
            """,
        defaults: AgentOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("socket", \Self.socket, .path, "The Unix socket to serve."),
                    Setting(
                        "shared-tree", \Self.sharedTree, .path,
                        "The directory that stands for the guest's \(GuestRunDirectory.guestPath): copied files, volumes."
                    ),
                    Setting(
                        "network-namespaces", \Self.entersNamespaces, .bool,
                        "Start processes in the network namespace that their container names, if it names one."),
                    Setting(
                        "parent", \Self.parent, .integer(in: 0...Int(Int32.max)),
                        "End with all containers when the process with this id ends; 0: never."),
                ]),
            .init(
                "Faults",
                [
                    Setting("not-serving", \Self.isNotServing, .bool, "Answer health checks with NOT_SERVING."),
                    Setting("no-socket", \Self.hasNoSocket, .bool, "Do not listen on the socket."),
                    Setting(
                        "die-after", \Self.life, .duration(in: .zero ... .seconds(86400)),
                        "End by SIGKILL this long after the start; 0: never."),
                    Setting(
                        "die-after-calls", \Self.calls, .integer(in: 0...Int(Int32.max)),
                        "End by SIGKILL at the first call after this number of calls; 0: never."),
                ]),
        ])

    /// The faults that the flags select.
    var faults: AgentFaults { AgentFaults(isNotServing: isNotServing, calls: calls == 0 ? nil : calls) }
}

/// `fake-pod-vm agent`.
package enum AgentCommand {
    /// Serves until it is told to end; returns the exit status.
    package static func run(_ options: AgentOptions) -> Int32 {
        SimulatorLoop.run("fake-pod-vm agent") { loop in try await serve(options, on: loop) }
    }

    private static func serve(_ options: AgentOptions, on loop: EpollLoop) async throws {
        let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.childEnded], on: loop)
        // Daemons of containers become children of this process, so that they end with it.
        ProcessTree.becomeSubreaper()
        if options.parent != 0 { ProcessTree.dieWithParent(Int32(options.parent), with: Signals.terminate) }
        let logger = Logger(level: .info).with("program", "agent")
        let tree = try GuestRunDirectory(at: options.sharedTree)
        let agent = Agent(tree: tree, on: loop, logger: logger)
        let methods = AgentMethods(
            agent: agent, copies: CopyTarget(tree: tree), faults: options.faults,
            entersNamespaces: options.entersNamespaces)
        let server = Server(methods.services, on: loop, logger: logger)
        let listener = options.hasNoSocket ? nil : try Listener.listen(on: .unix(path: options.socket), loop: loop)
        logger.info("\(AgentMethods.version) serves \(options.hasNoSocket ? "no socket" : options.socket)")
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
