internal import PeerPodProtocol

extension SandboxList {
    /// The sandbox whose id, pod name or `namespace/name` is `operand`, or whose id begins with it.
    ///
    /// If several match, those that are being deleted are ignored.
    /// - Throws: ``PodFailure`` when no sandbox matches, or several do.
    func sandbox(named operand: String) throws(PodFailure) -> SandboxStatus {
        if let exact = sandboxes.first(where: { $0.id == operand }) { return exact }
        var matches = sandboxes.filter { [$0.podName, $0.fullName].contains(operand) }
        if matches.isEmpty { matches = sandboxes.filter { $0.id.hasPrefix(operand) } }
        if matches.count > 1 {
            let living = matches.filter { $0.state != "deleting" }
            if !living.isEmpty { matches = living }
        }
        guard let match = matches.first, !operand.isEmpty else {
            throw PodFailure(
                operation: "finding the sandbox",
                message: "no pod on this node has the name \"\(operand)\", and no sandbox's id begins with it",
                advice: "List the sandboxes with peerpodctl status.")
        }
        guard matches.count == 1 else {
            let list = matches.map { "\($0.id.prefix(12)) (\($0.fullName))" }.joined(separator: ", ")
            throw PodFailure(
                operation: "finding the sandbox", message: "\"\(operand)\" fits several sandboxes: \(list)",
                advice: "Give namespace/name, or more of the id; peerpodctl status -json shows the ids in full.")
        }
        return match
    }
}

extension SandboxStatus {
    /// The name in Kubernetes' form: `shop/web`.
    var fullName: String { "\(podNamespace)/\(podName)" }
}
