internal import Glibc
internal import PodNetwork
internal import PodVMLifecycle

extension ConnectorError {
    /// Why `what`, an operation on a pod's network, failed. The network's own error says what helps.
    ///
    /// `isOfPod`: whether a fault of a namespace or interface is the pod's, and so makes the request invalid.
    init(network error: any Error, _ what: String, isOfPod: Bool = true) {
        switch error {
        case let error as ConnectorError: self = error
        case is CancellationError: self.init(.cancelled, "\(what) was cancelled")
        case let error as PodNetworkError:
            self.init(Code(error, isOfPod: isOfPod), "\(what) failed. \(error)", cause: nil)
        default: self.init(.failed, "\(what) failed", cause: error)
        }
    }
}

extension ConnectorError.Code {
    fileprivate init(_ error: PodNetworkError, isOfPod: Bool) {
        let ofPod: [PodNetworkError.Code] = [
            .missingNamespace, .unusableNamespace, .noPrimaryInterface, .invalidPlan,
        ]
        if error.code == .exhausted || [ENOBUFS, ENOMEM, ENOSPC, EMFILE, ENFILE].contains(error.errno ?? 0) {
            self = .resourceExhausted
        } else {
            self = isOfPod && ofPod.contains(error.code) ? .invalidRequest : .failed
        }
    }
}
