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
    var images = Images.ignore
    var runtime = Runtime.automatic
    var authorizationFile = ""
    var plainRegistries: [String] = []
    var isNotServing = false
    var hasNoSocket = false
    var life = Duration.zero
    var calls = 0

    /// The command with these flags.
    package static let command = Command(
        "fake-pod-vm agent", summary: "stand in for kata-agent: serve its protocol and run real processes",
        details: """
            Containers are not isolated: they are processes of this machine and this user, and can use its files, \
            network and processes. Users, limits and policies are ignored. As root, volumes are mounted over \
            the machine's files in a mount namespace of each container; otherwise a warning says where they are. \
            Processes enter a network namespace only with -network-namespaces.

            With -images=pull, containers run in the files of their images, which Debian's skopeo pulls and umoci unpacks. \
            As root, crun runs them where it is installed, with their users and with process namespaces of their own; \
            otherwise their files are the only thing that they have for themselves. Without root, images are pulled, and \
            containers run in this machine's files.
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
                        "images", \Self.images, .choice(Images.allCases.map { ($0.rawValue, $0) }),
                        "Whether the images of containers are pulled. ignore: containers run in this machine's files."),
                    Setting(
                        "runtime", \Self.runtime, .choice(Runtime.allCases.map { ($0.rawValue, $0) }),
                        "What runs containers that have an image. automatic: crun if it is installed, else none."),
                    Setting(
                        "auth-file", \Self.authorizationFile, .path,
                        "The file auth.json with the credentials of registries; it may be missing."),
                    Setting(
                        "plain-registries", \Self.plainRegistries, .list("HOST:PORT,..."),
                        "Registries without TLS. Those with a loopback address need not be listed."),
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

    /// What happens to the images of containers.
    enum Images: String, CaseIterable, Sendable { case ignore, pull }
    /// What runs containers that have an image.
    enum Runtime: String, CaseIterable, Sendable { case automatic, crun, none }

    /// The programs for images, and where images come from; nil if images are ignored.
    ///
    /// - Throws: ``MissingImageTools``.
    func imageSource() throws -> (tools: ImageTools, options: ImageStore.Options)? {
        guard images == .pull else { return nil }
        guard let tools = ImageTools.find(usesRuntime: runtime != .none) else {
            throw MissingImageTools(
                description: "-images=pull needs the programs skopeo and umoci (Debian has packages)")
        }
        if runtime == .crun, tools.crun == nil {
            throw MissingImageTools(description: "-runtime=crun needs the program crun (Debian has a package)")
        }
        return (
            tools,
            ImageStore.Options(authorizationFile: authorizationFile, plainRegistries: plainRegistries)
        )
    }

    /// A program that the flags need is not installed.
    struct MissingImageTools: Error, CustomStringConvertible { let description: String }

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
        let images = try options.imageSource()
        let agent = Agent(tree: tree, images: images, on: loop, logger: logger)
        if let images {
            logger.info(
                "containers run in the files of their images",
                [LogField("runtime", images.tools.crun ?? "none: processes without isolation")])
        }
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
