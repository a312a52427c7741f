internal import PeerPodProtocol
internal import PodVMLifecycle
internal import TTRPC

extension HypervisorService {
    /// The most histories in one answer, so that it stays far below the limit of a frame.
    private static var historyLimit: Int { 32 }

    func histories(_ request: HistoryRequest) -> SandboxHistories {
        let all = supervisor.histories()
        if request.name.isEmpty {
            return .with { $0.sandboxes = all.suffix(Self.historyLimit).map(SandboxHistoryStatus.init) }
        }
        var found = all.filter { history in
            let pod = history.summary
            return [pod.id, pod.podName, "\(pod.podNamespace)/\(pod.podName)"].contains(request.name)
        }
        if found.isEmpty { found = all.filter { $0.summary.id.hasPrefix(request.name) } }
        return .with { $0.sandboxes = found.suffix(Self.historyLimit).map(SandboxHistoryStatus.init) }
    }
}

extension SandboxStatus {
    init(_ summary: SandboxSummary) {
        self.init()
        id = summary.id
        podName = summary.podName
        podNamespace = summary.podNamespace
        state = summary.state.rawValue
        vm = summary.vm.rawValue
        address = summary.address ?? ""
        created = summary.created
        failure = summary.failure ?? ""
        size = summary.place?.size ?? ""
        zone = summary.place?.zone ?? ""
        tee = summary.place?.tee?.rawValue ?? ""
    }
}

extension SandboxHistoryStatus {
    fileprivate init(_ history: SandboxHistory) {
        self.init()
        sandbox = SandboxStatus(history.summary)
        hasEnded = history.hasEnded
        sizeReason = history.requirements.reason
        steps = history.steps.map { step in
            .with {
                $0.step = step.kind.rawValue
                $0.time = step.time
                $0.place = step.place
                $0.code = step.code
                $0.detail = step.detail
            }
        }
    }
}
