internal import Configuration

/// The values of the flags of `peerpodctl support`.
struct SupportOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var file = ""
    var root = "/"
    var podsDirectory = "/run/peerpod/pods"
    var probePort = 8000
    var logs: [String] = []

    static let command = Command(
        "peerpodctl support", summary: "collect what a support case needs from this node, without secrets",
        details: """
            Writes a compressed tar archive that only this user can read: the sandboxes' records, status and history, metrics, \
            the findings of check node, the configuration of kata, kubelet and the container runtime, the adaptor's \
            environment, versions, and logs. What cannot be read is listed in the archive's README.

            Secrets are removed: values whose names announce a secret, private keys, tokens and users in URLs, and each of \
            these values wherever else it stands. Keys of tunnels, boot documents and tokens are not included. Names and \
            addresses are included: read the files before you give them to others.
            """,
        defaults: SupportOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "output", \.file, .path,
                        "The archive, which must not exist. Without it: peerpods-support-TIME.tar.gz in this directory."
                    ),
                    Setting(
                        "log", \.logs, .list("PATH,..."),
                        "Further files of logs, such as a VM's serial console. The last 4 MiB of each are included."),
                    Setting("root", \.root, .path, "The directory at which the node's root directory is mounted."),
                    HypervisorOptions.socket(\.socket),
                    Setting(
                        "pods-dir", environment: "PODS_DIR", \.podsDirectory, .path,
                        "The adaptor's directory of sandboxes, on the node."),
                    Setting(
                        "probe-port", environment: "PROBE_PORT", \.probePort, .integer(in: 1...65535),
                        "The port of the adaptor's probes and metrics on 127.0.0.1."),
                ])
        ])
}
