internal import ClusterPreflight
internal import Configuration
internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle

/// The values of the flags of `peerpodctl check cluster`.
struct ClusterCheckOptions: Sendable {
    var check = ClusterCheck.Options()
    var isJSON = false
    var cluster = ClusterOptions()

    static let command = Command(
        "peerpodctl check cluster",
        summary: "check whether a cluster is set up for peer pods, without changing anything",
        details: """
            Checks the API server's version, the RuntimeClass, the adaptor's DaemonSets, the nodes' extended resource, the \
            objects PeerPod, the admission policies and the adaptor's rights. It only reads; for the rights it creates \
            SubjectAccessReviews, which the server does not store. The exit status is 0 when pods can start, 1 when something \
            prevents it, and 3 when nothing is known to prevent it but some checks had no answer.
            """,
        defaults: ClusterCheckOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("namespace", \.check.namespace, .string("NAME"), "The adaptor's namespace."),
                    Setting("runtime-class", \.check.runtimeClass, .string("NAME"), "The RuntimeClass of peer pods."),
                    Setting(
                        "handler", \.check.handler, .string("NAME"), "The handler that the RuntimeClass must have."),
                    Setting("json", \.isJSON, .bool, "Write a JSON object instead of text."),
                ]),
            .init("Flags for the API server", ClusterOptions.settings.map { $0.within(\.cluster) }),
        ])
}

/// `peerpodctl check cluster`, after its flags have been read.
struct ClusterCheckCommand: Sendable {
    let options: ClusterCheckOptions
    let environment: [String: String]
    let output: Program.Output

    /// Checks the cluster, prints the findings, and returns the exit status.
    func run() throws(ConfigurationError) -> Int32 {
        let access = try options.cluster.access(environment)
        let frame = CheckRun(command: "peerpodctl check cluster", isJSON: options.isJSON, output: output)
        return frame.run(access.clientOptions(environment)) { loop, http, logger in
            let client = KubernetesClient(access, sender: http, clock: LoopClock(loop: loop), logger: logger)
            return await ClusterCheck(options.check, client).run()
        }
    }
}
