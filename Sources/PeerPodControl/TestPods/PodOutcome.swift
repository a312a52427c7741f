internal import Telemetry

/// How one pod's run ended.
struct PodOutcome: Sendable {
    /// The result of the pod's command.
    enum Result: Sendable {
        /// The command ran and ended with this status.
        case exited(status: Int32)
        /// The pod was stopped on request before its command had ended.
        case interrupted
        /// This program, the adaptor or the VM failed.
        case failed(PodFailure)
    }

    let pod: String
    let namespace: String
    let sandbox: String
    var timeline = PodTimeline()
    var result: Result
    /// Failures while the pod was removed, whatever the result.
    var teardownFailures: [PodFailure] = []
    /// Failures that the shim only logs. They do not count.
    var warnings: [PodFailure] = []
    /// The number of processes of the container that the VM's kernel killed because memory ran out.
    var outOfMemoryKills = 0
    /// The pod's network; nil without a network namespace.
    var networkInfo: PodNetworkInfo?
    /// The pod's network at the end; nil if it was not inspected.
    var network: NetworkFinding?

    /// All failures, in order.
    var failures: [PodFailure] {
        if case .failed(let failure) = result { [failure] + teardownFailures } else { teardownFailures }
    }
}

/// The adaptor's report of a pod's network, or why there is none.
enum NetworkFinding: Sendable {
    case told(NetworkReport)
    case untold(PodFailure)
}

/// A call or step of the shim that failed.
struct PodFailure: Error, Sendable {
    /// What was attempted: a method (`hypervisor.Hypervisor/StartVM`) or a step ("reading stdout").
    let operation: String
    /// What happened, in one sentence, with the name of the failure's code first if it has one.
    let message: String
    /// The next step for a person; empty when the message is sufficient.
    let advice: String

    /// The text on standard error: the message, and the advice on a separate line.
    func text(of program: String) -> String {
        let advice = advice.isEmpty ? "" : "  \(advice)\n"
        return "\(program): \(message)\n\(advice)".printable(keepingLines: true)
    }
}

/// The exit statuses of `peerpodctl` that do not come from the command.
enum ExitStatus {
    static let success: Int32 = 0
    /// A failure outside of the command; docker and podman use the same status.
    static let failure: Int32 = 125
    /// Stopped by Ctrl-C before the command had ended; shells use the same status.
    static let interrupted: Int32 = 130

    /// One status for all pods: a failure first, then an interruption, then the first command in pod order that did not
    /// end with 0.
    static func of(_ outcomes: [PodOutcome]) -> Int32 {
        var statuses: [Int32] = []
        for outcome in outcomes {
            switch outcome.result {
            case .failed: return failure
            case .interrupted: statuses.append(interrupted)
            // The exit status of a process has eight bits; the agent may send 32 bits.
            case .exited(let status): statuses.append(status & 0xff)
            }
        }
        if outcomes.contains(where: { !$0.teardownFailures.isEmpty }) { return failure }
        if statuses.contains(interrupted) { return interrupted }
        return statuses.first { $0 != success } ?? success
    }
}
