internal import Glibc
internal import PodNetwork
internal import PodVMLifecycle

extension ConnectorError {
    /// Why a pod has no network; `what` was being done. The network's own words say what helps.
    ///
    /// What is wrong with the pod's own namespace is the request's fault; with anything else of the node, the node's.
    init(network error: any Error, _ what: String, isOfPod: Bool = true) {
        switch error {
        case let error as ConnectorError: self = error
        case is CancellationError: self.init(.cancelled, "\(what) was called off")
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
