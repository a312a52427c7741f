internal import Configuration
internal import JSON
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The values of the flags of `peerpodctl network`.
struct NetworkOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var watches = false
    var interval = Duration.seconds(2)
    var isJSON = false

    static let command = Command(
        "peerpodctl network", summary: "show a pod's network hop by hop, with its problems",
        details: """
            Names the pod by its name, by namespace/name, or by its sandbox's id or the beginning of its id. Shows the path \
            from the pod's interface on the node to the pod's interface in the VM, with each interface's counters: packets \
            that arrive at the pod's interface are redirected to the tunnel's interface, sent to the VM in UDP packets, and \
            delivered there to the pod's interface; and the same way back.

            The exit status is 0 when both ends are as planned (or the pod has no network of its own), 1 when there is a \
            problem, and 3 when no problem is known but the VM did not report its end.
            """,
        operands: "POD", defaults: NetworkOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("watch", \.watches, .bool, "Repeat until Ctrl-C."),
                    Setting(
                        "interval", \.interval, .duration(in: .milliseconds(100) ... .seconds(3600)),
                        "The interval of -watch."),
                    Setting(
                        "json", \.isJSON, .bool, "Write a JSON object instead of text; with -watch, one line each time."
                    ),
                ])
        ])
}

/// `peerpodctl network`, after its flags have been read.
struct NetworkCommand: Sendable {
    let options: NetworkOptions
    /// The pod, as named on the command line.
    let operand: String
    let output: Program.Output

    /// The exit status that the help documents, the same as for `check azure`.
    private static let broken: Int32 = 1
    private static let unclear: Int32 = 3

    /// The time limit for the adaptor, which queries the VM.
    static let patience = Duration.seconds(10)

    /// Prints the network once, or until interrupted; returns the exit status.
    func run() -> Int32 {
        WatchLoop(interval: options.watches ? options.interval : nil).run("peerpodctl network", output) {
            loop, isRepeated in await show(on: loop, isRepeated: isRepeated)
        }
    }

    func show(on loop: EpollLoop, isRepeated: Bool) async -> Int32 {
        do {
            let socket = HypervisorSocket(path: options.socket, loop: loop)
            let sandbox = try await socket.call(Sandboxes.list, Empty(), timeout: Self.patience).sandbox(named: operand)
            let status = try await socket.call(
                Sandboxes.network, .with { $0.id = sandbox.id }, timeout: Self.patience)
            let report = NetworkReport(status: status)
            if isRepeated, !options.isJSON { WatchLoop.begin(output) }
            output.standard(text(of: report, sandbox, isRepeated: isRepeated))
            return switch report.verdict {
            case .none, .sound: ExitStatus.success
            case .broken: Self.broken
            case .unclear: Self.unclear
            }
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl network"))
            return ExitStatus.failure
        } catch {
            return ExitStatus.interrupted
        }
    }

    private func text(of report: NetworkReport, _ sandbox: SandboxStatus, isRepeated: Bool) -> String {
        guard !options.isJSON else {
            var object = JSONObject([
                ("pod", .string(sandbox.podName)), ("namespace", .string(sandbox.podNamespace)),
                ("sandbox", .string(sandbox.id)), ("state", .string(sandbox.state)), ("vm", .string(sandbox.vm)),
            ])
            for (name, value) in report.json.entries { object[name] = value }
            return String(decoding: JSONValue.object(object).encoded(indent: isRepeated ? nil : 2), as: UTF8.self)
                + "\n"
        }
        let title = "pod \(sandbox.fullName), sandbox \(sandbox.id.prefix(12)), VM \(sandbox.vm), \(sandbox.state)"
        let lines = [title.printable()] + report.lines.map { $0.isEmpty ? "" : "  " + $0 }
        return lines.map { $0 + "\n" }.joined()
    }
}
