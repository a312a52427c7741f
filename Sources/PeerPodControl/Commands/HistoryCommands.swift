internal import Configuration
internal import JSON
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The values of the flags of `peerpodctl explain`.
struct ExplainOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var isJSON = false

    static let command = Command(
        "peerpodctl explain",
        summary: "say why a pod's VM has its size and zone, what failed, and what the pod waits for",
        details: """
            Names the pod by its name, by namespace/name, or by its sandbox's id or the beginning of its id. Kubernetes tries \\
            again with a new sandbox when a start fails: all sandboxes of the pod are shown, the oldest first, also those that \\
            ended. The adaptor keeps the last 64 of those until it restarts.
            """,
        operands: "POD", defaults: ExplainOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("json", \.isJSON, .bool, "Write a JSON array, with all steps on record."),
                ])
        ])
}

/// The values of the flags of `peerpodctl timeline`.
struct TimelineOptions: Sendable {
    /// The form of the output.
    enum Form: String, CaseIterable, Sendable {
        case text, svg, json
    }

    var socket = HypervisorOptions.defaultSocket
    var form = Form.text

    static let command = Command(
        "peerpodctl timeline", summary: "show how long each phase of a pod's life took",
        details: """
            Names the pod as explain does, and shows its newest sandbox. The times are those of the sandbox's record, by the \\
            node's clock. Bars are for the phases before the agent has answered.
            """,
        operands: "POD", defaults: TimelineOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting(
                        "report", \.form, .choice(Form.allCases.map { ($0.rawValue, $0) }),
                        "The form of the output: lines of text, a drawing, or a JSON array."),
                ])
        ])
}

/// `peerpodctl explain` and `peerpodctl timeline`, after their flags have been read.
struct HistoryCommand: Sendable {
    /// What is written about the sandboxes of the pod, the oldest first; there is at least one.
    typealias Text = @Sendable ([SandboxHistoryStatus], WallTime) -> String

    let name: String
    let socket: String
    let operand: String
    let output: Program.Output
    let text: Text

    /// The time limit for the adaptor, which has the answer in memory.
    private static let patience = Duration.seconds(10)

    /// Explains the sandboxes of a pod.
    static func explain(_ options: ExplainOptions, _ operand: String, _ output: Program.Output) -> HistoryCommand {
        HistoryCommand(name: "explain", socket: options.socket, operand: operand, output: output) { histories, now in
            let reports = histories.map { ExplainReport($0, now: now) }
            if options.isJSON {
                let document = JSONValue.array(reports.map(\.json))
                return String(decoding: document.encoded(indent: 2), as: UTF8.self) + "\n"
            }
            return reports.map { $0.lines.map { $0 + "\n" }.joined() }.joined(separator: "\n")
        }
    }

    /// Shows the phases of the pod's newest sandbox.
    static func timeline(_ options: TimelineOptions, _ operand: String, _ output: Program.Output) -> HistoryCommand {
        HistoryCommand(name: "timeline", socket: options.socket, operand: operand, output: output) { histories, now in
            guard let newest = histories.last else { return "" }
            let report = TimelineReport(newest, now: now)
            return switch options.form {
            case .text: report.lines(width: 100).map { $0 + "\n" }.joined()
            case .svg: TimelineDrawing(report: report).text
            case .json: String(decoding: report.json.encoded(indent: 2), as: UTF8.self) + "\n"
            }
        }
    }

    /// Prints the report, and returns the exit status.
    func run() -> Int32 {
        WatchLoop(interval: nil).run("peerpodctl \(name)", output) { loop, _ in await show(on: loop) }
    }

    func show(on loop: EpollLoop) async -> Int32 {
        do {
            let found = try await HypervisorSocket(path: socket, loop: loop).call(
                Sandboxes.history, .with { $0.name = operand }, timeout: Self.patience)
            guard !found.sandboxes.isEmpty else {
                throw PodFailure(
                    operation: "finding the sandbox",
                    message:
                        "no sandbox on this node belongs to a pod \"\(operand)\", or has an id that begins with it",
                    advice:
                        "List the sandboxes with peerpodctl status. Of sandboxes that ended, the adaptor knows the last 64."
                )
            }
            output.standard(text(found.sandboxes, WallTime.now))
            return ExitStatus.success
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl \(name)"))
            return ExitStatus.failure
        } catch {
            return ExitStatus.interrupted
        }
    }
}
