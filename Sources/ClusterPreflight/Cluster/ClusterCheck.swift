internal import JSON
package import Kubernetes
package import Preflight

/// Checks whether a cluster is set up for peer pods: the API server, the RuntimeClass, the nodes' resource, the
/// DaemonSets, the CustomResourceDefinition, the admission policies and the adaptor's rights. It changes nothing.
package struct ClusterCheck: Sendable {
    /// What to check.
    package struct Options: Sendable {
        /// The namespace of the adaptor.
        package var namespace = "confidential-containers-system"
        /// The RuntimeClass of peer pods.
        package var runtimeClass = "kata-remote"
        /// The handler of the RuntimeClass.
        package var handler = "kata-remote"

        /// The names of the chart.
        package init() {}
    }

    let options: Options
    let client: KubernetesClient

    /// A check with these options.
    package init(_ options: Options, _ client: KubernetesClient) {
        self.options = options
        self.client = client
    }

    /// The findings, in a fixed order. Without an answer of the server there is one.
    package func run() async -> [Finding] {
        let (server, version) = await checkServer()
        guard version != nil else { return [server] }
        var findings = [server]
        let (runtimeClass, selector) = await checkRuntimeClass()
        findings += runtimeClass
        let (sets, account) = await checkDaemonSets()
        findings += sets
        if let selector { findings += await checkNodes(selector) }
        findings.append(await checkPeerPods())
        findings += await checkPolicies(version)
        findings += await RightsCheck(client).rights(ofServiceAccount: account, in: options.namespace)
        return findings
    }

    /// The server's version, and its minor number.
    private func checkServer() async -> (Finding, minor: Int?) {
        do {
            let version = try await client.read("/version")
            let text = version["gitVersion"]?.stringValue ?? "an unknown version"
            // Some vendors write 30+.
            let minor = (version["minor"]?.stringValue).flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
            guard minor >= 30 else {
                return (
                    Finding(
                        "server", .failed, "the API server is \(text); the chart needs 1.30 or newer",
                        advice: "upgrade the cluster"), minor
                )
            }
            return (Finding("server", .ok, "the API server is \(text)"), minor)
        } catch {
            return (
                Finding(
                    "server", .failed, "the API server does not answer as expected: \(error)",
                    advice: error.kind == .unauthorized
                        ? "use a token or certificate that is valid for this cluster"
                        : "check the address, the network and the credential of the kubeconfig"), nil
            )
        }
    }

    /// A finding about what could not be read.
    func unread(_ subject: String, _ error: KubernetesError) -> Finding {
        Finding(
            subject, .unknown, "\(error)",
            advice: error.kind == .forbidden ? "use an identity that may read it" : "try again")
    }

    /// The CustomResourceDefinition, and objects whose deletion does not end.
    private func checkPeerPods() async -> Finding {
        do {
            let objects = try await client.list(ObjectSelection(.peerPods)).objects
            let leaving = objects.filter { $0["metadata"]?["deletionTimestamp"] != nil }
            if !leaving.isEmpty {
                let names = leaving.prefix(5).map { $0.fullName }.joined(separator: ", ")
                return Finding(
                    "peer pods", .warning,
                    "\(leaving.count) of \(objects.count) PeerPod objects are being deleted, and wait for the end of "
                        + "their VM: \(names)",
                    advice: "if they stay, read the adaptor's log on the pod's node, or run peerpodctl gc there")
            }
            return Finding("peer pods", .ok, "PeerPod objects are served; there are \(objects.count)")
        } catch  where error.kind == .notFound {
            return Finding(
                "peer pods", .warning, "the CustomResourceDefinition of PeerPods is missing: VMs have no object",
                advice: "kubectl apply -f deploy/charts/peerpods/crds")
        } catch {
            return unread("peer pods", error)
        }
    }
}

extension JSONObject {
    /// The object's name, with its namespace if it has one.
    var fullName: String {
        let name = self["metadata"]?["name"]?.stringValue ?? "?"
        return (self["metadata"]?["namespace"]?.stringValue).map { "\($0)/\(name)" } ?? name
    }

    func number(_ keys: String...) -> Int64 { value(at: keys)?.integerValue ?? 0 }
}
