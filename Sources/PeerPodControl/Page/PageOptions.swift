internal import Configuration

/// The values of the flags of `peerpodctl ui`.
struct PageOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var port = 0
    var probePort = 8000

    static let command = Command(
        "peerpodctl ui", summary: "show the node's pods in a browser, on this machine only",
        details: """
            Serves a page on 127.0.0.1 until Ctrl-C, and prints its address: the pods with the phases of their start as \
            bars, failures with what to do, and the requests to Azure. The page only reads, needs nothing from the \
            network, and contains no script. Its address has a random key, because every user of this machine can \
            connect to 127.0.0.1.

            From another machine: ssh -L 8080:127.0.0.1:8080 NODE sudo peerpodctl ui -port 8080
            """,
        defaults: PageOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting(
                        "port", \.port, .integer(in: 0...65535), "The TCP port on 127.0.0.1; 0 takes any free one."),
                    Setting(
                        "probe-port", environment: "PROBE_PORT", \.probePort, .integer(in: 1...65535),
                        "The port of the adaptor's probes and metrics on 127.0.0.1."),
                ])
        ])
}
