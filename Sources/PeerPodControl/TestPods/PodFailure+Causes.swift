internal import KataProtocol
internal import LinuxIO
internal import TTRPC

extension PodFailure {
    /// The failure for `error` of a call over the socket at `path`.
    init(_ operation: String, _ error: any Error, on path: String) {
        switch error {
        case let failure as PodFailure: self = failure
        case let status as Status:
            self.init(operation: operation, message: "\(status)", advice: Self.advice(for: status, of: operation))
        case let refusal as SystemCallError where refusal.isMissing || refusal.isRefused:
            self.init(
                operation: operation, message: "no process listens on the socket \(path)",
                advice: "Start cloud-api-adaptor, or name its socket with -socket PATH.")
        case let refusal as SystemCallError:
            self.init(
                operation: operation, message: "\(refusal)",
                advice: "The socket belongs to the adaptor's user, and only that user and root may use it.")
        case is DeadlineExceeded:
            self.init(
                operation: operation, message: "the connection to \(path) was not accepted in time",
                advice: "The adaptor runs, but does not accept connections: look at its log and at its /healthz.")
        default:
            self.init(operation: operation, message: "\(error)", advice: "")
        }
    }

    /// The advice for the code alone; the other side's message comes first and is often more exact.
    private static func advice(for status: Status, of operation: String) -> String {
        switch status.code {
        case .unimplemented:
            "The other side does not know this method: check that the socket is an adaptor's, and its version."
        case .deadlineExceeded where operation == Hypervisor.startVM.fullName:
            "The VM did not start in time: raise -timeout, or find in the adaptor's log what it waits for."
        case .unavailable:
            "The connection ended before the answer: the adaptor's log says whether the adaptor or the VM has stopped."
        default: ""
        }
    }
}
