internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import TLS
internal import Telemetry

/// The program `fake-kubernetes`.
public enum FakeKubernetesCommand {
    /// Runs what `arguments`, without the program's own name, ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            FakeKubernetesSettings.command.name, version: ProjectVersion.text,
            summary: FakeKubernetesSettings.command.summary, entries: [],
            main: Program.Entry("", FakeKubernetesSettings.command) {
                (settings, _, _) throws(ConfigurationError) in
                do throws(AddressError) {
                    return run(settings, on: try SocketAddress(parsing: settings.listen), output)
                } catch {
                    throw ConfigurationError("-listen: \(error)")
                }
            }, output: output)
    }

    private static func run(_ settings: FakeKubernetesSettings, on address: SocketAddress, _ output: Program.Output)
        -> Int32
    {
        Signals.ignoreBrokenPipes()
        do {
            try EpollLoop.run { loop in
                let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
                let logger = Logger(level: settings.logLevel)
                let identity = try ServerIdentity.make(name: settings.name, organization: "fake-kubernetes")
                let cluster = FakeKubernetes(adminToken: settings.token, on: loop)
                for name in settings.nodes.split(separator: ",") { cluster.addNode(String(name)) }
                let server = try FakeKubernetesServer(
                    cluster, listen: address,
                    tls: settings.usesTLS
                        ? .init(certificate: identity.server.certificate, key: identity.server.key) : nil,
                    on: loop, logger: logger)
                let file = KubeconfigFile(
                    server: (settings.usesTLS ? "https://" : "http://") + "\(server.address)",
                    authority: settings.usesTLS ? identity.authority : nil, serverName: settings.name,
                    token: settings.token)
                try file.write(to: settings.directory)
                output.standard("export KUBECONFIG=\(settings.directory)/kubeconfig\n")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await server.run() }
                    group.addTask { _ = try await signals.next() }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
            return 0
        } catch {
            output.error("fake-kubernetes: \(error)\n")
            return 1
        }
    }
}
