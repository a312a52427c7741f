internal import JSON
internal import PeerPodProtocol
internal import Telemetry

/// Why a pod's VM has its size and its zone, which tries failed, and what the pod waits for.
struct ExplainReport: Sendable {
    let history: SandboxHistoryStatus
    let now: WallTime
    private let sandbox: SandboxStatus

    init(_ history: SandboxHistoryStatus, now: WallTime) {
        self.history = history
        self.now = now
        sandbox = history.sandbox ?? SandboxStatus()
    }

    /// The report as lines.
    var lines: [String] {
        var lines = [history.title(begin: history.steps.first?.time ?? 0)]
        func add(_ heading: String, _ texts: [String]) {
            for (index, text) in texts.enumerated() {
                lines.append("  " + (index == 0 ? heading : "").padded(to: 9) + text)
            }
        }
        add("size", [place ?? "none was tried"])
        add("because", [history.sizeReason])
        add("tries", tries)
        add("missing", history.steps.filter { $0.step == "missing" }.map(\.detail))
        add("waits", [waits].compactMap(\.self))
        if !sandbox.failure.isEmpty { add("failure", [sandbox.failure]) }
        return lines.map { $0.printable() }
    }

    private var place: String? {
        guard !sandbox.size.isEmpty else { return nil }
        let zone = sandbox.zone.isEmpty ? "" : " in zone \(sandbox.zone)"
        let tee =
            switch sandbox.tee {
            case "": ""
            case "none": " (not confidential)"
            default: " (\(sandbox.tee))"
            }
        return sandbox.size + zone + tee
    }

    /// A line for each try, with its outcome.
    var tries: [String] {
        var tries: [(begun: HistoryStep, outcome: String?)] = []
        for step in history.steps {
            if step.step == "trying" {
                tries.append((step, nil))
                continue
            }
            guard let last = tries.last else { continue }
            let outcome: String? =
                switch step.step {
                case "refused": Self.failure("refused after \(Self.length(from: last.begun, to: step.time))", step)
                case "booting": "an address after \(Self.length(from: last.begun, to: step.time))"
                case "replaced": (last.outcome ?? "an address") + ", then " + Self.failure("not provisioned", step)
                case "deleting": last.outcome ?? "called off or failed"
                default: last.outcome
                }
            tries[tries.count - 1].outcome = outcome
        }
        return tries.enumerated().map { index, attempt in
            let length = Self.length(from: attempt.begun, to: now.millisecondsSinceEpoch)
            let open = history.hasEnded ? "no answer is on record" : "asked \(length) ago"
            return "\(index + 1). \(attempt.begun.place): \(attempt.outcome ?? open)"
        }
    }

    private static func failure(_ what: String, _ step: HistoryStep) -> String {
        // Azure's words begin with the code.
        let code = step.code.isEmpty || step.detail.contains(step.code) ? "" : ", \(step.code)"
        return what + code + (step.detail.isEmpty ? "" : ": \(step.detail)")
    }

    private static func length(from step: HistoryStep, to time: Int64) -> String {
        let (length, overflow) = time.subtractingReportingOverflow(step.time)
        return Duration.milliseconds(overflow ? 0 : max(length, 0)).text
    }

    /// What the sandbox waits for now; nil if it waits for nothing.
    private var waits: String? {
        if history.hasEnded { return nil }
        let time = history.steps.last { $0.step != "missing" }.map {
            ", for \(Self.length(from: $0, to: now.millisecondsSinceEpoch)) so far"
        }
        let what: String? =
            switch sandbox.state {
            case "preparing": "CreateVM is in progress"
            case "prepared": "for StartVM, which kata's shim calls"
            case "creating":
                history.steps.last?.step == "trying"
                    ? "for the cloud to give VM \(sandbox.vm) an address" : "for a size and a zone to be chosen"
            case "booting": "for the agent in the VM to answer at \(sandbox.address)"
            case "failed": "for StopVM: the VM no longer exists"
            case "deleting": "for the cloud to confirm the deletion of VM \(sandbox.vm)"
            default: nil
            }
        return what.map { $0 + (time ?? "") }
    }

    /// The report as an object.
    var json: JSONValue {
        var object = JSONObject([
            ("pod", .string(sandbox.podName)), ("namespace", .string(sandbox.podNamespace)),
            ("sandbox", .string(sandbox.id)), ("state", .string(history.hasEnded ? "ended" : sandbox.state)),
            ("vm", .string(sandbox.vm)), ("size", .string(sandbox.size)), ("zone", .string(sandbox.zone)),
            ("tee", .string(sandbox.tee)), ("because", .string(history.sizeReason)),
            ("failure", .string(sandbox.failure)),
        ])
        object["waits"] = waits.map(JSONValue.string)
        object["steps"] = .array(
            history.steps.map { step in
                .object(
                    JSONObject([
                        ("step", .string(step.step)), ("at", .integer(step.time)), ("place", .string(step.place)),
                        ("code", .string(step.code)), ("detail", .string(step.detail)),
                    ]))
            })
        return .object(object)
    }
}
