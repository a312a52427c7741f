internal import Configuration
internal import LinuxIO

/// The values of the flags of `peerpodctl run`.
struct RunOptions: Sendable {
    enum ReportFormat: String, CaseIterable, Sendable { case auto, text, json, none }

    var socket = HypervisorOptions.defaultSocket
    var shim = ShimKind.go
    var pods = 1
    var concurrency = 10
    var name = "peerpod"
    var namespace = "default"
    var annotations: [String: String] = [:]
    var makesNetwork = false
    var networkNamespacePath = ""
    var timeout = Duration.seconds(600)
    var policyFile = ""
    var readsStandardInput = false
    var echoes = 0
    var isQuiet = false
    var report = ReportFormat.auto
    var isJSON = false

    static let command = Command(
        "peerpodctl run", summary: "run a command in one pod VM or in many, and report how long each step took",
        details: """
            Does for each pod what kata's shim does: CreateVM, StartVM, one connection to the agent for the pod's life with a \
            health check every 5 seconds, and in the end StopVM, also after a failure.

            -shim rust plays kata 4's shim instead: one connection to the hypervisor socket for the pod's life, which is \
            never dialed again, a health check every 30 seconds, and 1 second for StopVM. That shim only logs a StopVM \
            that fails; this command reports it.

            The command's output is passed on; with several pods, each line begins with the pod's name. The report goes to \
            standard error, as with time(1): a bar per phase for one pod, percentiles for several.

            With -network each pod gets a network namespace, as from a CNI plugin: an address of 198.19.0.0/16, and an eth0 \
            on a bridge (peerpodctl0). The bridge stands for the cluster's network; this machine and the pods of all runs \
            are on it. The network has no DNS and no route beyond this machine. Each pod's address is written to standard \
            error before the pod's command runs, and the report of a single pod shows both ends of its network. With JSON \
            reports, a line for each pod precedes the report; with -report none, use peerpodctl network to see the address. \
            All of it is removed at the end; if a run is killed, the next run removes what is left.

            The first Ctrl-C is passed to the commands; the second ends the pods and deletes their VMs.

            The exit status is the command's own; of several commands, the first status other than 0. 125 means that \
            something else failed for any of the pods, 130 that the run was interrupted before a command ended.
            """,
        operands: "-- COMMAND...", defaults: RunOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting(
                        "shim", \.shim, .choice(ShimKind.allCases.map { ($0.rawValue, $0) }),
                        "Which of kata's shims is played."),
                    Setting("pods", \.pods, .integer(in: 1...10_000), "How many pods."),
                    Setting("concurrency", \.concurrency, .integer(in: 1...1000), "How many pods at a time."),
                    Setting(
                        "name", \.name, .string("NAME"),
                        "The pod's name; the common prefix of the names for several pods."),
                    Setting("namespace", \.namespace, .string("NAME"), "The pod's Kubernetes namespace."),
                    Setting(
                        "annotation", \.annotations, .entry,
                        "An annotation for CreateVM, such as io.katacontainers.config.hypervisor.machine_type=SIZE. May "
                            + "be repeated."),
                    Setting(
                        "network", \.makesNetwork, .bool,
                        "Make a network namespace for each pod. Needs root, or NET_ADMIN and SYS_ADMIN."),
                    Setting(
                        "netns", \.networkNamespacePath, .path,
                        "The pod's network namespace, such as /run/netns/NAME. Without it and -network, the pod has none."
                    ),
                    Setting(
                        "timeout", \.timeout, .duration(in: .milliseconds(1) ... .seconds(86_400)),
                        "How long StartVM may take, as kata's remote_hypervisor_timeout."),
                    Setting("policy-file", \.policyFile, .path, "An agent policy (Rego) to set in the VM."),
                    Setting(
                        "stdin", \.readsStandardInput, .bool,
                        "Pass standard input to the command. Only for one pod. By default, the input is empty."),
                    Setting(
                        "echoes", \.echoes, .integer(in: 0...100),
                        "How many commands to hold open beside the command in each pod. Each gets a line ten times a "
                            + "second and echoes it; a line that is lost, repeated or changed fails the pod."),
                    Setting("quiet", \.isQuiet, .bool, "Do not show the output of the commands."),
                    Setting(
                        "report", \.report, .choice(ReportFormat.allCases.map { ($0.rawValue, $0) }),
                        "The report: auto is text on a terminal and one line of JSON elsewhere; none shows only failures."
                    ),
                    Setting("json", \.isJSON, .bool, "Short for -report json."),
                ])
        ])

    /// The plan of these options and of the command after them.
    func plan(_ command: [String]) throws(ConfigurationError) -> RunPlan {
        guard !command.isEmpty else {
            throw ConfigurationError(
                "there is no command to run: write the command last, as in peerpodctl run -- uname -a")
        }
        guard !readsStandardInput || pods == 1 else {
            throw ConfigurationError("-stdin is only for one pod, but -pods is \(pods)")
        }
        return RunPlan(
            socket: socket, shim: shim, pods: pods, concurrency: min(concurrency, pods), name: name,
            namespace: namespace,
            annotations: annotations, network: try network(), timeout: timeout,
            policy: try policy(), readsStandardInput: readsStandardInput, showsOutput: !isQuiet,
            echoes: echoes, command: command)
    }

    private func network() throws(ConfigurationError) -> RunNetwork {
        if networkNamespacePath.isEmpty { return makesNetwork ? .made : .none }
        guard !makesNetwork else {
            throw ConfigurationError("-network makes a namespace, and -netns names one: give one of the two")
        }
        return .existing(path: networkNamespacePath)
    }

    private func policy() throws(ConfigurationError) -> String? {
        guard !policyFile.isEmpty else { return nil }
        do {
            return String(decoding: try DurableFile.read(policyFile, limit: 1 << 20), as: UTF8.self)
        } catch {
            throw ConfigurationError("the file of -policy-file cannot be read: \(error)")
        }
    }
}

/// The common options of the commands that call the adaptor.
enum HypervisorOptions {
    static let defaultSocket = "/run/peerpod/hypervisor.sock"

    /// The adaptor's socket; the adaptor uses the same variable.
    static func socket<Options>(
        _ field: any WritableKeyPath<Options, String> & Sendable
    ) -> Setting<Options> {
        Setting("socket", environment: "REMOTE_HYPERVISOR_ENDPOINT", field, .path, "The adaptor's hypervisor socket.")
    }
}
