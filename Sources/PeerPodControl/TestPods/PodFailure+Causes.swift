internal import KataProtocol
internal import LinuxIO
internal import TTRPC

extension PodFailure {
    /// The failure that `error` makes of a call over the socket at `path`.
    init(_ operation: String, _ error: any Error, on path: String) {
        switch error {
        case let failure as PodFailure: self = failure
        case let status as Status:
            self.init(operation: operation, message: "\(status)", advice: Self.advice(for: status, of: operation))
        case let refusal as SystemCallError where refusal.isMissing || refusal.isRefused:
            self.init(
                operation: operation, message: "nobody answers on the socket \(path)",
                advice: "Is the adaptor running? Start cloud-api-adaptor, or name its socket with -socket PATH.")
        case let refusal as SystemCallError:
            self.init(
                operation: operation, message: "\(refusal)",
                advice: "The socket belongs to the adaptor's user, and only that user and root may use it.")
        case is DeadlineExceeded:
            self.init(
                operation: operation, message: "nobody accepted the connection to \(path) in time",
                advice: "The adaptor runs but does not answer: look at its log and at its /healthz.")
        default:
            self.init(operation: operation, message: "\(error)", advice: "")
        }
    }

    /// What the code alone suggests; the other side's own words come first and often say more.
    private static func advice(for status: Status, of operation: String) -> String {
        switch status.code {
        case .unimplemented: "The other side does not know this method: is it another program, or an older version?"
        case .deadlineExceeded where operation == Hypervisor.startVM.fullName:
            "The VM was not up in time: give it longer with -timeout, or look in the adaptor's log for what it waits for."
        case .unavailable:
            "The connection ended before the answer came: the adaptor's log says whether it or the VM went away."
        default: ""
        }
    }
}
