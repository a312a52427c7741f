/// A failed CreateVM or StartVM, and the message that advises the caller.
struct FailedCall {
    private let record: SandboxRecord
    private let phase: PhaseTimer.Phase
    private let isStopped: Bool
    private let isCancelled: Bool
    private let cause: (any Error)?
    private let unrecorded: RecordError?

    /// Must be called in the task of the call's work, because it reads that task's cancellation.
    init(
        _ record: SandboxRecord, at phase: PhaseTimer.Phase, _ call: InFlightCall, _ cause: (any Error)?,
        _ unrecorded: RecordError?
    ) {
        self.record = record
        self.phase = phase
        isStopped = call.ending == .stopped
        isCancelled = call.ending == .abandoned || Task.isCancelled
        self.cause = cause
        self.unrecorded = unrecorded
    }

    /// What failed, for which object, why, what was left behind, and what to try.
    var error: LifecycleError {
        let (code, reason) = reason
        return LifecycleError(code, "\(subject): \(reason.asSentence) \(leftover)", cause: cause)
    }

    private var subject: String {
        let pod = "pod \(record.podNamespace)/\(record.podName) (sandbox \(record.id))"
        return switch phase {
        case .preparing: "Cannot prepare \(pod)"
        case .creating: "VM \(record.state.vm) for \(pod) was not created"
        case .connecting: "VM \(record.state.vm) for \(pod) did not come up"
        }
    }

    private var leftover: String {
        if phase == .preparing { return "Nothing was asked of the cloud." }
        guard let unrecorded else { return "The VM, if it exists, is being deleted." }
        return "The VM, if it exists, is being deleted, but that could not be recorded (\(unrecorded)): after a "
            + "restart the adaptor finds the sandbox as it was before."
    }

    private var reason: (LifecycleError.Code, String) {
        if isStopped { return (.cancelled, "the sandbox was stopped.") }
        if isCancelled { return (.cancelled, "the caller hung up or its deadline passed.") }
        return switch cause {
        case let error as ProviderError: (error.lifecycleCode, "\(error). \(error.hint)")
        case let error as LifecycleError: (error.code, error.message)
        case let error as ConnectorError: (error.lifecycleCode, "\(error)")
        case let error as RecordError:
            (error.isOutOfSpace ? .resourceExhausted : .internal, "it could not be recorded: \(error).")
        case let error as ReadinessWait.TimedOut: (.deadlineExceeded, error.sentence)
        case let error?: (.internal, "\(error).")
        case nil: (.cancelled, "the sandbox was stopped.")
        }
    }
}

extension ProviderError {
    fileprivate var lifecycleCode: LifecycleError.Code {
        switch code {
        case .quotaExceeded, .outOfCapacity: .resourceExhausted
        case .throttled, .unreachable: .unavailable
        case .rejected: .invalidArgument
        case .unauthorized: .failedPrecondition
        case .cancelled: .cancelled
        default: .internal
        }
    }

    fileprivate var hint: String {
        switch code {
        case .quotaExceeded: "Raise the quota, delete VMs that are not needed, or use another size."
        case .outOfCapacity: "Use another size, zone or region, or try later."
        case .throttled: "Try later; the cloud limits the rate of calls."
        case .unreachable: "Check that this node reaches the cloud's API, and its proxy settings."
        case .unauthorized: "Check the adaptor's credentials and the role they have."
        case .rejected: "Change the pod's annotations or the adaptor's configuration; the same will be refused again."
        case .operationFailed: "The cloud's activity log has more under the VM's name."
        default: advice == .giveUp ? "The same will fail again." : "Try again."
        }
    }
}

extension ConnectorError {
    fileprivate var lifecycleCode: LifecycleError.Code {
        switch code {
        case .invalidRequest: .invalidArgument
        case .resourceExhausted: .resourceExhausted
        case .unreachable: .unavailable
        case .refused: .failedPrecondition
        case .cancelled: .cancelled
        case .failed: .internal
        }
    }
}

extension ReadinessWait.TimedOut {
    fileprivate var sentence: String {
        let address = instance.addresses.first ?? "no address"
        let last = lastTry.map { " (last try: \($0))" } ?? ""
        return "its agent at \(address) did not answer within \(limit.components.seconds) s\(last). Check that the "
            + "network lets this node reach the VM's forwarder and that the image boots, or raise -proxy-timeout."
    }
}

extension String {
    /// The text, with a full stop if it does not end like a sentence: some reasons have no full stop.
    fileprivate var asSentence: String { last.map { ".!?".contains($0) } == true ? self : self + "." }
}

extension Result {
    /// The error of a failure; nil for a success.
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
    /// Whether the result is a failure.
    var isFailure: Bool { if case .failure = self { true } else { false } }
}
