internal import PeerPodProtocol

extension SandboxList {
    /// The sandbox that a person means by the beginning of its id, the pod's name, or `namespace/name`.
    ///
    /// Of a pod's several sandboxes it is the one that is not being deleted.
    /// - Throws: ``PodFailure`` when that is none, or several.
    func choice(_ operand: String) throws(PodFailure) -> SandboxStatus {
        if let exact = sandboxes.first(where: { $0.id == operand }) { return exact }
        var matches = sandboxes.filter { [$0.podName, $0.fullName].contains(operand) }
        if matches.isEmpty { matches = sandboxes.filter { $0.id.hasPrefix(operand) } }
        if matches.count > 1 {
            let living = matches.filter { $0.state != "deleting" }
            if !living.isEmpty { matches = living }
        }
        guard let match = matches.first, !operand.isEmpty else {
            throw PodFailure(
                operation: "choosing a sandbox",
                message: "no pod of this node is called \"\(operand)\", and no sandbox's id "
                    + "begins with it",
                advice: "peerpodctl status lists what there is.")
        }
        guard matches.count == 1 else {
            let list = matches.map { "\($0.id.prefix(12)) (\($0.fullName))" }.joined(separator: ", ")
            throw PodFailure(
                operation: "choosing a sandbox", message: "\"\(operand)\" may be any of \(list)",
                advice:
                    "Give namespace/name, or more of the sandbox's id: peerpodctl status -json shows the ids in full.")
        }
        return match
    }
}

extension SandboxStatus {
    /// As Kubernetes writes it: `shop/web`.
    var fullName: String { "\(podNamespace)/\(podName)" }
}
