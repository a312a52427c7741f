internal import PodVMLifecycle
internal import TTRPC
internal import Telemetry

extension Status {
    /// The status that kata gets when a request fails. Its message appears in the pod's events, and so on terminals.
    init(_ error: LifecycleError) { self.init(Code(error.code), error.message.printable(keepingLines: true)) }
}

extension Status.Code {
    init(_ code: LifecycleError.Code) {
        self =
            switch code {
            case .invalidArgument: .invalidArgument
            case .alreadyExists: .alreadyExists
            case .notFound: .notFound
            case .failedPrecondition: .failedPrecondition
            case .cancelled: .cancelled
            case .deadlineExceeded: .deadlineExceeded
            case .resourceExhausted: .resourceExhausted
            case .unavailable: .unavailable
            case .internal: .internal
            }
    }
}
