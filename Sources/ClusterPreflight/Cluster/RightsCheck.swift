internal import Kubernetes
internal import Preflight

/// Asks the API server which of the adaptor's rights are granted.
struct RightsCheck: Sendable {
    private let client: KubernetesClient

    init(_ client: KubernetesClient) { self.client = client }

    /// The rights of this process's ServiceAccount.
    func ownRights() async -> [Finding] { await rights(of: nil, "this process's identity") }

    /// The rights of the ServiceAccount `name`.
    func rights(ofServiceAccount name: String, in namespace: String) async -> [Finding] {
        await rights(of: "system:serviceaccount:\(namespace):\(name)", "the ServiceAccount \(namespace)/\(name)")
    }

    private func rights(of user: String?, _ subject: String) async -> [Finding] {
        var findings: [Finding] = []
        var granted: Set<AccessRight> = []
        for feature in ClusterFeatures.Feature.allCases {
            var missing: [String] = []
            for right in feature.needs {
                do {
                    if try await client.grants(right, to: user) {
                        granted.insert(right)
                    } else {
                        missing.append("\(right)")
                    }
                } catch {
                    findings.append(
                        Finding(
                            "rights", .unknown, "the API server does not say which rights \(subject) has: \(error)",
                            advice: user == nil
                                ? "check the network and the token"
                                : "use an identity that may create SubjectAccessReviews"))
                    return findings
                }
            }
            if !missing.isEmpty {
                findings.append(
                    Finding(
                        "rights", .warning,
                        "\(subject) may not \(missing.joined(separator: ", ")): pods start without the feature "
                            + "\(feature.rawValue)",
                        advice: Self.advice(feature)))
            }
        }
        if findings.isEmpty {
            findings.append(Finding("rights", .ok, "\(subject) has all \(granted.count) rights of the adaptor"))
        }
        return findings
    }

    private static func advice(_ feature: ClusterFeatures.Feature) -> String {
        switch feature {
        case .pullSecrets:
            "if private images fail to pull: set rbac.pullSecrets=true, or bind the ClusterRole peerpods-pull-secrets in "
                + "the pods' namespaces (docs/install.md)"
        default: "install the chart's ClusterRoles and bindings again (docs/install.md, \"Rights\")"
        }
    }
}
