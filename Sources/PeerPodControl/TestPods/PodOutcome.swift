internal import Telemetry

/// How one pod's run ended.
struct PodOutcome: Sendable {
    /// How far the command got.
    enum Result: Sendable {
        /// The command ran and ended with this status.
        case exited(status: Int32)
        /// The pod was stopped because we were told to, before its command had ended.
        case interrupted
        /// This program, the adaptor or the VM failed.
        case failed(PodFailure)
    }

    let pod: String
    let namespace: String
    let sandbox: String
    var timeline = PodTimeline()
    var result: Result
    /// What went wrong while the pod was taken down, whatever the result.
    var teardownFailures: [PodFailure] = []
    /// How often the VM's kernel killed a process of the container because memory ran out.
    var outOfMemoryKills = 0
    /// The pod's network; nil without a network namespace.
    var networkInfo: PodNetworkInfo?
    /// The pod's network at the end; nil if it was not inspected.
    var network: NetworkFinding?

    /// All that went wrong, in order.
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
    /// What went wrong, in one sentence, with the name of its code first if it has one.
    let message: String
    /// What a person can do about it; empty when the message says all there is.
    let advice: String

    /// What a program says of it on standard error: the message, and the advice on a line of its own.
    func text(of program: String) -> String {
        let advice = advice.isEmpty ? "" : "  \(advice)\n"
        return "\(program): \(message)\n\(advice)".printable(keepingLines: true)
    }
}

/// The statuses that `peerpodctl` ends with when they are not the command's own.
enum ExitStatus {
    static let success: Int32 = 0
    /// Something other than the command failed; docker and podman use the same.
    static let failure: Int32 = 125
    /// Stopped by Ctrl-C before the command had ended, as shells count it.
    static let interrupted: Int32 = 130

    /// One status for all pods: a failure first, then an interruption, then the
    /// first command in pod order that did not end with 0.
    static func of(_ outcomes: [PodOutcome]) -> Int32 {
        var statuses: [Int32] = []
        for outcome in outcomes {
            switch outcome.result {
            case .failed: return failure
            case .interrupted: statuses.append(interrupted)
            // A process can only end with eight bits; the agent has 32 to send.
            case .exited(let status): statuses.append(status & 0xff)
            }
        }
        if outcomes.contains(where: { !$0.teardownFailures.isEmpty }) { return failure }
        if statuses.contains(interrupted) { return interrupted }
        return statuses.first { $0 != success } ?? success
    }
}
