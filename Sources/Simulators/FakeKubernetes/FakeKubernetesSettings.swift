internal import Configuration
internal import Telemetry

/// The values of the flags.
struct FakeKubernetesSettings: Sendable {
    var listen = "127.0.0.1:0"
    var usesTLS = true
    var name = "localhost"
    var token = "admin"
    var nodes = ""
    var directory = "/tmp/fake-kubernetes"
    var logLevel = LogLevel.info

    static let command = Command(
        "fake-kubernetes", summary: "run a fake Kubernetes API server on this machine, for tests",
        details: """
            Keeps objects in memory, and runs nothing. Writes the files of a client into a directory: kubeconfig, and
            token and ca.crt as a pod finds them. Then it serves until SIGTERM.

                fake-kubernetes -directory /tmp/k -nodes node-1 &
                kubectl --kubeconfig /tmp/k/kubeconfig get nodes
            """,
        defaults: FakeKubernetesSettings(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "listen", \Self.listen, .string("ADDRESS:PORT"),
                        "The address to listen on; port 0 takes any free one."),
                    Setting("tls", \.usesTLS, .bool, "Speak TLS, with a certificate made at the start."),
                    Setting("name", \.name, .string("NAME"), "The name in the certificate."),
                    Setting("token", \.token, .string("TOKEN"), "The token of the user who has all rights."),
                    Setting("nodes", \.nodes, .string("NAMES"), "Names of Node objects that exist at the start."),
                    Setting("directory", \.directory, .path, "Where the files of a client are written."),
                    .logLevel(\.logLevel),
                ])
        ])
}
