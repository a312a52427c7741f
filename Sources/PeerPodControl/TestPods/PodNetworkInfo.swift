internal import JSON
internal import Telemetry

/// A pod's network namespace, addresses and gateway.
struct PodNetworkInfo: Equatable, Sendable {
    /// The path of the pod's network namespace on the node.
    let namespacePath: String
    /// The pod's addresses with their prefix lengths; empty when they could not be looked up.
    var addresses: [String] = []
    /// The next hop to other networks, if it is known.
    var gateway: String?

    /// The line that announces a pod before its command runs.
    func line(of pod: PodIdentity) -> String {
        let gateway = gateway.map { ", gateway \($0)" } ?? ""
        let addresses = addresses.isEmpty ? "addresses unknown" : addresses.joined(separator: ", ")
        return "pod \(pod.namespace)/\(pod.name): \(addresses)\(gateway), network namespace \(namespacePath)"
            .printable()
    }

    /// The announcement for programs.
    func json(of pod: PodIdentity) -> JSONValue {
        var object = JSONObject([
            ("pod", .string(pod.name)), ("namespace", .string(pod.namespace)), ("sandbox", .string(pod.sandbox)),
        ])
        for (name, value) in fields { object[name] = value }
        return .object(object)
    }

    /// The members that a report has, too.
    var fields: [(String, JSONValue)] {
        [
            ("networkNamespace", .string(namespacePath)), ("addresses", .array(addresses.map { .string($0) })),
            ("gateway", gateway.map { .string($0) } ?? .null),
        ]
    }
}
