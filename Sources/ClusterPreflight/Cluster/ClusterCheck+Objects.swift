internal import JSON
internal import Kubernetes
internal import Preflight

extension ClusterCheck {
    /// The most names in a finding.
    private static var nameLimit: Int { 10 }

    /// The RuntimeClass, and the labels of the nodes that it is for; nil without a RuntimeClass.
    func checkRuntimeClass() async -> ([Finding], selector: [String: String]?) {
        let name = options.runtimeClass
        let object: JSONObject
        do {
            object = try await client.get(ObjectName(.runtimeClasses, name))
        } catch  where error.kind == .notFound {
            return (
                [
                    Finding(
                        "runtime class", .failed, "there is no RuntimeClass \(name): no pod can name it",
                        advice: "install kata-deploy (docs/install.md), or set runtimeClass.create=true in the chart")
                ], nil
            )
        } catch {
            return ([unread("runtime class", error)], nil)
        }
        var findings: [Finding] = []
        let handler = object.text("handler") ?? ""
        if handler == options.handler {
            findings.append(Finding("runtime class", .ok, "the RuntimeClass \(name) has the handler \(handler)"))
        } else {
            findings.append(
                Finding(
                    "runtime class", .failed,
                    "the RuntimeClass \(name) has the handler \"\(handler)\", not \(options.handler)",
                    advice: "delete the RuntimeClass and create it with that handler, which cannot be changed"))
        }
        if object.value("overhead", "podFixed")?.objectValue?.isEmpty ?? true {
            findings.append(
                Finding(
                    "runtime class", .warning,
                    "the RuntimeClass \(name) has no overhead: the scheduler does not count what the shim needs",
                    advice: "set overhead.podFixed to cpu 250m and memory 120Mi, as kata-deploy does"))
        }
        let selector = object.value("scheduling", "nodeSelector")?.objectValue?.entries ?? []
        return (
            findings,
            Dictionary(selector.map { ($0.key, $0.value.stringValue ?? "") }, uniquingKeysWith: { _, last in last })
        )
    }

    /// The DaemonSets of the adaptor and of its gateway, and the adaptor's ServiceAccount.
    func checkDaemonSets() async -> ([Finding], account: String) {
        let all: [JSONObject]
        do {
            all = try await client.list(ObjectSelection(.daemonSets, in: options.namespace)).objects
        } catch {
            return ([unread("daemon sets", error)], "cloud-api-adaptor")
        }
        let ours = all.filter { set in
            let labels = set.value("spec", "selector", "matchLabels")
            return labels?["app"]?.stringValue?.hasPrefix("cloud-api-adaptor") == true
                || set["metadata"]?["name"]?.stringValue?.hasPrefix("cloud-api-adaptor") == true
                || set["metadata"]?["name"]?.stringValue == "osc-caa-ds"
        }
        guard !ours.isEmpty else {
            return (
                [
                    Finding(
                        "daemon sets", .failed, "the namespace \(options.namespace) has no DaemonSet of the adaptor",
                        advice: "install the chart (docs/install.md), or name its namespace with -namespace")
                ], "cloud-api-adaptor"
            )
        }
        let adaptor = ours.first {
            $0.value("spec", "selector", "matchLabels", "app")?.stringValue == "cloud-api-adaptor"
        }
        let account = adaptor?.text("spec", "template", "spec", "serviceAccountName") ?? "cloud-api-adaptor"
        return (ours.map(finding(on:)), account)
    }

    private func finding(on set: JSONObject) -> Finding {
        let name = set["metadata"]?["name"]?.stringValue ?? "?"
        let desired = set.number("status", "desiredNumberScheduled")
        let ready = set.number("status", "numberReady")
        let updated = set.number("status", "updatedNumberScheduled")
        if desired == 0 {
            return Finding(
                "daemon sets", .failed, "the DaemonSet \(name) fits no node",
                advice: "label the nodes as its nodeSelector says, or set daemonset.nodeSelector in the chart")
        }
        if ready < desired {
            return Finding(
                "daemon sets", ready == 0 ? .failed : .warning, "\(ready) of \(desired) pods of \(name) are ready",
                advice: "kubectl -n \(options.namespace) get pods -o wide, and read the log of a pod that is not ready")
        }
        // Pods of a DaemonSet with the strategy OnDelete keep their version until they are deleted.
        let old = updated < desired ? "; \(desired - updated) have an older version" : ""
        return Finding("daemon sets", .ok, "all \(desired) pods of \(name) are ready\(old)")
    }

    /// The extended resource on the nodes that the RuntimeClass is for.
    func checkNodes(_ selector: [String: String]) async -> [Finding] {
        let nodes: [JSONObject]
        do {
            nodes = try await client.list(ObjectSelection(.nodes)).objects
        } catch {
            return [unread("nodes", error)]
        }
        let eligible = nodes.filter { node in
            selector.allSatisfy { node["metadata"]?["labels"]?[$0.key]?.stringValue == $0.value }
        }
        guard !eligible.isEmpty else {
            let labels = selector.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ", ")
            return [
                Finding(
                    "nodes", .failed, "none of \(nodes.count) nodes has the labels of the RuntimeClass (\(labels))",
                    advice: "kata-deploy sets the labels: read the log of its pods")
            ]
        }
        let resource = "kata.peerpods.io/vm"
        var counts: [(name: String, count: Int64)] = []
        for node in eligible {
            let text = node["status"]?["allocatable"]?[resource]
            counts.append((node.fullName, text?.stringValue.flatMap { Int64($0) } ?? text?.integerValue ?? -1))
        }
        let without = counts.filter { $0.count < 0 }.map(\.name)
        let empty = counts.filter { $0.count == 0 }.map(\.name)
        var findings: [Finding] = []
        if !without.isEmpty {
            findings.append(
                Finding(
                    "nodes", without.count == eligible.count ? .failed : .warning,
                    "\(without.count) of \(eligible.count) nodes do not advertise \(resource): \(Self.list(without))",
                    advice: "check that the adaptor runs on them, and its right to patch nodes/status; a negative "
                        + "PEERPODS_LIMIT_PER_NODE also has this effect"))
        }
        if !empty.isEmpty {
            findings.append(
                Finding(
                    "nodes", .warning, "\(empty.count) nodes advertise 0 of \(resource): \(Self.list(empty))",
                    advice: "raise PEERPODS_LIMIT_PER_NODE"))
        }
        if findings.isEmpty {
            let sum = counts.reduce(Int64(0)) { $0.addingReportingOverflow($1.count).partialValue }
            findings.append(Finding("nodes", .ok, "\(eligible.count) nodes advertise \(sum) pod VMs"))
        }
        return findings
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(nameLimit).joined(separator: ", ") + (names.count > nameLimit ? ", …" : "")
    }

    /// Which admission policies the server has, and which are installed.
    func checkPolicies(_ minor: Int?) async -> [Finding] {
        var findings: [Finding] = []
        do {
            let policies = try await client.list(ObjectSelection(.validatingPolicies)).objects
            if let own = policies.first(where: { $0.fullName.hasSuffix("-own-node") }) {
                let warnings = own.value("status", "typeChecking", "expressionWarnings")?.arrayValue ?? []
                findings.append(
                    warnings.isEmpty
                        ? Finding("policies", .ok, "the policy \(own.fullName) binds each adaptor to its own node")
                        : Finding(
                            "policies", .warning,
                            "the policy \(own.fullName) has \(warnings.count) expressions that the server warns of",
                            advice: "kubectl get validatingadmissionpolicy \(own.fullName) -o yaml"))
            } else {
                findings.append(
                    Finding(
                        "policies", .warning,
                        "no policy binds each adaptor to its own node: a stolen token can change every node's status",
                        advice: "set nodePolicy.enabled=true in the chart"))
            }
        } catch {
            let older = Finding(
                "policies", .warning,
                "the server has no ValidatingAdmissionPolicy (1.30 or newer has it): a stolen token can change every node's status",
                advice: "upgrade the cluster")
            findings.append(error.kind == .notFound ? older : unread("policies", error))
        }
        findings.append(await checkSizingPolicy())
        return findings
    }

    private func checkSizingPolicy() async -> Finding {
        do {
            let served = try await client.read("/apis/admissionregistration.k8s.io/v1")
            let names = (served["resources"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
            guard names.contains("mutatingadmissionpolicies") else {
                return Finding(
                    "sizing", .ok,
                    "the server has no MutatingAdmissionPolicy in version v1 (1.36 or newer has it): the adaptor sizes VMs "
                        + "from the pods' own resources")
            }
            let policies = try await client.list(ObjectSelection(.mutatingPolicies)).objects
            let installed = policies.map(\.fullName).filter { $0.contains("sizing") }
            return Finding(
                "sizing", .ok,
                installed.isEmpty
                    ? "the server has MutatingAdmissionPolicy; the chart's sizingPolicy is not installed"
                    : "the policy \(installed.joined(separator: ", ")) sizes pods")
        } catch {
            return unread("sizing", error)
        }
    }
}
